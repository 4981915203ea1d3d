//! What a node takes from its peers, and from strangers, at most.

use std::time::Duration;

use proto::peer::FRAME_LIMIT;

/// Limits of the server and of the pool. The defaults are those of a product; tests have smaller
/// ones.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections altogether.
    pub connections: usize,
    /// Connections that have proven nothing yet.
    pub strangers: usize,
    /// Of those, from one address (one /64 of IPv6).
    pub strangers_per_source: usize,
    /// How long a connection may take to prove itself.
    pub stranger_deadline: Duration,
    /// Joins that are looked at at once.
    pub joins: usize,
    /// Calls of one peer that are under way at once, on each of its lanes; more wait unread.
    pub calls: usize,
    /// Bytes of the bodies of those calls; more wait unread.
    pub call_bytes: usize,
    /// Streams of one peer at once; more are refused.
    pub streams: usize,
    /// The longest that any call may take at the one who serves it.
    pub longest_call: Duration,
    /// How long a connection may be silent before its server closes it.
    pub idle: Duration,
    /// How long a body may take to arrive once its header has.
    pub body: Duration,
    /// How long one frame may take to be written.
    pub write: Duration,
    /// Frames that wait to be written on one connection; whoever has more waits.
    pub queue: usize,
    /// How often whoever connected says that it is there.
    pub ping: Duration,
    /// How long the one who was connected to may be silent before it is given up.
    pub silence: Duration,
    /// How long a connection may take to be made.
    pub dial: Duration,
    /// How long nothing is tried after the first failure; it doubles with each.
    pub backoff: Duration,
    /// The longest that nothing is tried.
    pub longest_backoff: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            strangers: 64,
            strangers_per_source: 24,
            stranger_deadline: Duration::from_secs(5),
            joins: 4,
            calls: 64,
            call_bytes: 3 * FRAME_LIMIT,
            streams: 64,
            longest_call: Duration::from_secs(90),
            idle: Duration::from_secs(15),
            body: Duration::from_secs(10),
            write: Duration::from_secs(10),
            queue: 32,
            ping: Duration::from_secs(2),
            silence: Duration::from_secs(6),
            dial: Duration::from_secs(3),
            backoff: Duration::from_millis(50),
            longest_backoff: Duration::from_secs(1),
        }
    }
}

/// A frame of more bytes than this goes with the snapshots, so that no heartbeat waits for it.
pub(crate) const BULK_FROM: usize = 256 * 1024;

/// How long the one who serves a kind of call works on it.
pub(crate) fn deadline_of(kind: u8) -> Duration {
    Duration::from_secs(match kind {
        // Raft: a vote, entries, a piece of a snapshot, writes, a read, an election, the clock,
        // what is known of a node.
        16 | 20 | 21 | 22 | 24 => 5,
        17 | 19 => 15,
        // The last piece is answered when the snapshot is installed.
        18 => 60,
        // A join writes to the replicated log; so does the end of a session.
        32 => 30,
        50 => 15,
        _ => 10,
    })
}
