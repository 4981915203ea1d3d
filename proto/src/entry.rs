//! What the control plane is told: the entries that every node applies in the same order.
//!
//! rkyv, with a version byte in front, because only nodes of this product read them. A new kind of
//! entry is a new variant at the end; nothing is ever taken out or moved.

#![allow(missing_docs, reason = "rkyv derives a resolver whose fields it does not document")]

use rkyv::rancor::Error as RkyvError;
use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize};

use crate::ids::{Digest, Epoch, Name, SessionId};
use crate::person::Person;
use crate::target::Target;
use crate::time::Utc;

/// The version that this program writes; it reads all up to this.
pub const ENTRY_VERSION: u8 = 1;

/// The largest entry, in bytes.
pub const ENTRY_LIMIT: usize = 8 * 1024 * 1024;

/// An entry with who asked for it and when: what the log of the control plane holds.
#[derive(Clone, Debug, PartialEq, Eq, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct Proposal {
    /// Who asked; with `request` it names one effect, however often it is retried.
    pub client: Name,
    /// The asker's own number of the request.
    pub request: u64,
    /// The stamp of whoever put it into the log.
    pub at: Utc,
    /// What is asked for.
    pub entry: Entry,
}

/// One change of the control plane.
#[derive(Clone, Debug, PartialEq, Eq, Archive, RkyvSerialize, RkyvDeserialize)]
pub enum Entry {
    /// A node starts: it gets its next epoch, and its open sessions are lost.
    NodeStarted {
        /// Which node.
        node: Name,
    },
    /// A policy comes into force as a whole.
    PolicySet {
        /// The document's exact text.
        document: String,
        /// SHA-256 of the text.
        digest: Digest,
        /// The revision it must follow, when the editor said which one they saw.
        expected_revision: Option<u64>,
        /// Who sets it.
        by: String,
    },
    /// The people of the cluster, as a whole.
    PeopleSet {
        /// All of them.
        people: Vec<Person>,
        /// Who sets them.
        by: String,
    },
    /// The targets of the cluster, as a whole.
    TargetsSet {
        /// All of them.
        targets: Vec<Target>,
        /// Who sets them.
        by: String,
    },
    /// A session is to be opened; checked in order against all that came before.
    SessionOpen(SessionOpening),
    /// A session is closed.
    SessionClose {
        /// Which session.
        session: SessionId,
    },
    /// Time passes.
    Tick,
}

/// What must be known to open a session.
#[derive(Clone, Debug, PartialEq, Eq, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct SessionOpening {
    /// The node that serves it.
    pub node: Name,
    /// That node's epoch.
    pub epoch: Epoch,
    /// The session.
    pub session: SessionId,
    /// Who opens it.
    pub person: Name,
    /// To what.
    pub target: Name,
    /// As whom there.
    pub login: String,
    /// The policy revision that it was judged by.
    pub policy_revision: u64,
    /// How many sessions a person may have open by that policy.
    pub per_person: u32,
}

/// Bytes that are not a proposal.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadProposal {
    /// A version that this program does not read.
    #[error("entry version {0} is not one that this program reads (up to {ENTRY_VERSION})")]
    Version(u8),
    /// Not the bytes of a proposal.
    #[error("entry bytes are damaged: {0}")]
    Damaged(String),
    /// Larger than any entry may be.
    #[error("an entry of {0} bytes is larger than {ENTRY_LIMIT}")]
    TooLarge(usize),
}

impl Proposal {
    /// The bytes that are kept.
    ///
    /// # Errors
    /// [`BadProposal::TooLarge`] over [`ENTRY_LIMIT`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, BadProposal> {
        let body = rkyv::to_bytes::<RkyvError>(self)
            .map_err(|error| BadProposal::Damaged(error.to_string()))?;
        if body.len() > ENTRY_LIMIT {
            return Err(BadProposal::TooLarge(body.len()));
        }
        let mut bytes = Vec::with_capacity(body.len() + 1);
        bytes.push(ENTRY_VERSION);
        bytes.extend_from_slice(&body);
        Ok(bytes)
    }

    /// Reads kept bytes; they are validated before anything is believed.
    ///
    /// # Errors
    /// [`BadProposal`] when they are not a proposal of a version up to this one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadProposal> {
        if bytes.len() > ENTRY_LIMIT + 1 {
            return Err(BadProposal::TooLarge(bytes.len() - 1));
        }
        let (version, body) =
            bytes.split_first().ok_or_else(|| BadProposal::Damaged("no bytes".to_owned()))?;
        if *version != ENTRY_VERSION {
            return Err(BadProposal::Version(*version));
        }
        // rkyv reads in place and needs alignment, which a slice of a file does not have.
        let mut aligned = rkyv::util::AlignedVec::<16>::with_capacity(body.len());
        aligned.extend_from_slice(body);
        rkyv::from_bytes::<Self, RkyvError>(&aligned)
            .map_err(|error| BadProposal::Damaged(error.to_string()))
    }
}
