//! Locks: who and what is shut out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entry::ApprovalId;
use crate::ids::Name;
use crate::time::Utc;

/// Who or what is locked out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LockedOut {
    /// A person, everywhere.
    Person(Name),
    /// A target, for everybody.
    Target(Name),
    /// Whatever a node serves.
    Node(Name),
    /// Everything.
    All,
}

/// Somebody or something is to be locked out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockAsked {
    /// Who or what: `{"person": "alice"}`, `{"target": …}`, `{"node": …}` or `"all"`.
    pub lock: LockedOut,
    /// For how many seconds; until it is lifted, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_seconds: Option<u64>,
    /// Why; it is recorded.
    pub reason: String,
}

/// A lock is to be lifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LiftAsked {
    /// Why; it is recorded.
    pub reason: String,
}

/// One lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LockRow {
    /// Its id.
    pub id: ApprovalId,
    /// Who or what: `person alice`, `target web-1`, `node gw-1`, `everything`.
    pub scope: String,
    /// Since when, in the cluster's time.
    pub since: Utc,
    /// Until when; until it is lifted, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Utc>,
    /// Why.
    pub reason: String,
    /// Who locked.
    pub by: String,
}
