//! The hashes of the last events of a chain, by place: almost all come in order.

use std::collections::VecDeque;

use proto::ids::Digest;

/// So many events are remembered.
const LIMIT: usize = 4096;

/// The last events of a chain.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// By place.
    events: VecDeque<(u64, Digest)>,
}

impl Window {
    /// Remembers an event, and forgets the one of the lowest place when there are too many.
    pub(crate) fn insert(&mut self, seq: u64, hash: Digest) {
        if self.events.back().is_none_or(|(last, _)| *last < seq) {
            self.events.push_back((seq, hash));
        } else {
            match self.events.binary_search_by_key(&seq, |(known, _)| *known) {
                Ok(at) => self.events[at].1 = hash,
                Err(at) => self.events.insert(at, (seq, hash)),
            }
        }
        if self.events.len() > LIMIT {
            self.events.pop_front();
        }
    }

    /// The hash of the event at a place.
    pub(crate) fn get(&self, seq: u64) -> Option<Digest> {
        let at = self.events.binary_search_by_key(&seq, |(known, _)| *known).ok()?;
        self.events.get(at).map(|(_, hash)| *hash)
    }

    /// The lowest place that is remembered.
    pub(crate) fn first(&self) -> Option<u64> {
        self.events.front().map(|(seq, _)| *seq)
    }
}
