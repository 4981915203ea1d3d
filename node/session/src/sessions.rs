//! Opens sessions: the grant, the control plane's word, the first event.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use consensus_state::{Denied, Reply};
use node_enforce::mask::{MaskKey, mask_by_default};
use node_gate::{Gate, SessionFacts, Tie};
use proto::entry::{Entry, SessionOpening};
use proto::event::{About, Actor, Draft, Kind, SessionRefused};
use proto::ids::{Name, SessionId};
use proto::reading::Channel;
use proto::refusal::{Code, Told};
use proto::target::Target;
use store_log::{Share, Urgency};
use tokio::sync::watch;

use crate::guard::Guard;
use crate::live::{Doing, Ended, Live, LiveSession};
use crate::plans::Plans;
use crate::ports::{Clock, Control, ControlError, ControlExt, KnownValues, Record, View};
use crate::seal::{DigestKey, SealKey};
use crate::session::{Beginning, Session, close_in_control};
use crate::standing::{self, Barred};
use crate::tether::Tether;

/// How often an opening is judged again because the policy changed meanwhile.
const OPENING_ATTEMPTS: usize = 4;

/// How long an opening waits for a session of the same person that is being closed.
const CLOSING_DEADLINE: Duration = Duration::from_secs(2);
/// How often it looks.
const CLOSING_PAUSE: Duration = Duration::from_millis(10);

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
    ports: Arc<Ports>,
    plans: Arc<Plans>,
    live: Live,
    count: AtomicU64,
    tether: Tether,
    /// Opening asks the control plane, which knows all that was decided: a contact need not be
    /// passed on for it.
    opening: Tether,
    rules: watch::Receiver<Arc<View>>,
    _guard: Guard,
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

impl Sessions {
    /// Sessions over these ports. What watches over them ends when this is dropped.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        let ports = Arc::new(ports);
        let (live, count) = (Live::default(), AtomicU64::new(0));
        let (guard, rules, tether) = Guard::start(&ports, &live);
        let opening = Tether::new(ports.clock.clone(), ports.control.contact(), &*ports.control);
        let plans = Arc::new(Plans::new(ports.mask.clone()));
        Self { ports, plans, live, count, tether, opening, rules, _guard: guard }
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

    /// What ties the node to its cluster.
    #[must_use]
    pub fn tether(&self) -> &Tether {
        &self.tether
    }

    /// Opens a session, or says why not; either is recorded.
    ///
    /// # Errors
    /// What to tell the client.
    pub async fn open(&self, asked: &Asked) -> Result<Session, Told> {
        self.open_for(asked, &format!("{:?}", asked.channel).to_lowercase()).await
    }

    /// The same for something that a refusal is to name.
    ///
    /// # Errors
    /// What to tell the client.
    pub async fn open_for(&self, asked: &Asked, what: &str) -> Result<Session, Told> {
        match self.try_open(asked).await {
            Ok(session) => Ok(session),
            Err(Ended { told, reason }) => {
                self.refused(&asked.actor, asked.connection, what, told.clone(), reason);
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

    async fn try_open(&self, asked: &Asked) -> Result<Session, Ended> {
        for _ in 0..OPENING_ATTEMPTS {
            if self.opening.tie() != Tie::Fresh {
                return Err(no_quorum("the node has no contact with the majority"));
            }
            let view = self.ports.control.views().borrow().clone();
            let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
            let session = SessionId::new(&self.ports.node, self.ports.record.epoch(), count);
            let (facts, target) = standing::facts(&self.ports, &self.plans, asked, &session, &view)
                .map_err(Barred::refused)?;
            match self.propose(&facts).await? {
                Reply::SessionOpened => return self.start(asked, facts, target, view).await,
                Reply::Refused(Denied::PolicyChanged { .. }) => {}
                // The end of a session is told without waiting: whoever just left has room.
                Reply::Refused(Denied::TooManySessions { limit })
                    if self.makes_room(asked, limit).await => {}
                Reply::Refused(Denied::Locked { lock, scope }) => {
                    return Err(standing::locked(lock, &scope));
                }
                Reply::Refused(denied) => {
                    let code = match denied {
                        Denied::UnknownPerson(_) | Denied::UnknownTarget(_) => {
                            Code::PermissionDenied
                        }
                        _ => denied.code(),
                    };
                    return Err(Ended { told: Told::plain(code), reason: denied.to_string() });
                }
                other => {
                    let reason = format!("an opening was answered {other:?}");
                    return Err(Ended { told: Told::plain(Code::Internal), reason });
                }
            }
        }
        let reason = "the policy kept changing while it was opened".to_owned();
        Err(Ended { told: Told::plain(Code::PermissionDenied), reason })
    }

    /// Whether there is room for a session of this person after all: waits for those that are
    /// closed here, and not yet in the control plane.
    async fn makes_room(&self, asked: &Asked, limit: u32) -> bool {
        let person = &asked.actor.person;
        let has_room = || {
            let open = self.ports.control.look(|state| state.sessions_of(person));
            u32::try_from(open).is_ok_and(|open| open < limit)
        };
        let leaving = || {
            let live = self.live.list();
            self.ports.control.look(|state| {
                state.open_sessions().map(|open| &open.opening).any(|opening| {
                    opening.node == self.ports.node
                        && opening.person == *person
                        && !live.iter().any(|one| one.id == opening.session)
                })
            })
        };
        let waits = async {
            // Views do not wake for sessions, of which there are many.
            loop {
                // In this order: what has left meanwhile has made room.
                let leaving = leaving();
                if has_room() || !leaving {
                    return has_room();
                }
                tokio::time::sleep(CLOSING_PAUSE).await;
            }
        };
        tokio::time::timeout(CLOSING_DEADLINE, waits).await.unwrap_or(false)
    }

    /// Asks the control plane, and does not wait longer than there is contact.
    async fn propose(&self, facts: &SessionFacts) -> Result<Reply, Ended> {
        let opening = Entry::SessionOpen(self.opening(facts));
        let reply = tokio::select! {
            biased;
            reply = self.ports.control.propose(opening) => reply,
            () = self.opening.frozen() => Err(ControlError::NoQuorum),
        };
        reply.map_err(|error| {
            // It may be open all the same, and nobody would close it.
            close_in_control(&self.ports, &facts.session);
            match error {
                // Whether it is open or not: nothing runs in it.
                ControlError::NoQuorum | ControlError::Unknown => no_quorum(error),
                other => Ended { told: other.told(), reason: other.to_string() },
            }
        })
    }

    async fn start(
        &self,
        asked: &Asked,
        facts: SessionFacts,
        target: Arc<Target>,
        judged_by: Arc<View>,
    ) -> Result<Session, Ended> {
        let now = self.ports.clock.now();
        let listed = self.live.enter(LiveSession {
            id: facts.session.clone(),
            person: facts.actor.person.clone(),
            target: facts.target.name.clone(),
            login: facts.target.login.clone(),
            channel: facts.channel,
            from: facts.actor.from.clone(),
            since: now.utc,
            doing: Doing::Nothing,
        });
        let asked = Asked { login: Some(facts.target.login.clone()), ..asked.clone() };
        let (gate, outputs) = Gate::open(facts, now);
        metrics::counter!("sallyport_sessions_opened_total").increment(1);
        let begun = Beginning {
            ports: self.ports.clone(),
            plans: self.plans.clone(),
            tether: self.tether.clone(),
            asked,
            target,
            gate,
            listed,
            judged_by,
            rules: self.rules.clone(),
        };
        Session::start(begun, outputs)
            .await
            .map_err(|told| Ended { reason: told.text.clone(), told })
    }

    fn opening(&self, facts: &SessionFacts) -> SessionOpening {
        SessionOpening {
            node: facts.node.clone(),
            epoch: facts.epoch,
            session: facts.session.clone(),
            person: facts.actor.person.clone(),
            target: facts.target.name.clone(),
            login: facts.target.login.clone(),
            policy_revision: facts.policy_ref.revision,
            per_person: facts.policy.sessions().per_person,
        }
    }
}

fn no_quorum(reason: impl ToString) -> Ended {
    Ended { told: Told::plain(Code::NoQuorum), reason: reason.to_string() }
}
