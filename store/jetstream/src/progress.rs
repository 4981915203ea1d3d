//! How far the stream has one chain, and who waits for it.
//!
//! Whoever asks while the stream is known to be down does not wait. A connection that broke a
//! moment ago is not known to be down: brokers change leaders in a second or two.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_channel::oneshot;
use parking_lot::Mutex;
use proto::ids::Digest;
use store_log::{Completion, Failure, Position, RefusedBecause};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::fault::Fault;
use crate::resume::Resume;
use crate::trim::Acknowledgements;

/// How long a stream that does not answer may still be about to.
pub(crate) const GRACE: Duration = Duration::from_secs(3);

/// How many may wait for the stream at once.
const WAITING_LIMIT: usize = 65_536;

/// The last event of a chain that the stream acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tip {
    /// Its place in the chain; 0 for none.
    pub(crate) seq: u64,
    /// Where in the stream.
    pub(crate) sequence: u64,
    /// SHA-256 of its bytes.
    pub(crate) hash: Option<Digest>,
}

/// Whether a chain is being published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The stream takes its events.
    Up,
    /// It did until a moment ago.
    Unsure { since: Instant, fault: Fault },
    /// It does not.
    Down { since: Instant, fault: Fault },
    /// Nobody asked this node to publish it.
    Idle,
}

/// Where somebody waits to be told.
type Answer = oneshot::Sender<Result<Position, Failure>>;

#[derive(Debug)]
struct Known {
    way: Way,
    tip: Tip,
    /// How often the stream was found to have lost what it had acknowledged.
    regressions: u64,
    /// What sets apart the ids of events that are published again.
    salt: u64,
    /// Up to where it was read back.
    read_back: u64,
    /// From where it is to be published again.
    again: Option<u64>,
    /// Messages on its subject that are not what was written.
    strange: u64,
    acknowledgements: Acknowledgements,
    began: Instant,
    /// Events published since the start, again or for the first time.
    published: u64,
    waiting: BTreeMap<u64, Vec<(Position, Answer)>>,
    waiters: usize,
}

/// The progress of one chain.
#[derive(Debug)]
pub(crate) struct Progress {
    known: Mutex<Known>,
    /// Wakes the publisher when something is to be published again.
    wake: Notify,
}

impl Progress {
    /// Nothing is known yet, and the stream is not known to be up.
    pub(crate) fn new(way: Way) -> Self {
        let known = Known {
            way,
            tip: Tip::default(),
            regressions: 0,
            salt: 0,
            read_back: 0,
            again: None,
            strange: 0,
            acknowledgements: Acknowledgements::default(),
            began: Instant::now(),
            published: 0,
            waiting: BTreeMap::new(),
            waiters: 0,
        };
        Self { known: Mutex::new(known), wake: Notify::new() }
    }

    /// Says when the stream has the event at a place.
    pub(crate) fn has(&self, seq: u64, position: Position) -> Result<Completion, RefusedBecause> {
        let mut known = self.known.lock();
        let (sender, completion) = oneshot::channel();
        match &known.way {
            Way::Up if seq <= known.tip.seq => {
                sender.send(Ok(position)).ok();
                return Ok(completion);
            }
            Way::Up => {}
            Way::Unsure { since, .. } if since.elapsed() < GRACE => {}
            Way::Unsure { .. } | Way::Down { .. } | Way::Idle => {
                return Err(RefusedBecause::NoStream);
            }
        }
        if known.waiters >= WAITING_LIMIT {
            return Err(RefusedBecause::Busy);
        }
        known.waiters += 1;
        known.waiting.entry(seq).or_default().push((position, sender));
        Ok(completion)
    }

    /// The stream was looked at, and this is what it has; says whether it had more before.
    pub(crate) fn resumed(&self, found: &Resume) -> bool {
        let mut known = self.known.lock();
        let before = known.tip;
        let tip = Tip { seq: found.seq, sequence: found.fence, hash: found.hash };
        // The same event at another place is another stream, and so is less than there was.
        let regressed = tip.seq < before.seq
            || (tip.seq == before.seq && before.seq > 0 && tip.sequence != before.sequence);
        known.regressions += u64::from(regressed);
        known.salt += u64::from(regressed);
        known.tip = tip;
        known.way = Way::Up;
        known.note_acknowledged();
        known.answer();
        regressed
    }

    /// The stream acknowledged events up to this one.
    pub(crate) fn acknowledged(&self, tip: Tip, count: u64) {
        let mut known = self.known.lock();
        known.tip = tip;
        known.published += count;
        known.note_acknowledged();
        known.answer();
    }

    /// Nothing goes on now; whether it is down for longer is to be seen.
    pub(crate) fn unsure(&self, fault: &Fault) {
        let mut known = self.known.lock();
        if matches!(known.way, Way::Up) {
            known.way = Way::Unsure { since: Instant::now(), fault: fault.clone() };
        }
    }

    /// Nothing goes on, and nobody waits for it any more.
    pub(crate) fn down(&self, fault: &Fault) {
        let mut known = self.known.lock();
        let since = match known.way {
            Way::Unsure { since, .. } | Way::Down { since, .. } => since,
            Way::Up | Way::Idle => Instant::now(),
        };
        known.way = Way::Down { since, fault: fault.clone() };
        known.give_up();
    }

    /// Down, once it was unsure for too long.
    pub(crate) fn down_after_grace(&self, fault: &Fault) {
        let late = match &self.known.lock().way {
            Way::Unsure { since, .. } => since.elapsed() >= GRACE,
            Way::Down { .. } => true,
            Way::Up | Way::Idle => false,
        };
        if late {
            self.down(fault);
        }
    }

    /// Nobody asks this node to publish it any more.
    pub(crate) fn idle(&self) {
        let mut known = self.known.lock();
        known.way = Way::Idle;
        known.give_up();
    }

    pub(crate) fn way(&self) -> Way {
        self.known.lock().way.clone()
    }

    pub(crate) fn tip(&self) -> Tip {
        self.known.lock().tip
    }

    /// How often the stream lost what it had acknowledged, and how many events were published.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let known = self.known.lock();
        (known.regressions, known.published)
    }

    /// How often the stream lost what it had acknowledged.
    pub(crate) fn regressions(&self) -> u64 {
        self.counts().0
    }

    /// It was read back up to a place, at least.
    pub(crate) fn read_back_at_least(&self, seq: u64) {
        let mut known = self.known.lock();
        known.read_back = known.read_back.max(seq);
    }

    /// It was read back up to a place, and no further.
    pub(crate) fn read_back(&self, seq: u64) {
        self.known.lock().read_back = seq;
    }

    pub(crate) fn read_back_to(&self) -> u64 {
        self.known.lock().read_back
    }

    /// The stream lacks a place that it acknowledged, and has later ones.
    pub(crate) fn publish_again(&self, from: u64) {
        let mut known = self.known.lock();
        known.regressions += 1;
        known.salt += 1;
        known.again = Some(from);
        known.read_back = known.read_back.min(from.saturating_sub(1));
        drop(known);
        self.wake.notify_one();
    }

    /// From where it is to be published again, once.
    pub(crate) fn take_again(&self) -> Option<u64> {
        self.known.lock().again.take()
    }

    /// Completes when something is to be published again.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    pub(crate) fn saw_strange(&self) {
        self.known.lock().strange += 1;
    }

    /// Messages on its subject that are not what was written.
    pub(crate) fn strange(&self) -> u64 {
        self.known.lock().strange
    }

    /// Up to where its events were acknowledged at least so long ago.
    pub(crate) fn synced(&self, horizon: Duration) -> u64 {
        let mut known = self.known.lock();
        let now = known.began.elapsed();
        known.acknowledgements.older_than(now, horizon)
    }

    /// A message was answered as known. Whether it is still there is to be seen; if not, it needs
    /// another id.
    pub(crate) fn answered_as_known(&self) {
        self.known.lock().salt += 1;
    }

    pub(crate) fn salt(&self) -> u64 {
        self.known.lock().salt
    }
}

impl Known {
    fn note_acknowledged(&mut self) {
        let (now, seq) = (self.began.elapsed(), self.tip.seq);
        self.acknowledgements.note(now, seq);
    }

    fn answer(&mut self) {
        let later = self.waiting.split_off(&(self.tip.seq + 1));
        for (position, sender) in
            std::mem::replace(&mut self.waiting, later).into_values().flatten()
        {
            self.waiters -= 1;
            // Whoever no longer waits loses nothing.
            sender.send(Ok(position)).ok();
        }
    }

    /// Dropped senders say that nobody knows.
    fn give_up(&mut self) {
        self.waiting.clear();
        self.waiters = 0;
    }
}
