//! A fault with where it is, and the list of them.

use std::fmt;
use std::sync::Arc;

use proto::ids::EventId;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::fault::{Fault, Severity};

/// How many findings are kept; more are counted.
pub const FINDINGS_LIMIT: usize = 10_000;

/// Where bytes came from, in words that lead somebody there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A line of a file, from 1.
    Line {
        /// The file's name.
        file: Arc<str>,
        /// The line.
        line: u64,
    },
    /// A file as a whole.
    File {
        /// The file's name.
        file: Arc<str>,
    },
    /// A position of a log.
    Position(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { file, line } => write!(f, "{file}:{line}"),
            Self::File { file } => f.write_str(file),
            Self::Position(position) => write!(f, "position {position}"),
        }
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The event; absent for bytes that are none, and for a chain that is not here.
    pub event: Option<EventId>,
    /// Where it is; absent for what is not here.
    pub place: Option<Place>,
    /// What is wrong.
    pub fault: Fault,
}

impl Finding {
    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.fault.severity()
    }
}

impl fmt::Display for Finding {
    /// `tampering: edited: gw-1/1-6 at events.jsonl:6: …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: ", self.severity(), self.fault.name())?;
        match (&self.event, &self.place) {
            (Some(event), Some(place)) => write!(f, "{event} at {place}: ")?,
            (Some(event), None) => write!(f, "{event}: ")?,
            (None, Some(place)) => write!(f, "{place}: ")?,
            (None, None) => {}
        }
        self.fault.fmt(f)
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Finding", 5)?;
        fields.serialize_field("severity", &self.severity())?;
        fields.serialize_field("fault", self.fault.name())?;
        fields.serialize_field("event", &self.event.as_ref().map(ToString::to_string))?;
        fields.serialize_field("place", &self.place)?;
        fields.serialize_field("text", &self.fault.to_string())?;
        fields.end()
    }
}

/// An event's name and where it is.
#[derive(Clone, Debug)]
pub(crate) struct At {
    pub(crate) event: EventId,
    pub(crate) place: Place,
}

/// A place in the list that is kept for a finding which is not certain yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Turn(u64);

/// Findings in the order in which they were met, which may differ from the order in which they
/// became certain.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<(Turn, Finding)>,
    turns: u64,
    left_out: u64,
    tampered: bool,
}

impl Findings {
    pub(crate) fn turn(&mut self) -> Turn {
        self.turns += 1;
        Turn(self.turns)
    }

    pub(crate) fn push(&mut self, at: &At, fault: Fault) {
        let turn = self.turn();
        self.push_at(turn, at, fault);
    }

    pub(crate) fn push_at(&mut self, turn: Turn, at: &At, fault: Fault) {
        let (event, place) = (Some(at.event.clone()), Some(at.place.clone()));
        self.put(turn, Finding { event, place, fault });
    }

    pub(crate) fn put(&mut self, turn: Turn, finding: Finding) {
        self.tampered |= finding.severity() == Severity::Tampering;
        if self.list.len() < FINDINGS_LIMIT {
            self.list.push((turn, finding));
        } else {
            self.left_out += 1;
        }
    }

    /// The findings in order, how many more there were, and whether any of all is tampering.
    pub(crate) fn into_parts(mut self) -> (Vec<Finding>, u64, bool) {
        self.list.sort_by_key(|(turn, _)| *turn);
        let list = self.list.into_iter().map(|(_, finding)| finding).collect();
        (list, self.left_out, self.tampered)
    }
}
