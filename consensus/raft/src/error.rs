//! What can keep a replica from doing what it is asked.

use consensus_state::Reply;

/// What became of a proposal that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The control index at which it was applied.
    pub index: u64,
    /// The reply.
    pub reply: Reply,
}

/// Why a replica does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The disk is another node's.
    #[error("the disk is that of node {found}, and this is {expected}")]
    OtherNode {
        /// Who the disk says it is: cluster, node and Raft id.
        found: String,
        /// Who opens it.
        expected: String,
    },
    /// What the disk keeps cannot be used.
    #[error("the snapshot on the disk cannot be read: {0}")]
    Snapshot(String),
    /// The disk takes nothing.
    #[error("{0}")]
    Stopped(String),
    /// Raft does not start.
    #[error("Raft does not start: {0}")]
    Raft(String),
}

/// Why a cluster is not founded.
#[derive(Debug, thiserror::Error)]
pub enum FoundError {
    /// There is one.
    #[error("this node belongs to a cluster already")]
    Founded,
    /// Raft does not begin.
    #[error("Raft does not begin: {0}")]
    Raft(String),
    /// The first entry was not applied.
    #[error("{0}")]
    Propose(#[from] ProposeError),
}

/// Why a proposal has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// No leader was found in time; the proposal had no effect and will have none.
    #[error("no quorum of the cluster is reached: nothing was changed")]
    NoQuorum,
    /// It was handed over and not answered in time: it may have an effect, or have it later.
    #[error("the cluster did not answer in time: the outcome is unknown")]
    Unknown,
    /// This node does nothing more, and why; the proposal had no effect and will have none.
    #[error("this node has stopped: {0}")]
    Stopped(String),
    /// It is larger than any proposal may be.
    #[error("the proposal is too large: {0}")]
    TooLarge(String),
    /// Too much waits already.
    #[error("too much waits for the cluster already: nothing was changed")]
    Busy,
}

/// Why a read is not known to be true.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// No quorum answered in time.
    #[error("no quorum of the cluster is reached")]
    NoQuorum,
    /// This node does nothing more, and why.
    #[error("this node has stopped: {0}")]
    Stopped(String),
}

/// Why the membership or the leadership was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Another node leads, or none.
    #[error("this node does not lead; node {0:?} may")]
    NotLeader(Option<u64>),
    /// Raft refuses it.
    #[error("{0}")]
    Refused(String),
    /// It was not done in time.
    #[error("it was not done in time")]
    TimedOut,
}
