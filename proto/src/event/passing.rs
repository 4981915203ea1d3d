//! What passes through a session and is counted, and not kept: files, forwarded connections.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::Digest;
use crate::refusal::Told;

/// `file.transferred`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileTransferred {
    /// The number of the command that opened it, within its session.
    pub command: u64,
    /// What the client got of it.
    pub read: Passed,
    /// What the target was sent of it.
    pub written: Passed,
    /// Whether the client closed it; otherwise the session ended before.
    pub closed: bool,
    /// What was found in what was read, by detector; the client did not get that.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub found: std::collections::BTreeMap<String, u64>,
    /// Why the client did not get all that it asked for, as it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
}

/// `forward.closed`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ForwardClosed {
    /// The number of the command that let it be opened, within its session.
    pub command: u64,
    /// Where it came from, as the side that it came from said: `ADDRESS:PORT`; absent when that
    /// side did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What the target was sent.
    pub to_target: Passed,
    /// What the client was sent.
    pub to_client: Passed,
    /// From its opening to its end, in milliseconds.
    pub duration_ms: u64,
    /// Why it ended before both sides were done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
}

/// Bytes of a file or of a forwarded connection that passed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Passed {
    /// How many bytes.
    pub bytes: u64,
    /// SHA-256 of them, when there were any and they passed in order from the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
}
