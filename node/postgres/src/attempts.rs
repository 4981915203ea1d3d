//! How often something may be tried within a while: requests to cancel and wrong passwords by
//! source, statements by connection. Pure: time comes in.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// How many keys are counted at a time; beyond, nobody new tries anything for a while.
const KEYS: usize = 4096;

/// Counts by key, within windows of one length.
#[derive(Debug)]
pub(crate) struct Attempts<K> {
    window: Duration,
    most: u32,
    since: Duration,
    counts: HashMap<K, u32>,
}

impl<K: Eq + Hash> Attempts<K> {
    /// At most so many of each key within so long.
    pub(crate) fn new(most: u32, window: Duration) -> Self {
        Self { window, most, since: Duration::ZERO, counts: HashMap::new() }
    }

    fn at(&mut self, now: Duration) {
        if now.saturating_sub(self.since) >= self.window {
            self.since = now;
            self.counts.clear();
        }
    }

    /// Whether one more is not too many; it is not counted.
    pub(crate) fn may_try(&mut self, key: &K, now: Duration) -> bool {
        self.at(now);
        match self.counts.get(key) {
            Some(made) => *made < self.most,
            None => self.counts.len() < KEYS,
        }
    }

    /// Counts one; whether it was not too many.
    pub(crate) fn count(&mut self, key: K, now: Duration) -> bool {
        let may = self.may_try(&key, now);
        if may || self.counts.contains_key(&key) {
            let made = self.counts.entry(key).or_default();
            *made = made.saturating_add(1);
        }
        may
    }
}

/// Statements of one connection: at most so many within any second, give or take one second's.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    second: Duration,
    made: u32,
}

impl Pace {
    /// Counts one; whether it was not too many.
    pub(crate) fn count(&mut self, most: u32, now: Duration) -> bool {
        if now.saturating_sub(self.second) >= Duration::from_secs(1) {
            (self.second, self.made) = (now, 0);
        }
        self.made = self.made.saturating_add(1);
        self.made <= most
    }
}
