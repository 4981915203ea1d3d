//! Requests for approvals, as those who rule on them see them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entry::{ApprovalId, Ruling, Withdrawn};
use crate::event::{AskedOfApprovers, HeldCommand};
use crate::ids::{Digest, Name};
use crate::time::Utc;

/// What became of a request.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ApprovalState {
    /// It waits for rulings.
    Open,
    /// Every rule is satisfied, and it was not used yet.
    Approved,
    /// It was used.
    Consumed,
    /// Somebody said no.
    Denied,
    /// Whoever asked asks no more.
    Withdrawn,
    /// Its time passed.
    Expired,
    /// It was taken back.
    Revoked,
}

impl ApprovalState {
    /// All of them, in the order of a request's life.
    pub const ALL: &'static [Self] = &[
        Self::Open,
        Self::Approved,
        Self::Consumed,
        Self::Denied,
        Self::Withdrawn,
        Self::Expired,
        Self::Revoked,
    ];

    /// The state in one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approved => "approved",
            Self::Consumed => "consumed",
            Self::Denied => "denied",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }

    /// Whether nothing can happen to it any more.
    #[must_use]
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Open | Self::Approved)
    }
}

impl std::fmt::Display for ApprovalState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// A request for an approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalRow {
    /// The approval's id.
    pub id: ApprovalId,
    /// What became of it.
    pub state: ApprovalState,
    /// Why, when it was withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<Withdrawn>,
    /// Who asks.
    pub person: String,
    /// The held command; absent when a policy asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<HeldCommand>,
    /// The policy that waits; absent when a command asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<ProposedPolicy>,
    /// The policy revision that it was asked under.
    pub policy_revision: u64,
    /// Every one of these must be satisfied; one person may count for several.
    pub rules: Vec<AskedOfApprovers>,
    /// What people said, in order.
    pub rulings: Vec<RulingRow>,
    /// How long an approval holds within the session, in milliseconds; absent when it is for one
    /// command, to the byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
    /// When it was asked, in the cluster's time.
    pub requested: Utc,
    /// When it ends, use included.
    pub expires: Utc,
    /// Until when more commands of the session may use it, once it was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Utc>,
    /// Whether whoever reads this may rule on it now.
    pub may_rule: bool,
}

/// A policy that waits for a second person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProposedPolicy {
    /// SHA-256 of the document.
    pub digest: Digest,
    /// The revision that it would follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_revision: Option<u64>,
    /// The document's exact text; lists leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// One person's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RulingRow {
    /// Who.
    pub person: Name,
    /// What.
    pub ruling: Ruling,
    /// Why.
    pub reason: String,
    /// When, in the cluster's time.
    pub at: Utc,
}

/// Somebody rules on a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RulingAsked {
    /// What they say.
    pub ruling: Ruling,
    /// Why; it is recorded.
    pub reason: String,
}

/// Somebody takes an approval back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevocationAsked {
    /// Why; it is recorded.
    pub reason: String,
}
