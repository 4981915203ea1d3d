//! What proves the record: public keys, and the newest checkpoints as signed notes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{Chain, Name};

/// Public keys and the newest checkpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seals {
    /// The cluster.
    pub cluster: Name,
    /// The signing keys of its nodes.
    pub keys: Vec<SigningKey>,
    /// The newest checkpoint of each node's chain.
    pub chains: Vec<ChainNote>,
    /// The newest checkpoint of the control chain that a majority of the nodes has signed: a signed
    /// note (C2SP).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
}

/// The signing key of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SigningKey {
    /// The node.
    pub id: Name,
    /// The key, as a verifier of signed notes takes it: `NAME+ID+KEY`.
    pub key: String,
    /// Whether the node is a member now: a majority is one of members.
    pub member: bool,
}

/// The newest checkpoint of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChainNote {
    /// The chain.
    pub chain: Chain,
    /// The checkpoint: a signed note (C2SP).
    pub note: String,
}
