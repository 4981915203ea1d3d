//! Policy revisions. All are kept: a recorded decision names the one that it was made by.
//!
//! Whether a document is a policy at all is checked before it is proposed, by whoever can read
//! policies; here it is text with a digest.

use std::sync::Arc;

use proto::event::{Kind, PolicyChanged, PolicyRef};
use proto::ids::Digest;
use proto::time::Utc;

use crate::control_chain::sha256;
use crate::limits;
use crate::reply::{Changed, Denied, Effects, Reply};
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
    pub by: String,
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
}

impl State {
    pub(crate) fn set_policy(
        &mut self,
        document: &str,
        digest: Digest,
        expected: Option<u64>,
        by: &str,
    ) -> Result<(Reply, Effects), Denied> {
        let actual = self.policies.current();
        if let Some(expected) = expected.filter(|expected| *expected != actual) {
            return Err(Denied::StaleRevision { expected, actual });
        }
        check_length(document.len(), "a policy document in bytes", limits::POLICY_DOCUMENT_BYTES)?;
        check_by(by)?;
        if sha256(document.as_bytes()) != digest {
            return Err(Denied::DigestDiffers);
        }
        if self.policy().is_some_and(|current| current.digest == digest) {
            return Ok((Reply::Done, Effects::default()));
        }
        let more = self.policies.revisions.len() + 1;
        check_length(more, "the number of policy revisions", limits::POLICY_REVISIONS)?;
        // Going back to an old policy takes no room for its text.
        let shared = self.policies.shared(&digest);
        let new_bytes = if shared.is_some() { 0 } else { document.len() };
        let bytes = self.policies.bytes + new_bytes;
        check_length(bytes, "all policy documents in bytes", limits::POLICY_BYTES)?;

        let revision = actual + 1;
        let by = by.to_owned();
        let event =
            self.draw_up(Kind::PolicyChanged(PolicyChanged { revision, digest, by: by.clone() }))?;
        self.append_to_chain(&event);
        let document = shared.unwrap_or_else(|| Arc::from(document));
        self.policies.bytes = bytes;
        self.policies.revisions.push(PolicyRevision {
            revision,
            digest,
            document,
            at: self.time,
            by,
        });
        let changed = Changed { policy: true, ..Changed::default() };
        Ok((Reply::Policy(revision), Effects { event: Some(event), changed, ..Effects::default() }))
    }
}

/// Refuses what is over a limit.
pub(crate) fn check_length(length: usize, what: &'static str, limit: usize) -> Result<(), Denied> {
    if length > limit { Err(Denied::Limit { what, limit }) } else { Ok(()) }
}

/// Refuses a name of an editor that would bloat events.
pub(crate) fn check_by(by: &str) -> Result<(), Denied> {
    check_length(by.len(), "the text that says who changed it in bytes", limits::BY_BYTES)
}
