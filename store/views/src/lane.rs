//! The order of one chain: events are folded by their place, one after the other, each once.
//!
//! What comes twice is passed over, what comes early waits within bounds, and what does not fit the
//! event before it holds the chain: nothing is ever skipped.

use std::collections::{BTreeMap, VecDeque};

use proto::ids::Digest;

use crate::delivered::Delivered;
use crate::home::Cursor;

/// How many events of one chain wait for an earlier one.
pub const EARLY_EVENTS: usize = 8192;
/// How many bytes they may have.
pub const EARLY_BYTES: usize = 32 * 1024 * 1024;

/// What became of an event that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It is next.
    Next,
    /// It is in the tables or in line already.
    Known,
    /// It waits for earlier ones.
    Early,
    /// Too many wait already; it must be delivered again.
    NoRoom,
    /// The chain is held.
    Held,
}

/// Why a chain goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Hold {
    /// The next event does not point back to the one before it.
    #[error("event {seq} does not follow the event before it: the chain forks or was changed")]
    Fork {
        /// Its place.
        seq: u64,
    },
    /// The source ended, and an event is missing that later ones wait for.
    #[error("event {expected} is missing, and {waiting} later ones wait for it")]
    Gap {
        /// The place of the missing event.
        expected: u64,
        /// How many wait.
        waiting: usize,
    },
}

/// One chain.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// What is in the tables.
    pub(crate) cursor: Option<Cursor>,
    /// What comes next, in order.
    pub(crate) line: VecDeque<Delivered>,
    early: BTreeMap<u64, Delivered>,
    early_bytes: usize,
    fork: Option<u64>,
}

impl Lane {
    pub(crate) fn at(cursor: Option<Cursor>) -> Self {
        Self { cursor, ..Self::default() }
    }

    /// The last event that is in the tables or in line: its place and hash.
    fn end(&self) -> Option<(u64, Digest)> {
        let in_line = self.line.back().map(|last| (last.event.id.seq, last.hash));
        in_line.or(self.cursor.as_ref().map(|cursor| (cursor.seq, cursor.hash)))
    }

    /// Takes an event; `anywhere` lets a chain without a cursor begin at whatever comes first.
    pub(crate) fn offer(&mut self, delivered: Delivered, anywhere: bool) -> Offered {
        let seq = delivered.event.id.seq;
        let end = self.end();
        let next = match end {
            Some((last, _)) => last.saturating_add(1),
            None if anywhere => seq,
            None => 1,
        };
        if seq < next {
            let same = end.is_some_and(|(last, hash)| last == seq && hash != delivered.hash);
            if same {
                self.fork = Some(seq);
                return Offered::Held;
            }
            return Offered::Known;
        }
        if self.fork.is_some() {
            return Offered::Held;
        }
        if seq > next && !self.links(&delivered) {
            return self.wait(delivered);
        }
        if !self.follow(delivered) {
            return Offered::Held;
        }
        while let Some((seq, early)) = self.early.pop_first() {
            let next = self.end().map_or(1, |(last, _)| last + 1);
            if seq > next && !self.links(&early) {
                self.early.insert(seq, early);
                break;
            }
            self.early_bytes -= early.bytes;
            if !self.follow(early) {
                break;
            }
        }
        Offered::Next
    }

    /// Whether an event points back to the last one: then nothing is between them, even if the
    /// numbers jump, as they did in early control chains.
    fn links(&self, delivered: &Delivered) -> bool {
        let before = self.end().map_or(Digest::ZERO, |(_, hash)| hash);
        delivered.event.prev == before
    }

    fn follow(&mut self, delivered: Delivered) -> bool {
        let seq = delivered.event.id.seq;
        let before = match self.end() {
            Some((_, hash)) => Some(hash),
            None if seq == 1 => Some(Digest::ZERO),
            None => None,
        };
        if before.is_some_and(|hash| hash != delivered.event.prev) {
            self.fork = Some(seq);
            return false;
        }
        self.line.push_back(delivered);
        true
    }

    fn wait(&mut self, delivered: Delivered) -> Offered {
        let seq = delivered.event.id.seq;
        if self.early.contains_key(&seq) {
            return Offered::Known;
        }
        let room =
            self.early.len() < EARLY_EVENTS && self.early_bytes + delivered.bytes <= EARLY_BYTES;
        if !room {
            return Offered::NoRoom;
        }
        self.early_bytes += delivered.bytes;
        self.early.insert(seq, delivered);
        Offered::Early
    }

    /// Why the chain goes no further than its line.
    pub(crate) fn hold(&self) -> Option<Hold> {
        if let Some(seq) = self.fork {
            return Some(Hold::Fork { seq });
        }
        let expected = self.end().map_or(1, |(last, _)| last + 1);
        let waiting = self.early.len();
        (waiting > 0).then_some(Hold::Gap { expected, waiting })
    }

    /// The chain stands elsewhere than was thought: what is in the tables leaves the line. Says
    /// whether it was set back.
    pub(crate) fn stands(&mut self, cursor: Option<Cursor>) -> bool {
        if cursor == self.cursor {
            return false;
        }
        let after = cursor.as_ref().map_or(0, |cursor| cursor.seq);
        let went_on = |one: &Cursor, other: &Cursor| one.seq >= other.seq;
        let forward = match (&cursor, &self.cursor) {
            (Some(new), Some(old)) => went_on(new, old),
            (None, Some(_)) => false,
            (_, None) => true,
        };
        if !forward {
            // It was set back: what came in between must be delivered again.
            *self = Self::at(cursor);
            return true;
        }
        let other = |waiting: &&Delivered| {
            let is_there = cursor.as_ref().filter(|cursor| cursor.seq == waiting.event.id.seq);
            is_there.is_some_and(|cursor| cursor.hash != waiting.hash)
        };
        self.fork = self.fork.or(self.line.iter().find(other).map(|_| after));
        self.line.retain(|waiting| waiting.event.id.seq > after);
        self.early.retain(|seq, _| *seq > after);
        self.early_bytes = self.early.values().map(|early| early.bytes).sum();
        self.cursor = cursor;
        // What is left must follow what is in the tables now.
        let line = std::mem::take(&mut self.line);
        for delivered in line {
            self.offer(delivered, false);
        }
        false
    }
}
