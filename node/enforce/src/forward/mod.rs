//! What a target is asked to do for a forward: to connect somewhere, or to listen.
//!
//! What is judged, sealed and sent is one line of text. It holds all that the judgement depends on:
//! where the name led and which of the cluster's targets are there are found by whoever asks, so
//! that the same line is always judged the same.

mod address;

use std::net::IpAddr;

use proto::ids::Name;
use proto::reading::{Channel, Forward, ForwardOperation, Reading};

pub(crate) use address::LOCALHOST;
pub use address::{Address, Host};

/// The reader of what is asked for a forward, and its version.
pub const READER: &str = "forward/1";
/// How many addresses of a name are judged, and tried.
pub const ADDRESSES_LIMIT: usize = 8;
/// How many targets are named that may be there.
pub const TARGETS_LIMIT: usize = 8;
/// What is judged before anything is asked: that there may be forwards of a connection at all, or
/// that an agent or a display is lent to a target.
const OPENINGS: &[(Seen, &str)] = &[
    (Seen::Opening, "# forwards"),
    (Seen::Agent, "# a forwarded agent"),
    (Seen::Display, "# a forwarded display"),
];
/// What stands before the addresses that a name has, and before the targets that are there.
const AT: &str = "at";
const OF: &str = "of";

/// What was seen of a session that forwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is to be opened.
    Opening,
    /// The client's key agent is to be lent to the target.
    Agent,
    /// The client's display is to be lent to the target.
    Display,
    /// Something is asked for in it.
    Asked(Asked),
}

/// One thing that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What the target is to do.
    pub operation: ForwardOperation,
    /// Where.
    pub address: Address,
    /// Where its name leads: the target is sent there, if there is any.
    pub at: Vec<IpAddr>,
    /// The cluster's own targets that are there, or may be.
    pub targets: Vec<Name>,
}

impl Seen {
    /// As it is judged, sealed and shown.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let Self::Asked(Asked { operation, address, at, targets }) = self else {
            let opening = OPENINGS.iter().find(|(seen, _)| seen == self);
            return opening.map_or("", |(_, words)| words).as_bytes().to_vec();
        };
        let mut line = format!("{} {address}", operation.word());
        for (word, list) in [(AT, list(at)), (OF, list(targets))] {
            if !list.is_empty() {
                line.push_str(&format!(" {word} {list}"));
            }
        }
        line.into_bytes()
    }

    /// Reads it back; nothing when it is not to the letter what would have been written.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        if let Some((opening, _)) = OPENINGS.iter().find(|(_, words)| *words == text) {
            return Some(opening.clone());
        }
        let mut words = text.split(' ');
        let word = words.next()?;
        let (_, operation) = ForwardOperation::ALL.iter().find(|(known, _)| *known == word)?;
        let address = Address::parse(words.next()?, *operation)?;
        let (mut at, mut targets) = (Vec::new(), Vec::new());
        while let Some(word) = words.next() {
            let items = words.next()?.split(',');
            match word {
                AT => at = items.map(|item| item.parse().ok()).collect::<Option<_>>()?,
                OF => targets = items.map(|item| item.parse().ok()).collect::<Option<_>>()?,
                _ => return None,
            }
        }
        let seen = Self::Asked(Asked { operation: *operation, address, at, targets });
        (seen.encode() == bytes).then_some(seen)
    }
}

fn list<T: ToString>(items: &[T]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.join(",")
}

/// Whether what passes on a channel of this kind is forwarded, and seen by nobody.
#[must_use]
pub fn is_forwarded(channel: Channel) -> bool {
    matches!(channel, Channel::Forward | Channel::Agent | Channel::X11)
}

/// Reads what is asked; gives it as it is too, for conditions.
pub(crate) fn read_open(bytes: &[u8]) -> (Reading, Option<Asked>) {
    let mut reading = Reading { reader: READER.to_owned(), ..Reading::default() };
    match Seen::decode(bytes) {
        Some(Seen::Opening | Seen::Agent | Seen::Display) => (reading, None),
        Some(Seen::Asked(asked)) => {
            reading.forward = Some(Box::new(Forward {
                operation: asked.operation,
                address: asked.address.to_string(),
                at: asked.at.iter().map(ToString::to_string).collect(),
                targets: asked.targets.iter().map(ToString::to_string).collect(),
            }));
            (reading, Some(asked))
        }
        None => {
            reading.unreadable = Some("it asks for what is not known here".to_owned());
            (reading, None)
        }
    }
}

/// Whether a reading is of a forward, or of a session of them that is to be opened.
pub(crate) fn is_one(reading: &Reading) -> bool {
    reading.reader == READER
}

/// Whether what is done through it could be read by the gateway, and would not be.
pub(crate) fn is_unseen(reading: &Reading) -> bool {
    reading.forward.as_ref().is_some_and(|forward| !forward.targets.is_empty())
}

/// Whether a reading is that of a session that is to be opened.
pub(crate) fn opens(reading: &Reading) -> bool {
    is_one(reading) && reading.forward.is_none() && reading.unreadable.is_none()
}

#[cfg(test)]
mod tests;
