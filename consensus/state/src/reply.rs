//! What applying an entry answers to whoever proposed it.

#![allow(missing_docs, reason = "rkyv derives a resolver whose fields it does not document")]

use proto::entry::ApprovalId;
use proto::ids::Epoch;
use proto::time::Utc;
use rkyv::{Archive, Deserialize, Serialize};

use crate::approvals::Status;
use crate::denied::Denied;

/// The answer to whoever proposed an entry. It crosses the wire between nodes, and is kept in
/// snapshots: a variant is never changed or taken out, and a new one comes last.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub enum Reply {
    /// It is as was asked for; perhaps it was so before.
    Done,
    /// The node has started, in this epoch.
    Epoch(Epoch),
    /// The policy is in force, as this revision.
    Policy(u64),
    /// The people are those, as this revision.
    People(u64),
    /// The targets are those, as this revision.
    Targets(u64),
    /// The session is open.
    SessionOpened,
    /// The node is a member, with this Raft id.
    Joined {
        /// Its Raft id, which is never used again.
        raft_id: u64,
    },
    /// The request for an approval stands.
    Approval(ApprovalId),
    /// The ruling counts.
    Ruled {
        /// What it made of the request.
        status: Status,
    },
    /// The approval was spent for this command: now, and by this entry alone, it may run.
    Consumed {
        /// Until when the approval holds for more commands of the session, when it does.
        until: Option<Utc>,
    },
    /// The lock holds.
    Lock(ApprovalId),
    /// Nothing was changed.
    Refused(Denied),
}
