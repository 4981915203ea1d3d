//! United spans: overlapping finds become one component under the strongest action.
//!
//! The result must not depend on the order in which the finds were made.

use std::collections::VecDeque;

use super::plan::Action;
use super::scan::Found;

/// How strong an action is: `Null` > `Redact` > `Hash`, `Token` > `Constant` > `KeepFirst`,
/// `KeepLast` > `None`.
pub(crate) fn strength(action: &Action) -> u8 {
    match action {
        Action::None => 0,
        Action::KeepFirst(_) | Action::KeepLast(_) => 1,
        Action::Constant(_) => 2,
        Action::Hash | Action::Token(_) => 3,
        Action::Redact => 4,
        Action::Null => 5,
    }
}

/// A maximal run of overlapping spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Component {
    /// First byte, as an offset in the stream.
    pub start: u64,
    /// Offset after the last byte known so far.
    pub end: u64,
    /// Treatment that wins: the strongest, then the earliest, then the first of the plan.
    pub winner: u16,
    rank: (u8, u64, u16),
    /// Where it begins in the client's stream, once its first byte has left.
    pub left_at: Option<u64>,
    /// Where its last byte that has left ends there.
    pub left_to: Option<u64>,
}

/// The components that have not left, in order.
#[derive(Default)]
pub(super) struct Spans {
    list: VecDeque<Component>,
}

impl Spans {
    /// Adds a find; `strength` is that of its action.
    pub(super) fn insert(&mut self, found: Found, strength: u8) {
        if found.start >= found.end {
            return;
        }
        let rank = (u8::MAX - strength, found.start, found.treatment);
        let mut merged = Component {
            start: found.start,
            end: found.end,
            winner: found.treatment,
            rank,
            left_at: None,
            left_to: None,
        };
        if self.list.back().is_none_or(|last| last.end <= found.start) {
            self.list.push_back(merged);
            return;
        }
        let first = self.list.partition_point(|c| c.end <= found.start);
        let last = self.list.partition_point(|c| c.start < found.end);
        for old in self.list.drain(first..last.max(first)) {
            merged.start = merged.start.min(old.start);
            merged.end = merged.end.max(old.end);
            merged.left_at = merged.left_at.or(old.left_at);
            merged.left_to = merged.left_to.max(old.left_to);
            if old.rank < merged.rank {
                merged.rank = old.rank;
                merged.winner = old.winner;
            }
        }
        self.list.insert(first, merged);
    }

    pub(super) fn reserve(&mut self, more: usize) {
        self.list.reserve(more);
    }

    pub(super) fn shrink_to(&mut self, room: usize) {
        self.list.shrink_to(room);
    }

    pub(super) fn front(&mut self) -> Option<&mut Component> {
        self.list.front_mut()
    }

    pub(super) fn pop(&mut self) -> Option<Component> {
        self.list.pop_front()
    }
}
