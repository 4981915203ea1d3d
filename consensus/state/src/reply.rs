//! What applying an entry answers, and what it causes outside of the state.

use proto::event::Stamped;
use proto::ids::{Epoch, Name, SessionId};

/// The answer to whoever proposed an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The node has started, in this epoch.
    Epoch(Epoch),
    /// The policy is in force, as this revision.
    Policy(u64),
    /// It is as was asked for; perhaps it was so before.
    Done,
    /// The session is open.
    SessionOpened,
    /// Nothing was changed.
    Refused(Denied),
}

/// Why an entry changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The entry has been applied already, or comes before one that has.
    #[error("entry {index} does not follow {applied}")]
    OutOfOrder {
        /// The index that was given.
        index: u64,
        /// The last index that was applied.
        applied: u64,
    },
    /// A retry that is too old: whether its request had an effect can no longer be told.
    #[error("the request is too old to be answered again")]
    RequestExpired,
    /// Somebody else changed the policy since the editor saw it.
    #[error("the policy is at revision {actual}, not {expected}")]
    StaleRevision {
        /// The revision that the editor saw.
        expected: u64,
        /// The current revision, 0 when there is none.
        actual: u64,
    },
    /// The digest is not that of the document.
    #[error("the digest is not that of the policy document")]
    DigestDiffers,
    /// The session was judged by a policy that is no longer in force: judge again.
    #[error("the policy is now at revision {current}")]
    PolicyChanged {
        /// The current revision, 0 when there is none.
        current: u64,
    },
    /// No such node has started.
    #[error("node {0} has not started")]
    UnknownNode(Name),
    /// The node has started again since: whoever asks is a clone or a ghost.
    #[error("the node is in epoch {}", current.0)]
    StaleEpoch {
        /// The epoch that the node is in.
        current: Epoch,
    },
    /// No such person.
    #[error("there is no person {0}")]
    UnknownPerson(Name),
    /// No such target.
    #[error("there is no target {0}")]
    UnknownTarget(Name),
    /// The person has as many sessions open as the policy lets them.
    #[error("{limit} sessions of this person are open, which is the limit")]
    TooManySessions {
        /// The policy's limit.
        limit: u32,
    },
    /// The session's id is not `<node>-<epoch>-<count>` of the node that opens it.
    #[error("{0} is not an id that this node may give")]
    NotItsSession(SessionId),
    /// The session's id has been used, or its number is far below those in use.
    #[error("session {0} is or was open")]
    SessionUsed(SessionId),
    /// A name occurs twice in a document.
    #[error("{what} {name} occurs twice")]
    Duplicate {
        /// `person` or `target`.
        what: &'static str,
        /// The name.
        name: Name,
    },
    /// Over one of the [`crate::limits`].
    #[error("too large: {what} may be at most {limit}")]
    Limit {
        /// What was counted, with its unit.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The event that lists what changed would be larger than any event may be.
    #[error("too many changes at once: the event would be {bytes} bytes; apply them in steps")]
    ChangeTooLarge {
        /// How large the event came out.
        bytes: usize,
    },
}

/// What applying an entry causes outside of the state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// The event of the control chain, exact bytes.
    pub event: Option<Stamped>,
    /// What readers of the state must look at again.
    pub changed: Changed,
    /// Sessions that a node's start found open: they were lost when it ended.
    pub lost_sessions: Vec<SessionId>,
}

/// Which parts of the state changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// The policy in force.
    pub policy: bool,
    /// People.
    pub people: bool,
    /// Targets.
    pub targets: bool,
}
