//! Policy revisions. All are kept: a recorded decision names the one that it was made by.
//!
//! Whether a document is a policy at all is checked before it is proposed, by whoever can read
//! policies; here it is text with a digest.

use std::sync::Arc;

use proto::entry::{ApprovalId, By, PolicySetting, Withdrawn};
use proto::event::{Kind, PolicyChanged, PolicyRef};
use proto::ids::Digest;
use proto::time::Utc;

use crate::control_chain::sha256;
use crate::denied::Denied;
use crate::effects::Effects;
use crate::limits;
use crate::planted::{Bug, planted};
use crate::reply::Reply;
use crate::state::State;

/// One revision of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRevision {
    /// Its number, from 1.
    pub revision: u64,
    /// SHA-256 of the document.
    pub digest: Digest,
    /// The exact text.
    pub document: Arc<str>,
    /// When it came into force.
    pub at: Utc,
    /// Who set it.
    pub by: By,
    /// The approval by a second person, when one was needed.
    pub approval: Option<ApprovalId>,
}

impl PolicyRevision {
    /// The revision as events name it.
    #[must_use]
    pub fn reference(&self) -> PolicyRef {
        PolicyRef { revision: self.revision, digest: self.digest }
    }
}

/// All revisions, and how much room their distinct documents take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policies {
    revisions: Vec<PolicyRevision>,
    bytes: usize,
}

impl Policies {
    pub(crate) fn revisions(&self) -> &[PolicyRevision] {
        &self.revisions
    }

    pub(crate) fn current(&self) -> u64 {
        self.revisions.last().map_or(0, |policy| policy.revision)
    }

    fn shared(&self, digest: &Digest) -> Option<Arc<str>> {
        let same = self.revisions.iter().find(|policy| policy.digest == *digest)?;
        Some(Arc::clone(&same.document))
    }

    /// Adds a revision whose document may be one that is there.
    pub(crate) fn push(&mut self, mut revision: PolicyRevision) {
        match self.shared(&revision.digest) {
            // Going back to an old policy takes no room for its text.
            Some(document) => revision.document = document,
            None => self.bytes += revision.document.len(),
        }
        self.revisions.push(revision);
    }
}

impl State {
    /// Whether a policy may come into force now, as far as that can be told without reading it.
    pub(crate) fn check_policy(&self, setting: &PolicySetting) -> Result<(), Denied> {
        let PolicySetting { document, digest, expected_revision, by } = setting;
        self.check_by(by)?;
        check_revision("the policy", *expected_revision, self.policies.current())?;
        let limit = limits::POLICY_DOCUMENT_BYTES;
        limits::check(document.len(), "a policy document in bytes", limit)?;
        if sha256(document.as_bytes()) != *digest {
            return Err(Denied::DigestDiffers);
        }
        let more = self.policies.revisions.len() + 1;
        limits::check(more, "the number of policy revisions", limits::POLICY_REVISIONS)?;
        let new = self.policies.shared(digest).map_or(document.len(), |_| 0);
        let bytes = self.policies.bytes + new;
        limits::check(bytes, "all policy documents in bytes", limits::POLICY_BYTES)
    }

    pub(crate) fn set_policy(
        &mut self,
        setting: &PolicySetting,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        self.check_policy(setting)?;
        if self.policy().is_some_and(|current| current.digest == setting.digest) {
            return Ok(Reply::Done);
        }
        Ok(Reply::Policy(self.enforce(setting, None, effects)))
    }

    /// Brings a policy into force that was checked; what was asked under the one before is void.
    pub(crate) fn enforce(
        &mut self,
        setting: &PolicySetting,
        approval: Option<ApprovalId>,
        effects: &mut Effects,
    ) -> u64 {
        let PolicySetting { document, digest, by, .. } = setting;
        let (digest, revision) = (*digest, self.policies.current() + 1);
        let changed = PolicyChanged { revision, digest, by: by.to_string(), approval };
        self.record_small(Kind::PolicyChanged(changed), effects);
        let (document, at, by) = (Arc::from(document.as_str()), self.time, by.clone());
        self.policies.push(PolicyRevision { revision, digest, document, at, by, approval });
        effects.changed.policy = true;
        if !planted(Bug::OldPolicy) {
            self.withdraw_all(Withdrawn::PolicyChanged, effects);
        }
        revision
    }
}

/// Refuses an editor who saw another revision than the one that is in force.
pub(crate) fn check_revision(what: &str, expected: Option<u64>, actual: u64) -> Result<(), Denied> {
    match expected.filter(|expected| *expected != actual) {
        Some(expected) => Err(Denied::StaleRevision { what: what.to_owned(), expected, actual }),
        None => Ok(()),
    }
}
