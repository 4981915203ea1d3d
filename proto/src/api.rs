//! Bodies of the HTTP API, as both sides of it know them.
//!
//! A refusal's body is [`Told`](crate::refusal::Told). Events are not here: they are served as the
//! exact bytes that were recorded. Nothing here may hold a secret except the tokens of a login.

mod approvals;
mod cluster;
mod documents;
mod locks;
mod seals;
mod sessions;

pub use approvals::{
    ApprovalRow, ApprovalState, ProposedPolicy, RevocationAsked, RulingAsked, RulingRow,
};
pub use cluster::{
    BackupAsked, ClusterProblem, ClusterStatus, JoinTokenGiven, LedgerHead, NodePresence, NodeRole,
    NodeRow,
};
pub use documents::{
    DocumentApplied, DocumentAsked, PolicyApplied, PolicyAsked, PolicyRevisionRow, RemovalAsked,
    RollbackAsked, TargetProblem,
};
pub use locks::{LiftAsked, LockAsked, LockRow, LockedOut};
pub use seals::{ChainNote, Seals, SigningKey};
pub use sessions::{KillAsked, SessionListed, Watched};

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{Digest, Name};
use crate::refusal::Told;
use crate::target::TargetKind;
use crate::time::Utc;

/// The path prefix of this version of the API.
pub const VERSION_PREFIX: &str = "/v1";

/// The header of a stream of events that names the first position that the log still holds.
pub const FIRST_POSITION_HEADER: &str = "sallyport-first-position";

/// The header of a stream of events that names the log's last position when the answer began.
pub const LAST_POSITION_HEADER: &str = "sallyport-last-position";

/// A page of a list, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Page<T> {
    /// The rows; each has an `id`.
    pub items: Vec<T>,
    /// What to give as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Which revision the list shows, of what is replaced as a whole: what to give as
    /// `expected_revision`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
}

impl<T> Page<T> {
    /// All rows on one page.
    #[must_use]
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None, revision: None }
    }
}

/// Whether a node can be relied on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// Whether commands run.
    pub healthy: bool,
    /// Why not; empty when they do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Told>,
    /// The cluster.
    pub cluster: Name,
    /// The node that answers.
    pub node: Name,
    /// The program's version.
    pub version: String,
}

/// Something to sign once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Challenge {
    /// The text to sign, as it is.
    pub challenge: String,
    /// How long it may be answered, in seconds.
    pub expires_in: u64,
}

/// A login by a signature with an SSH key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SshLogin {
    /// The challenge that was signed.
    pub challenge: String,
    /// The signature in OpenSSH's armoured form (SSHSIG), as
    /// `ssh-keygen -Y sign -n sallyport-login@sallyport.io` makes it.
    pub signature: String,
}

/// A login by a password.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct PasswordLogin {
    /// Who logs in; a text that is no name is refused like a name that nobody has.
    pub person: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for PasswordLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PasswordLogin({:?})", self.person)
    }
}

/// A login that succeeded.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct LoggedIn {
    /// What to send as `Authorization: Bearer …`.
    pub token: String,
    /// Until when, in seconds from now.
    pub expires_in: u64,
    /// Who it is for.
    pub person: Name,
}

impl std::fmt::Debug for LoggedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LoggedIn({})", self.person)
    }
}

/// A credential for databases, for ordinary clients.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct DatabaseCredential {
    /// The user's name: the person, and what tells the credential from others.
    pub user: String,
    /// The password.
    pub password: String,
    /// Until when, in seconds from now.
    pub expires_in: u64,
    /// Who it is for.
    pub person: Name,
}

impl std::fmt::Debug for DatabaseCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DatabaseCredential({})", self.person)
    }
}

/// Who a token is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WhoAmI {
    /// The person's name, or `administrator`.
    pub name: Name,
    /// Whether it is the administrator's token, which is no person's.
    pub administrator: bool,
    /// The person's groups.
    pub groups: Vec<Name>,
    /// What the person's roles permit.
    pub permissions: Vec<String>,
}

/// A person, as a list shows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PersonRow {
    /// The name.
    pub id: Name,
    /// Groups that policy speaks of.
    pub groups: Vec<Name>,
    /// SHA-256 fingerprints of the person's SSH keys.
    pub ssh_keys: Vec<String>,
    /// What the person's client certificates are known by.
    #[serde(default)]
    pub certificates: Vec<String>,
    /// Whether the person has a password.
    pub password: bool,
}

/// A target, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetRow {
    /// The name.
    pub id: Name,
    /// Its protocol.
    pub kind: TargetKind,
    /// `host:port`.
    pub address: String,
    /// Labels that policy speaks of.
    pub labels: BTreeMap<String, String>,
    /// Logins that exist on it, the default first.
    pub logins: Vec<String>,
    /// Why the node that answers cannot reach it with a credential; absent when it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The policy in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyNow {
    /// The revision, from 1.
    pub revision: u64,
    /// SHA-256 of the document.
    pub digest: Digest,
    /// The document's exact text.
    pub document: String,
}

/// How the audit views in one home are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ViewsStatus {
    /// The home: `embedded` or `postgres`.
    pub id: String,
    /// The node that folds its record into it.
    pub node: Name,
    /// `following`, `catching up`, `rebuilding`, `waiting` for a home that cannot be used, or
    /// `held` by a chain that does not hold together.
    pub state: String,
    /// Everything up to this position of the node's record is in the views.
    pub position: u64,
    /// The last position of the node's record.
    pub last: u64,
    /// How many events are not in the views yet.
    pub behind: u64,
    /// When the newest event that is in the views happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Utc>,
    /// The chains that are folded there, also by other nodes.
    pub chains: Vec<ChainFolded>,
    /// Why it does not go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<crate::refusal::Told>,
}

/// How far one chain is in the audit views.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChainFolded {
    /// The chain.
    pub chain: String,
    /// The first place of it that is in the views.
    pub begins: u64,
    /// The last one.
    pub seq: u64,
    /// When that event happened.
    pub at: Utc,
    /// Why it goes no further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
}

/// Has audit views folded anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RebuildAsked {
    /// The home: `embedded` or `postgres`.
    pub home: String,
}

/// How full a node's journal is, and whether it can be relied on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JournalStatus {
    /// The node whose journal it is.
    pub id: Name,
    /// `good`, `full` or `stopped`.
    pub health: String,
    /// Why it stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Bytes of live records.
    pub used: u64,
    /// The most bytes that live records may take.
    pub quota: u64,
    /// Bytes of sealed records that were moved to the archive.
    pub archived: u64,
    /// Positions written and synced so far.
    pub last: u64,
    /// The node's epoch: how often it has started.
    pub epoch: u64,
    /// Sessions that are live on the node.
    pub live_sessions: u64,
    /// The node's clock.
    pub time: Utc,
    /// The replicated stream that follows the journal; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamStatus>,
}

/// How the replicated stream of a node stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StreamStatus {
    /// Whether it takes the node's events now.
    pub up: bool,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Told>,
    /// The version of its server, while there is a connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// On how many servers each event is.
    pub replicas: u64,
    /// How long an acknowledged event may still be lost by a power cut of all servers, in
    /// milliseconds, as the node's configuration says it; 0 for `sync: always`.
    pub sync_ms: u64,
    /// The last place of the node's chain that it acknowledged.
    pub acknowledged: u64,
    /// How many events of the chain it has not acknowledged.
    pub unacknowledged: u64,
    /// How old the oldest of them is, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_ms: Option<u64>,
    /// Up to which place of the chain the stream suffices: what is before it may leave the
    /// journal's quota.
    pub suffices: u64,
    /// What keeps the next ones.
    pub blocked_by: String,
    /// How often it lost what it had acknowledged, since the node started.
    pub regressions: u64,
    /// Messages on the chain's subject that the node did not write, since it started.
    pub strange: u64,
    /// How many events were derived for subscribers since the node leads; absent when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derived: Option<u64>,
}
