//! Policy, people and targets: documents that replace what is in force, each as a whole.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entry::ApprovalId;
use crate::ids::{Digest, Name};
use crate::time::Utc;

/// A policy is to come into force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyAsked {
    /// The document's exact text.
    pub document: String,
    /// What errors call the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The revision that the editor saw: another one in force refuses the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_revision: Option<u64>,
}

/// An earlier policy is to come into force again, as a new revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackAsked {
    /// The revision whose document it is.
    pub revision: u64,
    /// The revision that the editor saw: another one in force refuses the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_revision: Option<u64>,
}

/// What became of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyApplied {
    /// SHA-256 of the document.
    pub digest: Digest,
    /// The revision in force, 0 when there is none.
    pub revision: u64,
    /// Whether this changed it; not when the document was in force already, nor while it waits.
    pub changed: bool,
    /// The approval by a second person that it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalId>,
    /// What is right, and perhaps not meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// One revision of the policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyRevisionRow {
    /// The revision, from 1.
    pub id: u64,
    /// SHA-256 of the document.
    pub digest: Digest,
    /// When it came into force, in the cluster's time.
    pub at: Utc,
    /// Who set it.
    pub by: String,
    /// The approval by a second person, when one was needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalId>,
    /// Whether it is in force.
    pub in_force: bool,
}

/// People or targets are to be these, and no others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentAsked {
    /// The document's exact text.
    pub document: String,
    /// What errors call the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The folder that relative paths in it are relative to, an absolute path; without it they are
    /// refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The revision that the editor saw: another one in force refuses the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_revision: Option<u64>,
}

/// A person or a target is to be taken out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemovalAsked {
    /// The revision that the editor saw: another one in force refuses the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_revision: Option<u64>,
}

/// What became of people or targets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DocumentApplied {
    /// The revision in force.
    pub revision: u64,
    /// Those that are new or different.
    pub set: Vec<Name>,
    /// Those that are gone.
    pub removed: Vec<Name>,
    /// Targets that the node which answers cannot reach with a credential.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<TargetProblem>,
}

/// A target that a node has no credential for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetProblem {
    /// The target.
    pub id: Name,
    /// Why.
    pub problem: String,
}
