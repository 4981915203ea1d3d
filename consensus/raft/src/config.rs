//! Timing, limits and who this node is.

use std::time::Duration;

use proto::ids::Name;

/// A call to the cluster that changes something answers within this time.
pub const PROPOSE_DEADLINE: Duration = Duration::from_secs(10);
/// A read answers within this time.
pub const READ_DEADLINE: Duration = Duration::from_secs(3);
/// One attempt to hand writes to the leader takes at most this long.
pub(crate) const FORWARD_DEADLINE: Duration = Duration::from_secs(5);
/// After an attempt that was not taken, the next one waits this long for another leader.
pub(crate) const RETRY_PAUSE: Duration = Duration::from_millis(50);
/// Whatever is told in the background and could not be done is tried again after this time.
pub(crate) const TELL_PAUSE: Duration = Duration::from_millis(500);

/// One entry of the log takes at most so many proposals.
pub const BATCH_PROPOSALS: usize = 512;
/// One entry of the log takes at most about so many bytes of proposals, or one larger proposal.
pub const BATCH_BYTES: usize = 1024 * 1024;
/// So many entries may be under way before the next is formed.
pub(crate) const BATCHES_UNDER_WAY: usize = 8;
/// So many bundles of forwarded writes may be under way.
pub(crate) const BUNDLES_UNDER_WAY: usize = 4;
/// So many proposals may wait for their batch.
pub(crate) const PROPOSALS_WAITING: usize = 8192;
/// So many reads may wait for a quorum.
pub(crate) const READS_WAITING: usize = 8192;
/// Lanes for calls that wait for their answer; more calls wait for a lane.
pub const LANES: u32 = 2048;
/// Lanes for what is told in the background.
pub(crate) const TELL_LANES: u32 = 64;
/// So much may wait to be told.
pub const TELLS_WAITING: usize = 65_536;

/// Entries that were sent or applied lately are kept in memory up to so many bytes.
pub(crate) const TAIL_BYTES: usize = 16 * 1024 * 1024;
/// One append carries entries of at most so many bytes, or one larger entry.
pub(crate) const APPEND_BYTES: usize = 4 * 1024 * 1024;
/// A snapshot is at most so large, in bytes.
pub(crate) const SNAPSHOT_LIMIT: u64 = 2 * 1024 * 1024 * 1024;
/// A snapshot is built when so many entries of the log have come since the last one.
pub(crate) const SNAPSHOT_ENTRIES: u64 = 5_000;
/// Or so many bytes.
pub(crate) const SNAPSHOT_BYTES: u64 = 64 * 1024 * 1024;
/// So many entries before a snapshot stay in the log for peers that are a little behind.
pub(crate) const ENTRIES_KEPT: u64 = 2_000;
/// So many events that are published stay in the state for nodes that are behind a snapshot.
pub(crate) const EVENTS_KEPT: usize = 4_096;

/// A clock further off its peers' median than this may not lead.
pub const CLOCK_BOUND: Duration = Duration::from_secs(5);
/// Peers are asked for their clocks this often.
pub(crate) const CLOCK_INTERVAL: Duration = Duration::from_secs(3);
/// A peer tells its clock within this time.
pub(crate) const CLOCK_DEADLINE: Duration = Duration::from_secs(1);
/// A clock that was read longer ago says nothing.
pub(crate) const CLOCK_AGE: Duration = Duration::from_secs(30);

/// The leader looks after its duties at least this often.
pub(crate) const DUTY_INTERVAL: Duration = Duration::from_millis(500);

/// How elections and heartbeats are timed, and when a snapshot is due. A sync of the disk may take
/// a second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The leader says this often that it leads.
    pub heartbeat: Duration,
    /// The shortest election timeout of all.
    pub election: Duration,
    /// Each node has a range of this width for itself, and there are [`Timing::slots`] of them.
    pub election_width: Duration,
    /// Nodes whose Raft ids differ by this much share a range.
    pub slots: u64,
    /// After so much silence the watchdog calls an election, and again after each half of it, with
    /// jitter.
    pub watchdog: Duration,
    /// A snapshot is built when so many entries of the log have come since the last one.
    pub snapshot_entries: u64,
    /// So many entries before a snapshot stay in the log for peers that are a little behind; one
    /// that lacks more gets the snapshot.
    pub entries_kept: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(250),
            election: Duration::from_millis(1000),
            election_width: Duration::from_millis(200),
            slots: 5,
            watchdog: Duration::from_millis(4000),
            snapshot_entries: SNAPSHOT_ENTRIES,
            entries_kept: ENTRIES_KEPT,
        }
    }
}

/// Who this node is, and how it runs.
#[derive(Clone, Debug)]
pub struct Config {
    /// The cluster.
    pub cluster: Name,
    /// This node.
    pub node: Name,
    /// Its Raft id, which no other node ever has.
    pub raft_id: u64,
    /// A random number, not 0, for this start.
    pub nonce: u64,
    /// The newest cluster version that this program understands.
    pub supports: u32,
    /// Timing.
    pub timing: Timing,
}
