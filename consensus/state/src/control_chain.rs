//! The control chain: events that follow from entries alone, and those of them that are not known
//! to be kept elsewhere yet.
//!
//! Its numbers have no gaps, but where a backup was restored: there they jump, and the event behind
//! the jump says so. It must never hold anything that another node could not compute from
//! the same entries.

use std::collections::VecDeque;

use proto::event::{About, Draft, Head, Kind, Stamped, stamp};
use proto::ids::{Chain, Digest, Epoch, EventId};

use crate::denied::Denied;
use crate::effects::Effects;
use crate::limits;
use crate::reply::Reply;
use crate::state::State;

/// Where the chain stands, and which of its events are not kept elsewhere yet, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ControlChain {
    pub(crate) head: Head,
    unpublished: VecDeque<Stamped>,
    bytes: usize,
}

impl ControlChain {
    pub(crate) fn unpublished(&self) -> impl ExactSizeIterator<Item = &Stamped> {
        self.unpublished.iter()
    }

    /// What a snapshot holds; nothing when the events do not end where the chain stands.
    pub(crate) fn restore(events: impl Iterator<Item = Stamped>, head: Head) -> Option<Self> {
        let mut restored = Self::default();
        events.for_each(|event| restored.push(event));
        let fits = restored.unpublished.is_empty() || restored.head == head;
        restored.head = head;
        fits.then_some(restored)
    }

    fn push(&mut self, event: Stamped) {
        self.head = Head { seq: event.id.seq, hash: Some(sha256(&event.bytes)) };
        self.bytes += event.bytes.len();
        self.unpublished.push_back(event);
    }

    fn published(&mut self, seq: u64) {
        while self.unpublished.front().is_some_and(|event| event.id.seq <= seq) {
            let event = self.unpublished.pop_front();
            self.bytes -= event.map_or(0, |event| event.bytes.len());
        }
    }
}

impl State {
    /// Puts an event that the entry being applied causes into the chain.
    ///
    /// An entry whose event may come out too large records that one first, and refuses before it
    /// has changed anything.
    pub(crate) fn record(&mut self, kind: Kind, effects: &mut Effects) -> Result<(), Denied> {
        let draft = Draft { time: self.time, applied: self.applied, about: About::default(), kind };
        let (chain, seq) = (Chain::Control, self.chain.head.seq + 1);
        let id = EventId { chain, epoch: Epoch(0), seq };
        let event = stamp(&self.cluster, id, self.chain.head, &draft)
            .map_err(|error| Denied::ChangeTooLarge { bytes: error.bytes as u64 })?;
        self.seals.add(&event.bytes);
        self.chain.push(event.clone());
        effects.events.push(event);
        Ok(())
    }

    /// Puts an event into the chain whose size is bounded by the limits of what it names.
    pub(crate) fn record_small(&mut self, kind: Kind, effects: &mut Effects) {
        self.record(kind, effects).expect("the limits of its fields keep this event small");
    }

    /// Refuses what would make more events while too many wait to be kept elsewhere.
    pub(crate) fn check_outbox(&self, kept_back: bool) -> Result<(), Denied> {
        let times = if kept_back { 2 } else { 1 };
        let (events, bytes) = (limits::OUTBOX_EVENTS * times, limits::OUTBOX_BYTES * times);
        limits::check(self.chain.unpublished.len() + 1, "events that wait to be kept", events)?;
        limits::check(self.chain.bytes, "events that wait to be kept, in bytes,", bytes)
    }

    /// Goes on far behind the last place, where a cluster that went on beside a backup never comes;
    /// gives that last place. The next event must say so.
    pub(crate) fn jump_in_chain(&mut self) -> u64 {
        let last = self.chain.head.seq;
        self.chain.head.seq = last.saturating_add(limits::RESTORATION_JUMP);
        last
    }

    pub(crate) fn publish(&mut self, seq: u64) -> Result<Reply, Denied> {
        let last = self.chain.head.seq;
        if seq > last {
            return Err(Denied::UnknownEvent { last });
        }
        self.chain.published(seq);
        Ok(Reply::Done)
    }
}

/// SHA-256 of bytes.
pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    let mut digest = Digest::ZERO;
    digest.0.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    digest
}
