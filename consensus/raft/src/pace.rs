//! The cluster's time: the stamps that a leader puts on batches.
//!
//! A stamp is the last one that was applied and what has passed since on a clock that only goes
//! forward. The wall clock counts once, when a node begins to lead for the first time since it
//! started: time that passed while no node ran has passed. It counts as far as the peers' clocks
//! bear it out, and a wall clock that jumps later changes nothing.

use std::time::Duration;

use consensus_state::planted::{Bug, planted};
use proto::time::{Moment, Utc};

/// Where the cluster's time stands, as this node sees it.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// The last stamp, and when it was applied or given.
    last: Option<(Utc, Duration)>,
    took_wall: bool,
}

impl Pace {
    /// A stamp was applied.
    pub(crate) fn saw(&mut self, stamp: Utc, now: Duration) {
        if self.running(now).is_none_or(|running| stamp >= running) {
            self.last = Some((stamp, now));
        }
    }

    /// Whether the wall clock still counts for the next stamp.
    pub(crate) fn asks_for_wall(&self) -> bool {
        !self.took_wall
    }

    /// A stamp for what this leader puts into the log now; `wall` is its wall clock, as far as it
    /// can be believed.
    pub(crate) fn stamp(&mut self, now: Moment, wall: Option<Utc>) -> Utc {
        let mut stamp = self.running(now.elapsed).unwrap_or(now.utc);
        if let Some(wall) = wall.filter(|_| self.asks_for_wall()) {
            // A clock that is not believed now may be when more peers are heard of.
            self.took_wall = wall == now.utc;
            stamp = if planted(Bug::TimeGoesBack) { now.utc } else { stamp.max(wall) };
        }
        self.last = Some((stamp, now.elapsed));
        stamp
    }

    /// What a stamp would be now.
    pub(crate) fn running(&self, now: Duration) -> Option<Utc> {
        let (stamp, at) = self.last?;
        Some(later(stamp, now.saturating_sub(at)))
    }
}

/// A time so much later.
pub(crate) fn later(time: Utc, by: Duration) -> Utc {
    let microseconds = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
    Utc(time.0.saturating_add(microseconds))
}
