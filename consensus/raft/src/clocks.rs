//! What the clocks of the peers say about this node's own.
//!
//! Readings are kept against the clock that only goes forward, so that a jump of this node's wall
//! clock shows at once, and is not taken for a jump of all others.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::time::{Moment, Utc};

use crate::config::{CLOCK_AGE, CLOCK_BOUND};
use crate::pace::later;

/// The clocks of the peers, as last read.
#[derive(Debug, Default)]
pub(crate) struct Clocks(BTreeMap<u64, (Utc, Duration)>);

impl Clocks {
    pub(crate) fn read(&mut self, peer: u64, clock: Utc, at: Duration) {
        self.0.insert(peer, (clock, at));
    }

    pub(crate) fn forget_but(&mut self, is_member: impl Fn(u64) -> bool) {
        self.0.retain(|peer, _| is_member(*peer));
    }

    /// How far this node's wall clock is off the median of all, its own included, when that is
    /// beyond the bound. Of an even number the two in the middle are a range that is as good.
    pub(crate) fn off(&self, now: Moment) -> Option<Duration> {
        let (low, high) = self.median(now);
        let off = now.utc.0.abs_diff(now.utc.0.clamp(low, high));
        let off = Duration::from_micros(off);
        (off > CLOCK_BOUND).then_some(off)
    }

    /// Whether the clock of any peer is known now.
    pub(crate) fn know_of_peers(&self, now: Duration) -> bool {
        self.fresh(now).next().is_some()
    }

    /// This node's wall clock, as far as the others bear it out: ahead of the median of all by the
    /// bound at most, of an even number of the lower one in the middle. Where there are others and
    /// none of their clocks is known, nobody bears it out.
    pub(crate) fn borne_out(&self, now: Moment, alone: bool) -> Option<Utc> {
        let (low, _) = self.median(now);
        let borne_out = alone || self.know_of_peers(now.elapsed);
        borne_out.then(|| now.utc.min(later(Utc(low), CLOCK_BOUND)))
    }

    /// What the clocks of the peers show now, as far as they were read lately.
    fn fresh(&self, now: Duration) -> impl Iterator<Item = Utc> {
        let ages = self.0.values().map(move |(clock, at)| (*clock, now.saturating_sub(*at)));
        ages.filter(|(_, age)| *age <= CLOCK_AGE).map(|(clock, age)| later(clock, age))
    }

    fn median(&self, now: Moment) -> (i64, i64) {
        let peers = self.fresh(now.elapsed).map(|clock| clock.0);
        let mut clocks: Vec<i64> = peers.chain([now.utc.0]).collect();
        clocks.sort_unstable();
        (clocks[(clocks.len() - 1) / 2], clocks[clocks.len() / 2])
    }
}
