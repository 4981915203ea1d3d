//! Who may connect before anybody has logged in: counts of connections, in all and by source.
//!
//! Pure counting. A place that was taken is given back by whoever took it; the driver does that on
//! every way out.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

/// Where a connection comes from, as far as one person can choose it: an IPv4 address, or the
/// upper half of an IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source(IpAddr);

impl Source {
    /// Where an address belongs.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(IpAddr::V4(address)),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self(IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)))
            }
        }
    }
}

/// How many may knock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceLimits {
    /// How many connections may be open in all.
    pub connections: usize,
    /// With how many connections that have not logged in there is a crowd: from then on a new one
    /// may cost another one its place.
    pub crowd: usize,
    /// How likely that is when the crowd begins, in percent; it rises to certainty at `strangers`.
    pub crowd_percent: u8,
    /// How many connections may not have logged in.
    pub strangers: usize,
    /// How many of those may come from one source.
    pub strangers_per_source: usize,
}

impl SourceLimits {
    /// Whether one of so many strangers has to go for a new one, when `percent` (below 100) was
    /// drawn: the random early drop of OpenSSH's `MaxStartups`.
    fn drops(&self, strangers: usize, percent: usize) -> bool {
        if strangers >= self.strangers {
            return true;
        }
        let Some(over) = strangers.checked_sub(self.crowd) else { return false };
        let least = usize::from(self.crowd_percent.min(100));
        percent < least + (100 - least) * over / (self.strangers - self.crowd)
    }
}

/// Why a connection is closed before a word is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// Too many connections are open.
    Connections,
    /// Too many connections have not logged in, and no source has more of them than this one.
    Strangers,
    /// Too many of them come from this source.
    Source,
}

impl Full {
    /// A word for a metric.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Strangers => "strangers",
            Self::Source => "source",
        }
    }
}

/// A connection that has not logged in, among all that there ever were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stranger(u64);

/// A connection that was let through the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entered {
    /// What it is known by until it has logged in.
    pub stranger: Stranger,
    /// Who lost their place to it.
    pub instead_of: Option<Stranger>,
}

/// The counts.
#[derive(Debug, Default)]
pub struct Sources {
    connections: usize,
    strangers: HashMap<Source, Vec<Stranger>>,
    all_strangers: usize,
    last: u64,
}

impl Sources {
    /// A new connection takes its places, or is turned away. In a crowd somebody may have to go:
    /// one of those sources with the most strangers, so that whoever knocks once gets in beside
    /// whoever knocks often. `random` decides whether, and who.
    ///
    /// # Errors
    /// [`Full`], with what there is too much of.
    pub fn enter(
        &mut self,
        source: Source,
        limits: &SourceLimits,
        random: u64,
    ) -> Result<Entered, Full> {
        if self.connections >= limits.connections {
            return Err(Full::Connections);
        }
        let here = self.strangers.get(&source).map_or(0, Vec::len);
        if here >= limits.strangers_per_source {
            return Err(Full::Source);
        }
        let random = usize::try_from(random).unwrap_or(usize::MAX);
        let mut instead_of = None;
        if limits.drops(self.all_strangers, random % 100) {
            let most = self.strangers.values().map(Vec::len).max().unwrap_or(0);
            if here >= most {
                return Err(Full::Strangers);
            }
            instead_of = self.turn_out(most, random / 100);
        }
        self.last += 1;
        let stranger = Stranger(self.last);
        self.connections += 1;
        self.all_strangers += 1;
        self.strangers.entry(source).or_default().push(stranger);
        Ok(Entered { stranger, instead_of })
    }

    /// Takes the place of one stranger among the sources that have so many.
    fn turn_out(&mut self, most: usize, random: usize) -> Option<Stranger> {
        let busiest = self.strangers.iter().filter(|(_, here)| here.len() == most);
        let all: Vec<_> =
            busiest.flat_map(|(of, here)| here.iter().map(|one| (*of, *one))).collect();
        let (source, stranger) = *all.get(random.checked_rem(all.len())?)?;
        self.known(source, stranger).then_some(stranger)
    }

    /// A connection logged in, or left before it did: it is a stranger no longer. Whether it was
    /// one until now: one that lost its place is not.
    pub fn known(&mut self, source: Source, stranger: Stranger) -> bool {
        let Some(here) = self.strangers.get_mut(&source) else { return false };
        let Some(at) = here.iter().position(|one| *one == stranger) else { return false };
        here.swap_remove(at);
        if here.is_empty() {
            self.strangers.remove(&source);
        }
        self.all_strangers -= 1;
        true
    }

    /// A connection is over.
    pub fn leave(&mut self) {
        self.connections = self.connections.saturating_sub(1);
    }

    /// How many are open: all, and those that have not logged in.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.connections, self.all_strangers)
    }
}
