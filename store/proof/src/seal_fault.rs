//! What can be wrong between a record and its signed checkpoints.

use std::fmt;

use proto::ids::{Chain, SessionId};

/// What is wrong between a record and its signed checkpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealFault {
    /// The tree over the events is not the one that was sealed.
    Rewritten {
        /// The first event that the checkpoint before did not cover.
        first: u64,
        /// The last event that this one covers.
        last: u64,
    },
    /// A checkpoint is older than one that is known, or than the record that it should cover.
    OldCheckpoint {
        /// The chain.
        chain: Chain,
        /// The last event that it covers.
        covers: u64,
        /// The last event that is known to be covered, or that should be.
        newer: u64,
    },
    /// Somebody signed with another key of the same name.
    AnotherKey {
        /// The name.
        name: String,
    },
    /// A signature is not that of the text.
    BadSignature {
        /// The name of the key.
        name: String,
    },
    /// The event that closes a session says that its events are others than those that are here.
    SessionDiffers {
        /// Which session.
        session: SessionId,
        /// How many events it had.
        events: u64,
    },
    /// A file of events is not the one that its signed manifest speaks of.
    FileDiffers {
        /// How it differs.
        what: String,
    },
    /// One node has signed two histories: it, or a clone of it, wrote twice.
    TwoHistories {
        /// The node's chain.
        chain: Chain,
        /// How many events both trees have.
        size: u64,
    },
}

impl SealFault {
    /// Its name in machine-readable output.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Rewritten { .. } => "rewritten",
            Self::OldCheckpoint { .. } => "old-checkpoint",
            Self::AnotherKey { .. } => "signed-with-another-key",
            Self::BadSignature { .. } => "bad-signature",
            Self::SessionDiffers { .. } => "session-differs",
            Self::FileDiffers { .. } => "file-differs",
            Self::TwoHistories { .. } => "cloned-node",
        }
    }
}

impl fmt::Display for SealFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rewritten { first, last } => write!(
                f,
                "the tree up to it is not the one that was sealed: of events {first} to {last} \
                 some were edited, put in or taken out"
            ),
            Self::OldCheckpoint { chain, covers, newer } => write!(
                f,
                "the checkpoint of {chain} covers events up to {covers}, and one up to {newer} \
                 must be there"
            ),
            Self::AnotherKey { name } => {
                write!(f, "it is signed with another key than that of {}", name.escape_debug())
            }
            Self::BadSignature { name } => {
                write!(f, "the signature of {} is not good", name.escape_debug())
            }
            Self::FileDiffers { what } => f.write_str(what),
            Self::SessionDiffers { session, events } => write!(
                f,
                "session {} was closed over {events} events, and those here are others",
                session.as_str().escape_debug()
            ),
            Self::TwoHistories { chain, size } => write!(
                f,
                "{chain} has signed two histories of {size} events: a second node runs with its key"
            ),
        }
    }
}
