//! Elections: each node has a range of time-outs for itself, and a watchdog calls an election when
//! all of that has failed.
//!
//! openraft 0.9 draws a node's time-out once for as long as it runs: two survivors with like
//! time-outs would split the votes for ever.

use std::time::Duration;

use openraft::SnapshotPolicy;

use crate::config::Timing;

/// Entries that openraft sends in one append; what they weigh is limited on reading.
const APPEND_ENTRIES: u64 = 256;

/// openraft's configuration for one node.
pub(crate) fn raft_config(
    cluster: &str,
    raft_id: u64,
    timing: &Timing,
) -> Result<openraft::Config, String> {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let slot = raft_id.saturating_sub(1) % timing.slots.max(1);
    let width = millis(timing.election_width);
    let least = millis(timing.election) + slot * width;
    let config = openraft::Config {
        cluster_name: cluster.to_owned(),
        heartbeat_interval: millis(timing.heartbeat),
        election_timeout_min: least,
        election_timeout_max: least + width,
        install_snapshot_timeout: 60_000,
        max_payload_entries: APPEND_ENTRIES,
        replication_lag_threshold: timing.entries_kept,
        // A snapshot must not forget events that are not kept yet, which openraft cannot know.
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: timing.entries_kept,
        purge_batch_size: 256,
        ..openraft::Config::default()
    };
    config.validate().map_err(|error| error.to_string())
}

/// When the watchdog bites.
#[derive(Debug)]
pub(crate) struct Watchdog {
    raft_id: u64,
    patience: Duration,
    next: Option<Duration>,
    bites: u64,
}

impl Watchdog {
    pub(crate) fn new(raft_id: u64, timing: &Timing) -> Self {
        Self { raft_id, patience: timing.watchdog, next: None, bites: 0 }
    }

    /// Whether to call an election now, when a leader was last heard of at `heard`.
    pub(crate) fn bites(&mut self, heard: Duration, now: Duration) -> bool {
        let silent = now.saturating_sub(heard);
        if silent < self.patience {
            self.next = None;
            return false;
        }
        let half = self.patience / 2;
        let jitter = jitter(self.raft_id, self.bites, half);
        let next = *self.next.get_or_insert(now + jitter);
        if now < next {
            return false;
        }
        self.bites += 1;
        self.next = Some(now + half + jitter);
        true
    }
}

/// A part of `most` that differs between nodes and between tries, and needs no randomness.
fn jitter(raft_id: u64, tries: u64, most: Duration) -> Duration {
    // splitmix64
    let mut mixed = raft_id.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(tries << 17);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    most.mul_f64((mixed % 1024) as f64 / 1024.0)
}
