//! Failed logins of each address, so that passwords cannot be tried without end.
//!
//! Bounded: over its limit the table forgets the oldest, which can only help an attacker who owns
//! more addresses than it has rows.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How many logins of one address may fail within [`WINDOW`].
pub(crate) const FAILURES: u32 = 10;

/// How long a failed login counts.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);

/// How many addresses are remembered.
const ADDRESSES: usize = 4_096;

/// Failed logins by address: since when, and how many.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<BTreeMap<IpAddr, (Duration, u32)>>);

impl Attempts {
    /// Whether this address may try once more.
    pub(crate) fn may(&self, from: IpAddr, now: Duration) -> bool {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.get(&from).is_none_or(|(since, count)| over(*since, now) || *count < FAILURES)
    }

    /// A login of this address failed.
    pub(crate) fn failed(&self, from: IpAddr, now: Duration) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if table.len() >= ADDRESSES && !table.contains_key(&from) {
            table.retain(|_, (since, _)| !over(*since, now));
        }
        if table.len() >= ADDRESSES
            && !table.contains_key(&from)
            && let Some(oldest) =
                table.iter().min_by_key(|(_, (since, _))| *since).map(|(address, _)| *address)
        {
            table.remove(&oldest);
        }
        let row = table.entry(from).or_insert((now, 0));
        if over(row.0, now) {
            *row = (now, 0);
        }
        row.1 += 1;
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

fn over(since: Duration, now: Duration) -> bool {
    now.saturating_sub(since) >= WINDOW
}
