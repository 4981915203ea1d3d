//! What can happen: one struct for each kind of event.
//!
//! A new optional field keeps version 1 of a kind; anything else is a new version. Texts that came
//! from a person or a target are masked before they come here; raw text is only in `sealed`.

use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

use super::cluster::*;
use super::passing::{FileTransferred, ForwardClosed};
use crate::entry::ApprovalId;
use crate::ids::{Digest, Name, SessionId};
use crate::reading::{Channel, Durability, Reading, Verdict};
use crate::refusal::Told;
use crate::time::Utc;

macro_rules! kinds {
    ($($kind:ident = $name:literal, $text:literal;)*) => {
        /// What happened.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum Kind { $(#[doc = $text] $kind($kind),)* }

        impl Kind {
            /// Every kind's name, without prefix and version.
            pub const NAMES: &'static [&'static str] = &[$($name,)*];

            /// The kind's name, e.g. `command.judged`.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self { $(Self::$kind(_) => $name,)* }
            }

            /// Reads the data of a kind to where it stays, since it is large; of one that is not
            /// known, nothing.
            pub(super) fn read<'de, D: Deserializer<'de>>(
                name: &str,
                data: D,
                to: &mut Option<Self>,
            ) -> Result<(), D::Error> {
                match name {
                    $($name => *to = Some(Self::$kind($kind::deserialize(data)?)),)*
                    _ => drop(IgnoredAny::deserialize(data)?),
                }
                Ok(())
            }
        }

        pub(super) fn data_schemas() -> Vec<(&'static str, &'static str, schemars::Schema)> {
            vec![$(($name, $text, schemars::schema_for!(super::schema::Data<$kind>)),)*]
        }
    };
}

kinds! {
    NodeStarted = "node.started", "A node started.";
    NodeStopped = "node.stopped", "A node stopped in good order.";
    LoginSucceeded = "login.succeeded", "Somebody proved who they are.";
    LoginFailed = "login.failed", "Somebody did not prove who they are, or was not let in.";
    CredentialIssued = "credential.issued", "A person was given a credential for a while.";
    SessionOpened = "session.opened", "A session with a target was opened.";
    SessionRefused = "session.refused", "A session was asked for and refused.";
    SessionClosed = "session.closed", "A session ended.";
    CommandJudged = "command.judged", "A command was read and decided.";
    CommandPart = "command.part", "A part of a long command's text.";
    CommandReleased = "command.released", "A held command may go: an approval was spent on it.";
    CommandStarted = "command.started", "A command was handed to its target.";
    CommandFinished = "command.finished", "A command ended.";
    OutputReleased = "output.released", "Masked output was let through to the client.";
    FileTransferred = "file.transferred", "A file that was opened through a session was closed.";
    ForwardClosed = "forward.closed", "A forwarded connection ended.";
    PolicyChanged = "policy.changed", "A policy came into force.";
    PeopleChanged = "people.changed", "The people of the cluster changed.";
    TargetsChanged = "target.changed", "The targets of the cluster changed.";
    ApprovalRequested = "approval.requested", "A held command, or a policy, asks for an approval.";
    ApprovalRuled = "approval.ruled", "Somebody approved or denied.";
    ApprovalWithdrawn = "approval.withdrawn", "Whoever asked for an approval asks no more.";
    ApprovalExpired = "approval.expired", "A request was not approved and used in time.";
    ApprovalRevoked = "approval.revoked", "An approval was taken back before it was used.";
    ApprovalConsumed = "approval.consumed", "An approval was spent.";
    LockSet = "lock.set", "Somebody or something was locked out.";
    LockLifted = "lock.lifted", "A lock was lifted, or ran out.";
    NodeJoined = "node.joined", "A node became a member of the cluster.";
    NodeLeft = "node.left", "A node was taken out, or lost: its sessions were closed.";
    NodeRegistered = "node.registered", "A node's signing key became known.";
    CheckpointSealed = "checkpoint.sealed", "A node's chain has a new signed checkpoint.";
    QuorumLost = "quorum.lost", "A node lost contact with the majority, and froze its sessions.";
    QuorumRegained = "quorum.regained", "A node has contact with the majority again.";
    ControlResumed = "control.resumed", "A node's copy of the control chain has a gap.";
    BackupTaken = "backup.taken", "Somebody took a backup of the control plane.";
    BackupRestored = "backup.restored", "A cluster began anew from a backup.";
    ReplayViewed = "replay.viewed", "Somebody watched the replay of a session.";
    AuditExported = "audit.exported", "Somebody exported events.";
    RecordDegraded = "record.degraded", "The replicated stream takes no events of a node.";
    RecordRestored = "record.restored", "The replicated stream takes events of a node again.";
    AdminDenied = "admin.denied", "Somebody asked the API for what their roles do not permit.";
}

/// `node.started`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeStarted {
    /// The program's version.
    pub version: String,
    /// Which durability this node's log gives at best.
    pub durability: Durability,
    /// Commands of earlier epochs that were judged and never finished: their outcome is unknown.
    #[serde(default)]
    pub unfinished: u64,
}

/// `node.stopped`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeStopped {
    /// Why, e.g. `terminated`.
    pub reason: String,
}

/// `login.succeeded`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoginSucceeded {
    /// By what means: `ssh-key`, `password`.
    pub method: String,
    /// To what: `ssh`, `api`.
    pub service: String,
    /// The connection, in the node's own numbering; sessions name it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<u64>,
}

/// `login.failed`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoginFailed {
    /// By what means: `ssh-key`, `password`.
    pub method: String,
    /// To what: `ssh`, `api`.
    pub service: String,
    /// The name that was given, cut to 256 bytes.
    pub claimed: String,
    /// The precise reason, which the outside is not told.
    pub reason: String,
    /// The address it came from.
    pub from: String,
    /// SHA-256 fingerprint of the key that was shown, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// `credential.issued`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CredentialIssued {
    /// For what: `postgres`.
    pub service: String,
    /// What tells it from all others; it is no secret.
    pub id: String,
    /// Until when it is good.
    pub expires: Utc,
}

/// `session.opened`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionOpened {
    /// What the session can do.
    pub channel: Channel,
    /// The grant that lets it.
    pub grant: String,
    /// The client's connection that it came by, in the node's own numbering.
    pub connection: u64,
}

/// `session.refused`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionRefused {
    /// What was asked for, e.g. `shell`, `subsystem sftp`, `direct-tcpip`.
    pub asked: String,
    /// What the client was told.
    pub told: Told,
    /// The precise reason.
    pub reason: String,
    /// The client's connection.
    pub connection: u64,
}

/// `session.closed`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionClosed {
    /// Why, e.g. `finished`, `client left`, `idle`, `drained`, or a code.
    pub reason: String,
    /// How long it was open, in milliseconds.
    pub duration_ms: u64,
    /// How many commands it judged.
    pub commands: u64,
    /// The tree over the session's events before this one; the log puts it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<SessionSeal>,
}

/// The tree over the events of one session, but for the one that closes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionSeal {
    /// How many events it has.
    pub events: u64,
    /// Its root (RFC 6962): the leaves are the events' exact bytes, in order.
    pub root: Digest,
}

/// `command.judged`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CommandJudged {
    /// The command's number within its session, from 1.
    pub command: u64,
    /// Its text, masked; what is longer than a part is in `command.part` events that came before.
    pub text: String,
    /// How many `command.part` events hold the rest of the text.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub parts: u64,
    /// Length of the raw text in bytes.
    pub length: u64,
    /// What the reader found.
    pub reading: Reading,
    /// What was decided.
    pub verdict: Verdict,
    /// Names of the rules that matched, the deciding ones first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// The grant that the session was opened by.
    pub grant: String,
    /// What the session can do.
    pub channel: Channel,
    /// Why, when it was not allowed: as the client was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
    /// HMAC-SHA256 of the raw text under the cluster's digest key.
    pub digest: Digest,
    /// The raw text, encrypted to the audit key (HPKE, base64); in parts when it is long.
    pub sealed: String,
    /// Minutes that the node's local time was ahead of UTC.
    pub offset_minutes: i16,
    /// Durability that this event needed before the command could go on.
    pub durability: Durability,
    /// Whether policy wanted the replicated stream to have it, and let the command go without
    /// because the stream was down.
    #[serde(default, skip_serializing_if = "is_false")]
    pub without_stream: bool,
}

/// `command.part`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CommandPart {
    /// The command's number within its session.
    pub command: u64,
    /// The part's number, from 1.
    pub part: u64,
    /// The part of the masked text.
    pub text: String,
    /// The part of the sealed raw text.
    pub sealed: String,
}

/// `command.released`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CommandReleased {
    /// The command's number within its session.
    pub command: u64,
    /// The approval that was spent on it.
    pub approval: ApprovalId,
    /// HMAC-SHA256 of its raw text under the cluster's digest key.
    pub digest: Digest,
    /// Durability that this event needed before the command could go on.
    pub durability: Durability,
    /// Whether policy wanted the replicated stream to have it, and let the command go without
    /// because the stream was down.
    #[serde(default, skip_serializing_if = "is_false")]
    pub without_stream: bool,
}

/// `command.started`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CommandStarted {
    /// The command's number within its session.
    pub command: u64,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The target said an exit status.
    Exited(u32),
    /// The target said that a signal ended it.
    Signalled(String),
    /// It was not let run, or not let run on; the client was told this.
    Refused(Told),
    /// The client left before it ended.
    ClientLeft,
    /// The target or the way to it failed; whether the command ran to its end is not known.
    Failed(Told),
}

/// `command.finished`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CommandFinished {
    /// The command's number within its session.
    pub command: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// From the verdict to the end, in milliseconds.
    pub duration_ms: u64,
    /// What was sent to the command's input.
    pub input: Counted,
    /// What was let through of its standard output.
    pub output: Counted,
    /// What was let through of its standard error.
    pub errors: Counted,
    /// How many places were masked, by detector.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub masked: std::collections::BTreeMap<String, u64>,
    /// How many rows of a database were let through; absent where there are none to count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
}

/// Bytes that passed, counted and digested.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counted {
    /// How many bytes.
    pub bytes: u64,
    /// SHA-256 of them, when there were any: of output after masking, of input as an HMAC under
    /// the cluster's digest key, because input may hold a short secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Whether the record holds fewer bytes than passed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub truncated: bool,
}

/// Which of a command's outputs.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Errors,
}

/// `output.released`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutputReleased {
    /// The command's number within its session.
    pub command: u64,
    /// Which output.
    pub stream: Stream,
    /// Where these bytes start in the client's stream.
    pub offset: u64,
    /// Milliseconds since the session was opened.
    pub at_ms: u64,
    /// The masked bytes, when they are UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The masked bytes in base64, when they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// What was masked in the client's bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masked: Vec<MaskedPlace>,
    /// How many more places were masked, when there are too many to name in one event.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub masked_more: u64,
    /// Spans `[start, length]` in these bytes that only the record masks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub record_masked: Vec<[u64; 2]>,
}

/// One place that was masked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MaskedPlace {
    /// What found it.
    pub detector: String,
    /// The mask of the policy that said what to do, or `default`.
    pub rule: String,
    /// What was done.
    pub action: String,
    /// Where it starts in the client's stream, in bytes.
    pub offset: u64,
    /// How many bytes the client got in its place.
    pub length: u64,
}

/// `policy.changed`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyChanged {
    /// The new revision.
    pub revision: u64,
    /// SHA-256 of the document.
    pub digest: Digest,
    /// Who changed it: a person, or the node for files that it was started with.
    pub by: String,
    /// The approval by a second person, when one was needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalId>,
}

/// `people.changed`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PeopleChanged {
    /// People who are new or different.
    pub set: Vec<Name>,
    /// People who are gone.
    pub removed: Vec<Name>,
    /// Who changed it.
    pub by: String,
}

/// `target.changed`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetsChanged {
    /// Targets that are new or different.
    pub set: Vec<Name>,
    /// Targets that are gone.
    pub removed: Vec<Name>,
    /// Who changed it.
    pub by: String,
}

/// `replay.viewed`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayViewed {
    /// Whose replay it was.
    pub viewed: SessionId,
}

/// `audit.exported`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditExported {
    /// What was asked for, as the query string said it.
    pub query: String,
}

/// `admin.denied`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AdminDenied {
    /// Method and path pattern of the endpoint.
    pub endpoint: String,
    /// The permission that was missing.
    pub missing: String,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !*flag
}
