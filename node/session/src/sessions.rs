//! Opens sessions: the grant, the control plane's word, the first event.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use consensus_state::{Denied, Reply};
use node_enforce::decide::Facts;
use node_enforce::mask::{MaskKey, mask_by_default};
use node_enforce::policy::{TargetFacts, Who};
use node_gate::{Gate, SessionFacts};
use proto::entry::{Entry, SessionOpening};
use proto::event::{About, Actor, Draft, Kind, SessionRefused, TargetAsWas};
use proto::ids::{Name, SessionId};
use proto::reading::Channel;
use proto::refusal::{Code, Told};
use proto::target::Target;
use store_log::{Share, Urgency};

use crate::live::Live;
use crate::plans::Plans;
use crate::ports::{Clock, Control, KnownValues, Record, View};
use crate::seal::{DigestKey, SealKey};
use crate::session::Session;

/// How often an opening is judged again because the policy changed meanwhile.
const OPENING_ATTEMPTS: usize = 4;

/// What sessions need of their node.
pub struct Ports {
    /// The node's name.
    pub node: Name,
    /// The record.
    pub record: Arc<dyn Record>,
    /// The control plane.
    pub control: Arc<dyn Control>,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// Secrets that the node holds.
    pub known: Arc<dyn KnownValues>,
    /// What seals raw commands.
    pub seal: SealKey,
    /// What digests raw bytes.
    pub digest: DigestKey,
    /// The key of pseudonyms.
    pub mask: MaskKey,
}

/// Opens sessions on one node.
pub struct Sessions {
    pub(crate) ports: Arc<Ports>,
    plans: Plans,
    live: Live,
    count: AtomicU64,
}

/// What somebody asks for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Who asks.
    pub actor: Actor,
    /// To what.
    pub target: Name,
    /// As whom there; the first login that is granted, when not said.
    pub login: Option<String>,
    /// By what kind of channel.
    pub channel: Channel,
    /// The client's connection, in the node's own numbering.
    pub connection: u64,
}

/// Why a session is not opened: what the client is told, and the precise reason for the record.
struct NotOpened {
    told: Told,
    reason: String,
}

impl NotOpened {
    fn new(code: Code, reason: impl ToString) -> Self {
        Self { told: Told::plain(code), reason: reason.to_string() }
    }
}

impl Sessions {
    /// Sessions over these ports.
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        let plans = Plans::new(ports.mask.clone());
        let (live, count) = (Live::default(), AtomicU64::new(0));
        Self { ports: Arc::new(ports), plans, live, count }
    }

    /// The live ones.
    #[must_use]
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// What they need of their node.
    #[must_use]
    pub fn ports(&self) -> &Arc<Ports> {
        &self.ports
    }

    /// Opens a session, or says why not; either is recorded.
    ///
    /// # Errors
    /// What to tell the client.
    pub async fn open(&self, asked: &Asked) -> Result<Session, Told> {
        match self.try_open(asked).await {
            Ok(session) => Ok(session),
            Err(NotOpened { told, reason }) => {
                let what = format!("{:?}", asked.channel).to_lowercase();
                self.refused(&asked.actor, asked.connection, &what, told.clone(), reason);
                Err(told)
            }
        }
    }

    /// Records that something other than a session was asked for and refused.
    pub fn refused(&self, actor: &Actor, connection: u64, asked: &str, told: Told, reason: String) {
        let kind = Kind::SessionRefused(SessionRefused {
            asked: mask_by_default(asked).chars().take(256).collect(),
            told,
            reason,
            connection,
        });
        let view = self.ports.control.views().borrow().clone();
        let about = About { actor: Some(actor.clone()), ..About::default() };
        let time = self.ports.clock.now().utc;
        let draft = Draft { time, applied: view.applied, about, kind };
        let share = Share::of_person(actor.person.as_str());
        // Nothing was let through, so nothing depends on this event being kept.
        if let Err(error) = self.ports.record.append(&draft, share, Urgency::Ordinary) {
            tracing::warn!(%error, "a refusal could not be recorded");
        }
        metrics::counter!("sallyport_sessions_refused_total").increment(1);
    }

    async fn try_open(&self, asked: &Asked) -> Result<Session, NotOpened> {
        for _ in 0..OPENING_ATTEMPTS {
            let view = self.ports.control.views().borrow().clone();
            let (facts, target, per_person) = self.facts(asked, &view)?;
            let opening = Entry::SessionOpen(self.opening(&facts, per_person));
            let reply = match self.ports.control.propose(opening).await {
                Ok(reply) => reply,
                Err(error) => {
                    // It may be open all the same, and nobody would close it.
                    crate::session::close_in_control(&self.ports, &facts.session);
                    return Err(NotOpened::new(Code::RecordUnavailable, error));
                }
            };
            match reply {
                Reply::Refused(Denied::PolicyChanged { .. }) => {}
                Reply::Refused(denied @ Denied::TooManySessions { .. }) => {
                    return Err(NotOpened::new(Code::TooManySessions, denied));
                }
                Reply::Refused(denied) => {
                    return Err(NotOpened::new(Code::PermissionDenied, denied));
                }
                _ => return self.start(facts, target).await,
            }
        }
        Err(NotOpened::new(Code::PermissionDenied, "the policy kept changing while it was opened"))
    }

    async fn start(&self, facts: SessionFacts, target: Arc<Target>) -> Result<Session, NotOpened> {
        let listed = self.live.enter(
            facts.session.clone(),
            facts.actor.person.clone(),
            facts.target.name.clone(),
        );
        let ports = self.ports.clone();
        let id = facts.session.clone();
        let (gate, outputs) = Gate::open(facts, ports.clock.now());
        metrics::counter!("sallyport_sessions_opened_total").increment(1);
        Session::start(ports, id, target, gate, listed, outputs)
            .await
            .map_err(|told| NotOpened { reason: told.text.clone(), told })
    }

    fn facts(
        &self,
        asked: &Asked,
        view: &View,
    ) -> Result<(SessionFacts, Arc<Target>, u32), NotOpened> {
        let denied = |reason: String| NotOpened::new(Code::PermissionDenied, reason);
        let (policy, policy_ref) =
            view.policy.clone().ok_or_else(|| denied("there is no policy".to_owned()))?;
        let target = view
            .targets
            .get(&asked.target)
            .cloned()
            .ok_or_else(|| denied(format!("there is no target {}", asked.target)))?;
        let who = Who::new(asked.actor.person.as_str(), &asked.actor.groups);
        let (name, labels) = (target.name.as_str(), &target.labels);
        let target_facts = TargetFacts { name, kind: target.kind, labels };
        let granted = policy
            .grant(&who, &target_facts, asked.channel, asked.login.as_deref(), &target.logins)
            .map_err(|none| denied(none.to_string()))?;
        let login = granted.login;
        let grant = granted.grant.to_owned();
        let now = self.ports.clock.now();
        let facts = Facts {
            who,
            target: target_facts,
            login: &login,
            channel: asked.channel,
            moment: &now,
            reading: None,
        };
        let masks = self
            .plans
            .plan(&target.name, policy.masks(&facts), self.ports.known.of(&target))
            .map_err(|error| denied(format!("the masks do not compile: {error}")))?;
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let session = SessionId::new(&self.ports.node, self.ports.record.epoch(), count);
        let per_person = policy.sessions().per_person;
        let target_as_was = TargetAsWas {
            name: target.name.clone(),
            kind: target.kind,
            labels: target.labels.clone(),
            login: login.clone(),
        };
        let facts = SessionFacts {
            session,
            actor: asked.actor.clone(),
            target: target_as_was,
            channel: asked.channel,
            grant,
            connection: asked.connection,
            policy,
            policy_ref,
            applied: view.applied,
            masks,
        };
        Ok((facts, target, per_person))
    }

    fn opening(&self, facts: &SessionFacts, per_person: u32) -> SessionOpening {
        SessionOpening {
            node: self.ports.node.clone(),
            epoch: self.ports.record.epoch(),
            session: facts.session.clone(),
            person: facts.actor.person.clone(),
            target: facts.target.name.clone(),
            login: facts.target.login.clone(),
            policy_revision: facts.policy_ref.revision,
            per_person,
        }
    }
}
