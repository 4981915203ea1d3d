//! What is known of a session when it opens, and does not change while it lasts.

use std::sync::Arc;

use node_enforce::decide::Facts;
use node_enforce::mask::MaskPlan;
use node_enforce::policy::{Policy, TargetFacts, Who};
use proto::event::{Actor, PolicyRef, TargetAsWas};
use proto::ids::SessionId;
use proto::reading::Channel;
use proto::time::Moment;

/// Who is in a session with what, and by which policy.
#[derive(Clone)]
pub struct SessionFacts {
    /// The session.
    pub session: SessionId,
    /// Who.
    pub actor: Actor,
    /// With what.
    pub target: TargetAsWas,
    /// By what kind of channel.
    pub channel: Channel,
    /// The grant that lets them.
    pub grant: String,
    /// The client's connection, in the node's own numbering.
    pub connection: u64,
    /// The policy in force.
    pub policy: Arc<Policy>,
    /// The policy's revision and digest.
    pub policy_ref: PolicyRef,
    /// The control index that was applied.
    pub applied: u64,
    /// What is masked in this session.
    pub masks: Arc<MaskPlan>,
}

impl SessionFacts {
    /// The facts that a decision depends on, but for the command's reading.
    #[must_use]
    pub fn judged<'a>(&'a self, moment: &'a Moment) -> Facts<'a> {
        let target = &self.target;
        Facts {
            who: Who::new(self.actor.person.as_str(), &self.actor.groups),
            target: TargetFacts {
                name: target.name.as_str(),
                kind: target.kind,
                labels: &target.labels,
            },
            login: &target.login,
            channel: self.channel,
            moment,
            reading: None,
        }
    }
}

impl std::fmt::Debug for SessionFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionFacts({})", self.session)
    }
}
