//! How far the stream suffices: up to which place of its chain a node's journal may let events go
//! from its quota.
//!
//! Pure. An acknowledgement is not enough: an event must have been read back, byte for byte; the
//! time must have passed after which the servers have it on their disks; and where checkpoints are
//! made, one must cover it. What blocks is named.

use std::collections::VecDeque;
use std::time::Duration;

/// So many moments are remembered; between two of them the later one counts.
const MOMENTS: usize = 1024;

/// What keeps events in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// Nothing: all that there is may go.
    ByNothing,
    /// The stream has not acknowledged more.
    ByTheStream,
    /// More was acknowledged, and not read back yet.
    ByReadingBack,
    /// More was read back, and may still be lost by a power cut of all servers.
    BySyncing,
    /// No checkpoint covers more.
    ByCheckpoints,
}

impl Blocked {
    /// In words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::ByNothing => "nothing",
            Self::ByTheStream => "the stream has not acknowledged more",
            Self::ByReadingBack => "more was acknowledged and not read back yet",
            Self::BySyncing => "more was read back and the servers may not have synced it yet",
            Self::ByCheckpoints => "no checkpoint covers more",
        }
    }
}

/// When how much of a chain was acknowledged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acknowledgements {
    /// Moments and places, both rising.
    moments: VecDeque<(Duration, u64)>,
    /// The last place that was acknowledged long enough ago.
    settled: u64,
}

impl Acknowledgements {
    /// The stream has the chain up to a place, now; less than before when it lost some.
    pub(crate) fn note(&mut self, now: Duration, seq: u64) {
        if self.moments.back().is_some_and(|(_, last)| *last > seq) || self.settled > seq {
            self.moments.retain(|(_, place)| *place <= seq);
            self.settled = self.settled.min(seq);
        }
        let full = self.moments.len() >= MOMENTS;
        match self.moments.back_mut() {
            Some((_, last)) if *last == seq => {}
            Some(moment) if full => *moment = (now, seq),
            _ => self.moments.push_back((now, seq)),
        }
    }

    /// The last place that was acknowledged at least so long ago.
    pub(crate) fn older_than(&mut self, now: Duration, horizon: Duration) -> u64 {
        while let Some((moment, seq)) = self.moments.front() {
            if now.saturating_sub(*moment) < horizon {
                break;
            }
            self.settled = *seq;
            self.moments.pop_front();
        }
        self.settled
    }
}

/// What is known of a chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Covered {
    /// Its last place.
    pub last: u64,
    /// Up to where the stream acknowledged it.
    pub acknowledged: u64,
    /// Up to where it was read back.
    pub read_back: u64,
    /// Up to where the servers have synced it for certain.
    pub synced: u64,
    /// Up to where a checkpoint covers it; none where none are made.
    pub checkpointed: Option<u64>,
}

/// Up to which place the stream suffices, and what keeps the next ones.
#[must_use]
pub fn trim(covered: &Covered) -> (u64, Blocked) {
    let Covered { last, acknowledged, read_back, synced, checkpointed } = *covered;
    let checkpointed = checkpointed.unwrap_or(u64::MAX);
    let place = acknowledged.min(read_back).min(synced).min(checkpointed);
    let blocked = if place >= last {
        Blocked::ByNothing
    } else if place == acknowledged {
        Blocked::ByTheStream
    } else if place == read_back {
        Blocked::ByReadingBack
    } else if place == synced {
        Blocked::BySyncing
    } else {
        Blocked::ByCheckpoints
    };
    (place, blocked)
}
