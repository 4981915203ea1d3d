//! What is known of a session when it opens, and does not change while it lasts.

use std::sync::Arc;

use node_enforce::decide::Facts;
use node_enforce::mask::MaskPlan;
use node_enforce::policy::{Policy, TargetFacts, Who};
use proto::entry::CommandRef;
use proto::event::{Actor, PolicyRef, TargetAsWas};
use proto::ids::{Digest, Epoch, Name, SessionId};
use proto::reading::Channel;
use proto::time::Moment;

/// Who is in a session with what, and by which policy.
#[derive(Clone)]
pub struct SessionFacts {
    /// The node that serves it.
    pub node: Name,
    /// That node's epoch.
    pub epoch: Epoch,
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

    /// Whether every command is decided by the other facts as it is by these.
    pub(crate) fn decides_as(&self, other: &Self) -> bool {
        self.policy_ref == other.policy_ref
            && self.actor.groups == other.actor.groups
            && self.target == other.target
    }

    /// One command of the session, to the byte.
    pub(crate) fn command(&self, number: u64, digest: Digest) -> CommandRef {
        CommandRef {
            node: self.node.clone(),
            epoch: self.epoch,
            session: self.session.clone(),
            command: number,
            digest,
        }
    }
}

impl std::fmt::Debug for SessionFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionFacts({})", self.session)
    }
}
