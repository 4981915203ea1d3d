//! Who is a member now: the port that the node's replicated state is behind.

use proto::ids::{Digest, Name};
use proto::peer::MemberRecord;
use proto::time::Utc;
use tokio::sync::watch;

/// How a Raft id stands. Raft ids are never used again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A member, with its name and SHA-256 of the public key (SPKI) that it must show.
    Member {
        /// Its name.
        node: Name,
        /// Its key.
        key: Digest,
    },
    /// It was taken out, for ever.
    Removed,
    /// This node does not know it: nobody does, or this node is behind.
    Unknown,
}

/// The members, as this node's replicated state has them.
pub trait Members: Send + Sync + 'static {
    /// How a Raft id stands now. It must not block.
    fn standing(&self, raft_id: u64) -> Standing;

    /// All members.
    fn all(&self) -> Vec<MemberRecord>;

    /// Changes its value whenever a member comes, goes or changes its key.
    fn changes(&self) -> watch::Receiver<u64>;
}

/// The wall clock: what certificates are judged by.
pub trait WallClock: Send + Sync + 'static {
    /// Now.
    fn utc(&self) -> Utc;
}
