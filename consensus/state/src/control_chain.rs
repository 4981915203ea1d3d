//! The control chain: events that follow from entries alone.
//!
//! The place of an event is the index of its entry, so that numbers have gaps; `prev` does not. It
//! must never hold anything that another node could not compute from the same entries.

use proto::event::{About, Draft, Head, Kind, Stamped, stamp};
use proto::ids::{Chain, Digest, Epoch, EventId};

use crate::reply::Denied;
use crate::state::State;

impl State {
    /// The event that the entry being applied causes; the chain is not moved yet, so that a change
    /// that cannot be recorded can still be refused.
    pub(crate) fn draw_up(&self, kind: Kind) -> Result<Stamped, Denied> {
        let draft = Draft { time: self.time, applied: self.applied, about: About::default(), kind };
        let id = EventId { chain: Chain::Control, epoch: Epoch(0), seq: self.applied };
        stamp(&self.cluster, id, self.chain, &draft)
            .map_err(|error| Denied::ChangeTooLarge { bytes: error.bytes })
    }

    /// Moves the chain behind an event that was drawn up for this entry.
    pub(crate) fn append_to_chain(&mut self, event: &Stamped) {
        self.chain = Head { seq: event.id.seq, hash: Some(sha256(&event.bytes)) };
    }
}

/// SHA-256 of bytes.
pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    let mut digest = Digest::ZERO;
    digest.0.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    digest
}
