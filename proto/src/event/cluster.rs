//! What can happen to the cluster: approvals, locks, nodes, contact and backups.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entry::{ApprovalId, Ruling, Withdrawn};
use crate::ids::{Digest, Name, SessionId};
use crate::refusal::Told;
use crate::time::Utc;

/// What one rule asks of those who approve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AskedOfApprovers {
    /// The rule.
    pub rule: String,
    /// How many people must approve.
    pub count: u32,
    /// Who may, as they were when it was asked.
    pub approvers: Vec<Name>,
}

/// `approval.requested`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalRequested {
    /// The approval's id.
    pub approval: ApprovalId,
    /// Who asks.
    pub person: String,
    /// The held command; absent when a policy asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<HeldCommand>,
    /// SHA-256 of the policy document that waits; absent when a command asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_document: Option<Digest>,
    /// Every one of these must be satisfied; one person may count for several.
    pub rules: Vec<AskedOfApprovers>,
    /// How long an approval holds within the session, in milliseconds; absent when it is for one
    /// command, to the byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
    /// When the request ends, in the cluster's time.
    pub expires: Utc,
}

/// A command that waits for an approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeldCommand {
    /// The node that holds it.
    pub node: Name,
    /// Its session.
    pub session: SessionId,
    /// Its number within the session.
    pub command: u64,
    /// HMAC-SHA256 of its raw bytes under the cluster's digest key.
    pub digest: Digest,
    /// The target.
    pub target: Name,
    /// As whom there.
    pub login: String,
    /// Its masked text, cut when it is long.
    pub text: String,
    /// Whether something in the text was masked, or it was cut.
    #[serde(default, skip_serializing_if = "is_false")]
    pub incomplete: bool,
}

/// `approval.ruled`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalRuled {
    /// The approval's id.
    pub approval: ApprovalId,
    /// Who ruled.
    pub person: Name,
    /// What.
    pub ruling: Ruling,
    /// Why.
    pub reason: String,
    /// Whether every rule is satisfied now.
    pub satisfied: bool,
}

/// `approval.withdrawn`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalWithdrawn {
    /// The approval's id.
    pub approval: ApprovalId,
    /// Why.
    pub because: Withdrawn,
}

/// `approval.expired`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalExpired {
    /// The approval's id.
    pub approval: ApprovalId,
}

/// `approval.revoked`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalRevoked {
    /// The approval's id.
    pub approval: ApprovalId,
    /// Who took it back.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// `approval.consumed`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalConsumed {
    /// The approval's id.
    pub approval: ApprovalId,
    /// The session whose command took it; absent when a policy did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_session: Option<SessionId>,
    /// The command's number within the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_command: Option<u64>,
    /// HMAC-SHA256 of the command's raw bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Until when it holds for more commands of the session, when it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Utc>,
}

/// `lock.set`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LockSet {
    /// The lock's id.
    pub lock: ApprovalId,
    /// Who or what is locked out: `person alice`, `target web-1`, `node gw-1`, `everything`.
    pub scope: String,
    /// Until when, when it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Utc>,
    /// Why.
    pub reason: String,
    /// Who locked.
    pub by: String,
}

/// `lock.lifted`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LockLifted {
    /// The lock's id.
    pub lock: ApprovalId,
    /// Who or what was locked out.
    pub scope: String,
    /// Why.
    pub reason: String,
    /// Who lifted it; absent when it ran out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// `node.joined`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeJoined {
    /// The node.
    pub node: Name,
    /// Its Raft id, which is never used again.
    pub raft_id: u64,
    /// Where other nodes reach it.
    pub address: String,
}

/// `node.left`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeLeft {
    /// The node.
    pub node: Name,
    /// `removed`, `lost`, `started again` or `stopped`.
    pub reason: String,
    /// Who took it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// How many of its sessions were open, and are closed as lost.
    pub sessions: u64,
}

/// `node.registered`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeRegistered {
    /// The node.
    pub node: Name,
    /// Its signing key, as a verifier of signed notes takes it: `NAME+ID+KEY`.
    pub key: String,
}

/// `checkpoint.sealed`
///
/// The checkpoint's text (C2SP tlog-checkpoint) follows from these fields and the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckpointSealed {
    /// Whose chain.
    pub node: Name,
    /// The node's epoch when it was sealed.
    pub node_epoch: u64,
    /// The place of the event before the first leaf.
    pub base: u64,
    /// How many leaves the tree has.
    pub size: u64,
    /// Its root (RFC 6962).
    pub root: Digest,
    /// SHA-256 of the last event's bytes.
    pub head: Digest,
    /// The node's Ed25519 signature of the checkpoint's text, in base64.
    pub signature: String,
}

/// `quorum.lost`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuorumLost {
    /// Milliseconds since the last contact.
    pub since_ms: u64,
    /// Sessions that are frozen.
    pub sessions: u64,
}

/// `quorum.regained`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuorumRegained {
    /// Milliseconds that the node was without contact.
    pub after_ms: u64,
}

/// `control.resumed`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ControlResumed {
    /// The last place of the control chain that this record holds; 0 when it holds none.
    pub after: u64,
    /// The next place that it holds: the events between were decided while the node was away, or
    /// before it joined, and are in the records of others.
    pub first: u64,
    /// SHA-256 of the event that the one at `first` follows.
    pub follows: Digest,
}

/// `backup.taken`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BackupTaken {
    /// SHA-256 of the public key that it is encrypted to.
    pub recipient: Digest,
}

/// `backup.restored`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BackupRestored {
    /// The node that the cluster begins with anew.
    pub founder: Name,
    /// Nodes that are gone.
    pub gone: Vec<Name>,
    /// Sessions that were open, and are closed as lost.
    pub sessions: u64,
    /// The last place of the control chain in the backup, whose event this one follows. Its own
    /// place is far behind it, beyond all that the cluster published after the backup was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// `record.degraded`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordDegraded {
    /// Why, as a code and a text.
    pub told: Told,
    /// The last place of the node's chain that the stream acknowledged.
    pub acknowledged: u64,
}

/// `record.restored`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordRestored {
    /// The version of the stream's server.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub server: String,
    /// On how many servers each event is.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub replicas: u64,
    /// How long an acknowledged event may still be lost by a power cut of all servers, in
    /// milliseconds, as the node was told; 0 for `sync: always`.
    #[serde(default)]
    pub sync_ms: u64,
    /// Milliseconds that it took.
    pub after_ms: u64,
    /// The last place of the node's chain that the stream has.
    pub acknowledged: u64,
    /// How often, since the node started, the stream had lost what it had acknowledged. What it
    /// lost was published again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub regressions: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !*flag
}
