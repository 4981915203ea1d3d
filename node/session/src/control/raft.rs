//! The control plane over this node's replica.
//!
//! What is applied becomes a view at once, under the replica's lock, so that whoever gets a reply
//! sees what it changed; events of the control chain go to this node's record from a task of their
//! own, in order and each once. What this node cannot have any more is stated in its own chain
//! first: a gap is never silent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use consensus_raft::{Observer, ProposeError, ReadError, Replica};
use consensus_state::{Changed, Reply, State};
use parking_lot::Mutex;
use proto::entry::Entry;
use proto::event::{About, ControlResumed, Draft, Event, Head, Kind, Stamped};
use proto::ids::Digest;
use proto::time::Utc;
use store_log::{AppendError, Backend, Log, Pending, Share, Urgency};
use tokio::sync::{Notify, watch};

use super::compiled::Compiled;
use super::view::{Compile, view};
use crate::ports::{Boxed, Clock, Contact, Control, ControlError, View};

/// How many events may wait for the record in memory; what is over stays in the state.
const EVENTS_WAITING: usize = 65_536;

/// How long is waited before a record that refuses is asked again.
const RECORD_PAUSE: std::time::Duration = std::time::Duration::from_millis(500);

/// Keeps an event of the control chain in the record.
type Keep = dyn Fn(Stamped) -> Result<Option<Pending>, AppendError> + Send + Sync;

/// Sees what the replica applies.
pub struct Seen {
    compiled: Compiled,
    views: watch::Sender<Arc<View>>,
    waiting: Mutex<Waiting>,
    more: Notify,
    kept: AtomicU64,
}

/// Events that wait for the record.
#[derive(Default)]
struct Waiting {
    events: BTreeMap<u64, Stamped>,
    /// One did not fit: it and what comes behind it are fetched from the state.
    overflowed: bool,
}

impl Seen {
    /// What is shown now.
    #[cfg(test)]
    pub(crate) fn view(&self) -> Arc<View> {
        self.views.borrow().clone()
    }

    fn wait_for_record(&self, events: impl IntoIterator<Item = Stamped>) {
        let kept = self.kept.load(Ordering::Acquire);
        let mut waiting = self.waiting.lock();
        for event in events {
            waiting.overflowed |= waiting.events.len() >= EVENTS_WAITING;
            if event.id.seq > kept && !waiting.overflowed {
                waiting.events.insert(event.id.seq, event);
            }
        }
        let waits = !waiting.events.is_empty();
        drop(waiting);
        if waits {
            self.more.notify_one();
        }
    }

    /// Fetches what did not fit, when the record has kept all that did; gives whether something
    /// waits now. Nothing is applied meanwhile, so that nothing overtakes it.
    fn fetch(&self, state: &State) -> bool {
        self.waiting.lock().overflowed = false;
        let kept = self.kept.load(Ordering::Acquire);
        let missed = state.unpublished().filter(|event| event.id.seq > kept);
        self.wait_for_record(missed.cloned());
        !self.waiting.lock().events.is_empty()
    }

    fn look_again(&self, state: &State, changed: Changed) {
        let before = self.views.borrow().clone();
        match view(state, Some(&before), changed, &|text| self.compiled.get(text)) {
            Ok(next) => {
                let wakes = changed.policy
                    || changed.people
                    || changed.targets
                    || changed.approvals
                    || changed.locks
                    || changed.nodes;
                self.views.send_if_modified(|shown| {
                    *shown = Arc::new(next);
                    wakes
                });
            }
            // It was compiled before it was proposed, so this is a bug; the view before stays.
            Err(error) => tracing::error!(error, "the policy in force does not compile"),
        }
    }
}

impl Observer for Seen {
    fn foresee(&self, policy: &str) {
        // One that does not compile is refused where it is proposed, or told when it is applied.
        if let Err(error) = self.compiled.get(policy) {
            tracing::debug!(error, "a policy that does not compile was proposed");
        }
    }

    fn applied(&self, state: &State, changed: Changed, events: Vec<Stamped>) {
        self.look_again(state, changed);
        // After a snapshot of another node's the events are only in the state.
        if changed == Changed::ALL {
            self.wait_for_record(state.unpublished().cloned());
        }
        if !events.is_empty() {
            self.wait_for_record(events);
        }
    }

    fn kept(&self) -> u64 {
        self.kept.load(Ordering::Acquire)
    }
}

/// The control plane, over this node's replica.
pub struct RaftControl {
    replica: Arc<Replica>,
    seen: Arc<Seen>,
    contact: watch::Receiver<Contact>,
}

impl RaftControl {
    /// What must see the replica from its opening on. `kept` is the last event of the control chain
    /// that the record holds.
    #[must_use]
    pub fn observe(compile: Box<Compile>, kept: u64) -> Arc<Seen> {
        let empty = Arc::new(View::empty());
        Arc::new(Seen {
            compiled: Compiled::new(compile),
            views: watch::channel(empty).0,
            waiting: Mutex::default(),
            more: Notify::new(),
            kept: AtomicU64::new(kept),
        })
    }

    /// The control plane over a replica that `seen` sees. It waits for the first contact, so that a
    /// node does not begin frozen.
    ///
    /// # Errors
    /// [`ControlError`] when the replica stops before there is contact.
    pub async fn new(replica: Arc<Replica>, seen: Arc<Seen>) -> Result<Self, ControlError> {
        replica.with_state(|state| {
            seen.look_again(state, Changed::ALL);
            seen.wait_for_record(state.unpublished().cloned());
        });
        let mut made = replica.contact();
        let stopped = |_| ControlError::Unavailable("the replica stopped".to_owned());
        let first = made.wait_for(Option::is_some).await.map_err(stopped)?.map(|one| one.sent_at);
        let (sender, contact) = watch::channel(Contact { sent_at: first.unwrap_or_default() });
        tokio::spawn(async move {
            while made.changed().await.is_ok() {
                let newest = made.borrow_and_update().map(|one| one.sent_at);
                if let Some(sent_at) = newest
                    && sender.send(Contact { sent_at }).is_err()
                {
                    return;
                }
            }
        });
        Ok(Self { replica, seen, contact })
    }

    /// The same over another observer, which begins with what the state has now: a start of the
    /// node whose record ends with `kept`.
    #[cfg(test)]
    pub(crate) async fn again(
        &self,
        compile: Box<Compile>,
        kept: u64,
    ) -> Result<Self, ControlError> {
        Self::new(self.replica.clone(), Self::observe(compile, kept)).await
    }

    /// Gives the record: what is not yet in it is kept there before this returns, and what comes
    /// later by a task.
    ///
    /// # Errors
    /// [`ControlError`] when the record refuses.
    pub async fn attach<B: Backend>(
        &self,
        log: Arc<Log<B>>,
        clock: Arc<dyn Clock>,
    ) -> Result<(), ControlError> {
        let keep: Arc<Keep> = Arc::new(move |event| {
            if let Some(draft) = gap_before(&event, log.control_head(), clock.now().utc) {
                // The record keeps its order, so that this is durable when the event is.
                drop(log.append(&draft, Share::NODE, Urgency::LastWords)?);
            }
            log.keep_control(event)
        });
        keep_waiting(&self.seen, &*keep)
            .await
            .map_err(|error| ControlError::Unavailable(error.to_string()))?;
        tokio::spawn(keep_on(Arc::downgrade(&self.seen), Arc::downgrade(&self.replica), keep));
        Ok(())
    }
}

/// What is said before an event that does not follow the last one of the record.
fn gap_before(stamped: &Stamped, head: Head, time: Utc) -> Option<Draft> {
    if stamped.id.seq <= head.seq {
        return None;
    }
    // What this program made it can read.
    let event = Event::read(&stamped.bytes).ok()?;
    if event.prev == head.hash.unwrap_or(Digest::ZERO) {
        return None;
    }
    let resumed = ControlResumed { after: head.seq, first: stamped.id.seq, follows: event.prev };
    tracing::warn!(?resumed, "the record of the control chain has a gap");
    let kind = Kind::ControlResumed(resumed);
    Some(Draft { time, applied: event.applied, about: About::default(), kind })
}

/// Keeps the events that wait, in order; those that are there already are passed over.
async fn keep_waiting(seen: &Seen, keep: &Keep) -> Result<(), AppendError> {
    loop {
        let batch: Vec<_> = seen.waiting.lock().events.values().cloned().collect();
        if batch.is_empty() {
            return Ok(());
        }
        let mut pending = Vec::with_capacity(batch.len());
        for event in batch {
            let seq = event.id.seq;
            pending.push((seq, keep(event)?));
        }
        for (seq, pending) in pending {
            if let Some(pending) = pending {
                drop(pending.await?);
            }
            seen.waiting.lock().events.remove(&seq);
            seen.kept.fetch_max(seq, Ordering::AcqRel);
        }
    }
}

async fn keep_on(seen: std::sync::Weak<Seen>, replica: std::sync::Weak<Replica>, keep: Arc<Keep>) {
    while let (Some(seen), Some(replica)) = (seen.upgrade(), replica.upgrade()) {
        if let Err(error) = keep_waiting(&seen, &*keep).await {
            tracing::warn!(%error, "events of the control chain wait for the record");
            tokio::time::sleep(RECORD_PAUSE).await;
            continue;
        }
        if replica.with_state(|state| seen.fetch(state)) {
            continue;
        }
        drop(replica);
        seen.more.notified().await;
    }
}

impl Control for RaftControl {
    fn propose(&self, entry: Entry) -> Boxed<'_, Result<Reply, ControlError>> {
        Box::pin(async move {
            self.replica.propose(entry).await.map(|answer| answer.reply).map_err(not_proposed)
        })
    }

    fn tell(&self, entry: Entry) -> Result<(), ControlError> {
        self.replica.tell(entry).map_err(not_proposed)
    }

    fn read(&self) -> Boxed<'_, Result<u64, ControlError>> {
        Box::pin(async move {
            self.replica.read().await.map_err(|error| match error {
                ReadError::NoQuorum => ControlError::NoQuorum,
                ReadError::Stopped(why) => ControlError::Unavailable(why),
            })
        })
    }

    fn contact(&self) -> watch::Receiver<Contact> {
        self.contact.clone()
    }

    fn views(&self) -> watch::Receiver<Arc<View>> {
        self.seen.views.subscribe()
    }

    fn with_state(&self, look: &mut dyn FnMut(&State)) {
        self.replica.with_state(look);
    }
}

fn not_proposed(error: ProposeError) -> ControlError {
    match error {
        ProposeError::NoQuorum => ControlError::NoQuorum,
        ProposeError::Unknown => ControlError::Unknown,
        ProposeError::TooLarge(_) => ControlError::TooLarge,
        ProposeError::Busy => ControlError::Unavailable("too much waits already".to_owned()),
        ProposeError::Stopped(why) => ControlError::Unavailable(why),
    }
}
