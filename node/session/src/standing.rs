//! Whether somebody may be in a session: asked when it opens, and again whenever policy, people,
//! targets or locks change while it lasts.

use std::sync::Arc;

use consensus_state::Lock;
use node_enforce::decide::Facts;
use node_enforce::policy::{TargetFacts, Who};
use node_gate::SessionFacts;
use node_identity::Subject;
use proto::entry::{ApprovalId, LockScope};
use proto::event::{Actor, TargetAsWas};
use proto::ids::SessionId;
use proto::refusal::{Code, Told};
use proto::target::Target;

use crate::live::Ended;
use crate::plans::Plans;
use crate::ports::View;
use crate::sessions::{Asked, Ports};

/// Why somebody may not be in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Barred {
    /// They, the target, the node or everything is locked.
    Locked {
        /// The lock.
        id: ApprovalId,
        /// What it locks.
        scope: LockScope,
    },
    /// Nothing lets them, or no more; the precise reason.
    NotGranted(String),
}

impl Barred {
    pub(crate) fn locked(lock: &Lock) -> Self {
        Self::Locked { id: lock.id, scope: lock.scope.clone() }
    }

    /// As it is said to somebody who asks for a session.
    pub(crate) fn refused(self) -> Ended {
        match self {
            Self::Locked { id, scope } => locked(id, &scope),
            Self::NotGranted(reason) => Ended { told: Told::plain(Code::PermissionDenied), reason },
        }
    }

    /// As it is said to somebody who is in one.
    pub(crate) fn ended(self) -> Ended {
        match self {
            Self::Locked { id, scope } => locked(id, &scope),
            Self::NotGranted(reason) => {
                let text = "The session was ended: what let it be opened is no longer so.";
                Ended { told: Told::new(Code::SessionEnded, text), reason }
            }
        }
    }
}

/// Which lock it is may be told, so that it can be looked up; what it is for may not.
pub(crate) fn locked(id: ApprovalId, scope: &LockScope) -> Ended {
    let told = Told::new(Code::Locked, format!("Access is locked (lock {id})."));
    Ended { told, reason: format!("lock {id} on {scope}") }
}

/// What is known of a session by a view, when somebody may be in it.
pub(crate) fn facts(
    ports: &Ports,
    plans: &Plans,
    asked: &Asked,
    session: &SessionId,
    view: &View,
) -> Result<(SessionFacts, Arc<Target>), Barred> {
    let denied = |reason: String| Barred::NotGranted(reason);
    let person = &asked.actor.person;
    if let Some(lock) = view.locked(person, &asked.target, &ports.node) {
        return Err(Barred::locked(lock));
    }
    let (policy, policy_ref) =
        view.policy.clone().ok_or_else(|| denied("there is no policy".to_owned()))?;
    let actor = today(&asked.actor, view)
        .ok_or_else(|| denied("the person, or their credential, is gone".to_owned()))?;
    let target = view
        .targets
        .get(&asked.target)
        .cloned()
        .ok_or_else(|| denied(format!("there is no target {}", asked.target)))?;
    let who = Who::new(actor.person.as_str(), &actor.groups);
    let (name, labels) = (target.name.as_str(), &target.labels);
    let target_facts = TargetFacts { name, kind: target.kind, labels };
    let granted = policy
        .grant(&who, &target_facts, asked.channel, asked.login.as_deref(), &target.logins)
        .map_err(|none| denied(none.to_string()))?;
    let (login, grant) = (granted.login, granted.grant.to_owned());
    let now = ports.clock.now();
    let facts = Facts {
        who,
        target: target_facts,
        login: &login,
        channel: asked.channel,
        moment: &now,
        reading: None,
    };
    let (rules, columns) = (policy.masks(&facts), policy.columns(&facts));
    let masks = plans
        .plan(&target.name, rules, columns, ports.known.of(&target))
        .map_err(|error| denied(format!("the masks do not compile: {error}")))?;
    let target_as_was = TargetAsWas {
        name: target.name.clone(),
        kind: target.kind,
        labels: target.labels.clone(),
        login: login.clone(),
    };
    let facts = SessionFacts {
        node: ports.node.clone(),
        epoch: ports.record.epoch(),
        session: session.clone(),
        actor,
        target: target_as_was,
        channel: asked.channel,
        grant,
        connection: asked.connection,
        policy,
        policy_ref,
        applied: view.applied,
        masks,
    };
    Ok((facts, target))
}

/// Who somebody is today: nobody, when the person is gone, or the credential that they showed.
fn today(actor: &Actor, view: &View) -> Option<Actor> {
    let groups = match &actor.credential {
        Some(credential) => {
            let shown = Subject {
                person: actor.person.clone(),
                issuer: actor.issuer.clone(),
                groups: Vec::new(),
                credential: credential.clone(),
            };
            view.people.still(&shown)?.groups
        }
        None => view.people.person(&actor.person)?.groups.clone(),
    };
    Some(Actor { groups, ..actor.clone() })
}

/// Whether a target is still the one that a session was opened with.
pub(crate) fn same_target(before: &Target, now: &Target) -> bool {
    before.kind == now.kind && before.address == now.address
}
