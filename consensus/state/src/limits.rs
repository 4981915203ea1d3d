//! How much the state may hold. What is over a limit is refused with [`crate::Denied::Limit`]: no
//! policy, person, target or session is ever dropped to make room. Only kept replies age.

use std::time::Duration;

/// The longest policy document, in bytes.
pub const POLICY_DOCUMENT_BYTES: usize = 1024 * 1024;
/// How many policy revisions are kept; all of them are, because recorded decisions name them.
pub const POLICY_REVISIONS: usize = 10_000;
/// All distinct policy documents together, in bytes; a rollback shares the text it goes back to.
pub const POLICY_BYTES: usize = 256 * 1024 * 1024;
/// How many people there may be.
pub const PEOPLE: usize = 20_000;
/// How many targets there may be.
pub const TARGETS: usize = 20_000;
/// How many nodes may ever have started; their names are never reused.
pub const NODES: usize = 1_024;
/// How many sessions may be open at once in the cluster.
pub const SESSIONS: usize = 100_000;
/// How far the numbers of a node's sessions may run ahead of a number that it never used.
pub const SESSION_NUMBERS_AHEAD: usize = 1_024;
/// The longest text that says who made a change, in bytes.
pub const BY_BYTES: usize = 256;
/// The longest login on a target, in bytes.
pub const LOGIN_BYTES: usize = 256;

/// How many replies are kept for one client.
pub const REPLIES_PER_CLIENT: usize = 128;
/// How long a reply is kept, in the state's time.
pub const REPLY_AGE: Duration = Duration::from_secs(10 * 60);
/// How many clients are remembered.
pub const CLIENTS: usize = 4_096;
/// A client is forgotten only when there are too many, and when it was silent for this long: until
/// then no retry of its has a second effect.
pub const CLIENT_SILENCE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
