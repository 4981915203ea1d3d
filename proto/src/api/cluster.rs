//! The cluster: its nodes, and whether it can be relied on.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{Digest, Epoch, Name};
use crate::reading::Durability;
use crate::refusal::Told;
use crate::time::Utc;

/// How the cluster is, as one node knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterStatus {
    /// The cluster.
    pub id: Name,
    /// The node that answers.
    pub node: Name,
    /// The leader, as the node that answers knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<Name>,
    /// The term of Raft.
    pub term: u64,
    /// The last control index that the node that answers has applied.
    pub applied: u64,
    /// The version of the cluster's entries: what all members understand.
    pub cluster_version: u32,
    /// How long a node acts on what it knows without contact with the majority, in milliseconds.
    pub contact_ms: u64,
    /// How long ago the node that answers had contact last, in milliseconds.
    pub contact_age_ms: u64,
    /// Whether that is recent enough: without contact nothing opens here.
    pub has_contact: bool,
    /// The revision of the policy in force, 0 when there is none.
    pub policy_revision: u64,
    /// The nodes, by name.
    pub nodes: Vec<NodeRow>,
    /// Locks in force.
    pub locks: u64,
    /// Requests for approvals that are open.
    pub open_approvals: u64,
    /// Sessions that are open.
    pub open_sessions: u64,
    /// Sessions that were closed: how many, and the root of the tree over them.
    pub ledger: LedgerHead,
    /// How events are kept at best.
    pub durability: Durability,
    /// The replicated stream of the node that answers; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<super::StreamStatus>,
    /// What is wrong, as far as the node that answers knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<ClusterProblem>,
}

/// Closed sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerHead {
    /// How many.
    pub count: u64,
    /// The root of the tree over them (RFC 6962).
    pub root: Digest,
}

/// Something that is wrong on a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterProblem {
    /// The node.
    pub node: Name,
    /// What.
    #[serde(flatten)]
    pub told: Told,
}

macro_rules! words {
    ($($(#[doc = $text:literal])* enum $name:ident {
        $($(#[doc = $doc:literal])* $variant:ident = $word:literal,)*
    })*) => {$(
        $(#[doc = $text])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum $name { $($(#[doc = $doc])* #[serde(rename = $word)] $variant,)* }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word,)* })
            }
        }
    )*};
}

words! {
    /// What a node does when others agree.
    enum NodeRole {
        /// It leads.
        Leader = "leader",
        /// It votes.
        Voter = "voter",
        /// It only listens, until it has caught up.
        Learner = "learner",
        /// It is no member.
        None = "none",
    }
    /// How a node stands.
    enum NodePresence {
        /// It joined, and has not started yet.
        Joined = "joined",
        /// It has started, and was not lost since.
        Up = "up",
        /// It stopped in good order.
        Stopped = "stopped",
        /// The leader had no contact with it for too long; its sessions were closed.
        Lost = "lost",
        /// It was taken out, for ever.
        Removed = "removed",
    }
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeRow {
    /// Its name.
    pub id: Name,
    /// What it does when others agree.
    pub role: NodeRole,
    /// How it stands.
    pub presence: NodePresence,
    /// Since when, in the cluster's time.
    pub since: Utc,
    /// How often it has started.
    pub epoch: Epoch,
    /// Its Raft id, which is never used again.
    pub raft_id: u64,
    /// The program's version, as it said when it started last.
    pub version: String,
    /// The newest cluster version that it understands.
    pub supports: u32,
    /// Where other nodes reach it.
    pub cluster_address: String,
    /// Where clients of the API reach it.
    pub api_address: String,
    /// How long ago the node that answers heard of it last, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard_ms: Option<u64>,
    /// How far its log is behind the leader's, in entries; only the leader knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<u64>,
}

/// A join token, to be put into a file of the node that joins.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct JoinTokenGiven {
    /// What the file holds. Whoever has it can join one node, once.
    pub join_file: String,
    /// How long it is good for, in seconds.
    pub expires_in: u64,
}

impl fmt::Debug for JoinTokenGiven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinTokenGiven({} s)", self.expires_in)
    }
}

/// A backup is to be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupAsked {
    /// The public key that it is encrypted to: X25519, 32 bytes in base64.
    pub recipient: String,
}
