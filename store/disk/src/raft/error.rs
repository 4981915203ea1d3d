//! What can be wrong with what Raft must never forget.

use std::fmt;

/// What to do about a damaged log: its node must not vote with a memory that has holes.
const REJOIN: &str = "this node must not go on with it: take it out (`sallyport cluster remove \
                      NODE`), empty its data directory, and let it join as a new node";

/// A record that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file, within the directory.
    pub file: String,
    /// Which record of it.
    pub record: String,
    /// What does not fit.
    pub what: String,
}

impl Damage {
    pub(crate) fn of(record: impl Into<String>, what: impl Into<String>) -> Self {
        let file = super::store::FILE.to_owned();
        Self { file, record: record.into(), what: what.into() }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, record, what } = self;
        write!(f, "SP-1807: the Raft log is damaged in {file}, {record}: {what}; {REJOIN}")
    }
}

/// Why it cannot be opened. Nothing was changed when there is damage.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// What was durable is not what was written.
    #[error("{0}")]
    Damaged(Damage),
    /// A newer program wrote it.
    #[error("{file} has format version {version}, which this program does not read")]
    UnknownVersion {
        /// The file, within the directory.
        file: String,
        /// The version that it says.
        version: u8,
    },
    /// The file system failed.
    #[error("{what} failed: {why}")]
    Failed {
        /// What was tried.
        what: String,
        /// What was said.
        why: String,
    },
}

impl OpenError {
    pub(crate) fn failed(what: &str, why: impl fmt::Display) -> Self {
        Self::Failed { what: what.to_owned(), why: why.to_string() }
    }
}

/// Why something cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is not what was written.
    #[error("{0}")]
    Damaged(Damage),
    /// The medium failed.
    #[error("reading the Raft log failed: {0}")]
    Failed(String),
}

/// Nothing is written any more, and whether this write is kept is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the Raft log takes nothing more: {0}")]
pub struct Stopped(pub String);
