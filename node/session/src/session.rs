//! One live session, as a protocol's driver uses it.
//!
//! The driver gives commands and the target's bytes, and gets a permit, a refusal, or releases. It
//! cannot get around the gate: what it may write is in values that only the gate makes. All that it
//! does in between it does by [`Session::meanwhile`], which goes on for as long as the session may.

mod files;
mod holding;
mod judging;
mod output;

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use node_enforce::mask::MaskPlan;
use node_gate::{Gate, Input, Output};
use proto::entry::{ApprovalId, ApprovalWithdrawal, Entry, SessionClosing, Withdrawn};
use proto::ids::SessionId;
use proto::reading::Durability;
use proto::refusal::{Code, Told};
use proto::target::Target;
use store_log::Pending;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::keeping;
use crate::live::{Doing, Ended, Listed};
use crate::plans::Plans;
use crate::ports::{Contact, View};
use crate::seal::Sealer;
use crate::sessions::{Asked, Ports};
use crate::standing::{self, Barred};
use crate::tether::{Alarm, Tether, changed};

pub use output::Released;

/// How often a session looks whether policy lets it go on.
const TICK: Duration = Duration::from_secs(1);

/// Why a session's work was interrupted, and what the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Over(pub Told);

/// One live session.
pub struct Session {
    ports: Arc<Ports>,
    plans: Arc<Plans>,
    tether: Tether,
    // Ties what moves bytes beside the session: a contact is passed on once the session has heard
    // what was decided before it.
    beside: watch::Sender<Contact>,
    id: SessionId,
    asked: Asked,
    target: Arc<Target>,
    gate: Gate,
    sealer: Sealer,
    listed: Listed,
    // The view that it was judged by last, and those by which it must be judged again.
    judged_by: Arc<View>,
    rules: watch::Receiver<Arc<View>>,
    contacts: watch::Receiver<Contact>,
    // Timers outlast the waiting: setting them anew for each message costs more than a message.
    ticks: Interval,
    over: Alarm,
    in_flight: VecDeque<Pending>,
    // The approval that is asked for and not spent.
    asks: Option<ApprovalId>,
    // How something other than client and target ended it: from then on nothing is done in it.
    ended: Option<Ended>,
    // Whether the record holds its first event; before that there is nothing to end in it.
    opened: bool,
}

/// What a session is begun with.
pub(crate) struct Beginning {
    pub(crate) ports: Arc<Ports>,
    pub(crate) plans: Arc<Plans>,
    pub(crate) tether: Tether,
    pub(crate) asked: Asked,
    pub(crate) target: Arc<Target>,
    pub(crate) gate: Gate,
    pub(crate) listed: Listed,
    pub(crate) judged_by: Arc<View>,
    pub(crate) rules: watch::Receiver<Arc<View>>,
}

impl Session {
    pub(crate) async fn start(begun: Beginning, outputs: Vec<Output>) -> Result<Self, Told> {
        let Beginning { ports, plans, tether, asked, target, gate, listed, judged_by, mut rules } =
            begun;
        // What changed while it was opened is looked at before anything else is done.
        rules.mark_changed();
        let mut session = Self {
            id: gate.facts().session.clone(),
            sealer: ports.seal.sealer(),
            ports,
            plans,
            beside: watch::channel(*tether.contacts().borrow()).0,
            contacts: tether.contacts(),
            ticks: interval(TICK),
            over: Alarm::default(),
            tether,
            asked,
            target,
            gate,
            listed,
            judged_by,
            rules,
            in_flight: VecDeque::new(),
            asks: None,
            ended: None,
            opened: false,
        };
        for output in outputs {
            if let Output::Append(append) = output {
                drop(keeping::append(&session.ports.record, &append).await?);
            }
        }
        session.opened = true;
        session.ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(session)
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &SessionId {
        &self.id
    }

    /// The target it is with.
    #[must_use]
    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// As whom it is there.
    #[must_use]
    pub fn login(&self) -> &str {
        &self.gate.facts().target.login
    }

    /// What is masked in it, by the policy that it was judged by last.
    #[must_use]
    pub fn masks(&self) -> &Arc<MaskPlan> {
        &self.gate.facts().masks
    }

    /// What sessions need of their node.
    #[must_use]
    pub fn ports(&self) -> &Arc<Ports> {
        &self.ports
    }

    /// What ties the node to its cluster: a driver's tasks that move bytes beside the session must
    /// not move them without it.
    #[must_use]
    pub fn tether(&self) -> Tether {
        self.tether.by(self.beside.subscribe())
    }

    /// Does something for as long as the session may go on. While there is no contact with the
    /// majority, nothing is done.
    ///
    /// # Errors
    /// [`Over`] when policy, a lock, an operator, the node's shutdown or the loss of contact ends
    /// it first.
    pub async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Over> {
        if let Some(ended) = &self.ended {
            return Err(Over(ended.told.clone()));
        }
        tokio::pin!(work);
        loop {
            let (tether, news) = (&self.tether, self.rules.clone());
            // What came in after the rules were looked at wakes this again: they are first.
            let careful = poll_fn(|context| match news.has_changed() {
                Ok(true) => Poll::Pending,
                _ => work.as_mut().poll(context),
            });
            let ended = tokio::select! {
                biased;
                ended = ending(&mut self.listed.end) => Some(ended),
                () = changed(&mut self.rules) => {
                    let view = self.rules.borrow_and_update().clone();
                    let ended = self.judge_again(view).err();
                    self.contacts.mark_changed();
                    ended
                }
                () = tether.over_by(&mut self.over) => Some(contact_lost()),
                () = changed(&mut self.contacts) => {
                    let contact = *self.contacts.borrow_and_update();
                    self.pass_on(contact);
                    None
                }
                _ = self.ticks.tick() => self.tick(),
                done = tether.while_fresh(careful) => return Ok(done),
            };
            if let Some(ended) = ended {
                return Err(Over(self.end(ended)));
            }
        }
    }

    /// Lets what moves bytes beside the session use a contact, when all that was decided before it
    /// is heard.
    fn pass_on(&self, contact: Contact) {
        if !self.rules.has_changed().unwrap_or(false) {
            self.beside.send_replace(contact);
        }
    }

    /// Judges the session, and what is under way in it, by what is known now. Gives what the gate
    /// wants done, when it held a command and judged it again.
    fn judge_again(&mut self, view: Arc<View>) -> Result<Vec<Output>, Ended> {
        if view.judges_as(&self.judged_by) {
            return Ok(Vec::new());
        }
        let stands = standing::facts(&self.ports, &self.plans, &self.asked, &self.id, &view);
        let (facts, target) = stands.map_err(Barred::ended)?;
        if !standing::same_target(&self.target, &target) {
            let reason = format!("target {} is another now", target.name);
            return Err(Barred::NotGranted(reason).ended());
        }
        self.judged_by = view;
        let facts = Input::Facts(Box::new(facts), self.tether.leash());
        let bug = |told: Told| Ended { reason: told.text.clone(), told };
        let outputs = self.tell(facts).map_err(bug)?;
        for output in &outputs {
            if let Output::End(told) = output {
                let reason = "the policy does not let its command run any more".to_owned();
                return Err(Ended { told: told.clone(), reason });
            }
        }
        Ok(outputs)
    }

    fn tick(&mut self) -> Option<Ended> {
        let now = self.ports.clock.now();
        let outputs = self.gate.on(Input::Tick, now).ok()?;
        outputs.into_iter().find_map(|output| match output {
            Output::End(told) => Some(Ended { reason: told.text.clone(), told }),
            _ => None,
        })
    }

    /// Remembers why it ends, for its last event; gives what the client is told.
    fn end(&mut self, ended: Ended) -> Told {
        metrics::counter!("sallyport_sessions_ended_total", "code" => ended.told.code.to_string())
            .increment(1);
        tracing::info!(session = %self.id, code = %ended.told.code, reason = %ended.reason,
            "a session is ended");
        self.ended.get_or_insert(ended).told.clone()
    }

    /// Bytes were passed to the command's input: the session is not idle.
    pub fn input_passed(&mut self) {
        drop(self.tell(Input::InputPassed));
    }

    /// Closes the session and waits until its last word is kept. What ended it, if it was neither
    /// its client nor its target, is a better reason than the one given.
    pub async fn close(mut self, reason: &str) {
        let reason = self.ended.take().map_or_else(|| reason.to_owned(), |ended| ended.reason);
        let now = self.ports.clock.now();
        let outputs = self.gate.on(Input::Close(reason), now).unwrap_or_default();
        let mut waited = None;
        for output in outputs {
            if let Output::Append(append) = output {
                waited = self.keep_or_warn(&append).await.or(waited);
            }
        }
        if let Some(pending) = waited
            && let Err(told) =
                keeping::receipt(&self.ports.record, pending, Durability::Local).await
        {
            tracing::warn!(session = %self.id, %told, "a session's end is not recorded");
        }
    }

    /// Keeps an event that nothing waits for but the last word of a session.
    async fn keep_or_warn(&mut self, append: &node_gate::Append) -> Option<Pending> {
        match keeping::append(&self.ports.record, append).await {
            Ok(appending) => Some(appending.pending).filter(|_| append.answer.is_some()),
            Err(told) => {
                tracing::warn!(session = %self.id, %told, "an event is not recorded");
                None
            }
        }
    }

    /// Takes back what was asked of approvers, if anything is.
    fn withdraw(&mut self, because: Withdrawn) {
        let Some(approval) = self.asks.take() else { return };
        self.listed.doing(Doing::Nothing);
        let entry = Entry::ApprovalWithdrawn(ApprovalWithdrawal { approval, because });
        if let Err(error) = self.ports.control.tell(entry) {
            tracing::warn!(session = %self.id, %approval, %error, "a withdrawal is not replicated");
        }
    }

    fn tell(&mut self, input: Input<'_>) -> Result<Vec<Output>, Told> {
        let now = self.ports.clock.now();
        self.gate.on(input, now).map_err(|error| {
            // The driver did something out of turn: a bug, and a bug ends the session.
            tracing::error!(session = %self.id, %error, "a driver spoke out of turn");
            Told::plain(Code::Internal)
        })
    }
}

/// Whatever way a session goes, a panic included: the control plane is told, and the record gets
/// its last words if it did not have them.
impl Drop for Session {
    fn drop(&mut self) {
        let broken_off = || "broken off".to_owned();
        let reason = self.ended.take().map_or_else(broken_off, |ended| ended.reason);
        let close = Input::Close(reason);
        let outputs = self.gate.on(close, self.ports.clock.now()).unwrap_or_default();
        for output in outputs.into_iter().filter(|_| self.opened) {
            if let Output::Append(append) = output
                && let Err(error) =
                    self.ports.record.append(&append.draft, append.share, append.urgency)
            {
                tracing::warn!(session = %self.id, %error, "a session's end is not recorded");
            }
        }
        self.withdraw(Withdrawn::SessionEnded);
        close_in_control(&self.ports, &self.id);
    }
}

pub(crate) fn close_in_control(ports: &Ports, session: &SessionId) {
    let entry = Entry::SessionClose(SessionClosing { session: session.clone() });
    if let Err(error) = ports.control.tell(entry) {
        tracing::warn!(%session, %error, "a session's end is not replicated");
    }
}

fn contact_lost() -> Ended {
    let reason = "no contact with the majority for 2T".to_owned();
    Ended { told: Told::plain(Code::ContactLost), reason }
}

async fn ending(end: &mut watch::Receiver<Option<Ended>>) -> Ended {
    loop {
        if let Some(ended) = end.borrow_and_update().clone() {
            return ended;
        }
        if end.changed().await.is_err() {
            let told = Told::plain(Code::SessionEnded);
            return Ended { reason: told.text.clone(), told };
        }
    }
}
