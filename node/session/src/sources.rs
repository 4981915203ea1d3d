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
    /// How many of them may not have logged in.
    pub strangers: usize,
    /// How many of those may come from one source.
    pub strangers_per_source: usize,
}

/// Why a connection is closed before a word is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// Too many connections are open.
    Connections,
    /// Too many connections have not logged in.
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

/// The counts.
#[derive(Debug, Default)]
pub struct Sources {
    connections: usize,
    strangers: HashMap<Source, usize>,
    all_strangers: usize,
}

impl Sources {
    /// A new connection takes its places, or is turned away.
    ///
    /// # Errors
    /// [`Full`], with what there is too much of.
    pub fn enter(&mut self, source: Source, limits: &SourceLimits) -> Result<(), Full> {
        if self.connections >= limits.connections {
            return Err(Full::Connections);
        }
        if self.all_strangers >= limits.strangers {
            return Err(Full::Strangers);
        }
        let here = self.strangers.get(&source).copied().unwrap_or(0);
        if here >= limits.strangers_per_source {
            return Err(Full::Source);
        }
        self.connections += 1;
        self.all_strangers += 1;
        self.strangers.insert(source, here + 1);
        Ok(())
    }

    /// A connection logged in, or left before it did: it is a stranger no longer.
    pub fn known(&mut self, source: Source) {
        self.all_strangers = self.all_strangers.saturating_sub(1);
        let here = self.strangers.get(&source).copied().unwrap_or(0);
        if here <= 1 {
            self.strangers.remove(&source);
        } else {
            self.strangers.insert(source, here - 1);
        }
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
