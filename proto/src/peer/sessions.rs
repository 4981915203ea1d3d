//! Calls about sessions that another node serves.

use rkyv::{Archive, Deserialize, Serialize};

use super::secret::Secret;
use crate::entry::By;
use crate::ids::SessionId;

bodies! {
    /// Which sessions the node knows.
    struct SessionsAsk {
        /// Only those that are live.
        live: bool,
        /// At most so many, the newest.
        limit: u32,
    }
    /// Its sessions.
    struct SessionRows {
        /// One JSON object each, as the API gives it: readers ignore fields that they do not know.
        rows: Vec<String>,
        /// Whether there are more.
        more: bool,
    }
    /// Somebody wants to see a session as it goes on: a stream of its events.
    struct Watch {
        /// The session.
        session: SessionId,
        /// The place within the session that they have seen already; 0 for none.
        after: u64,
    }
    /// A session is to be ended.
    struct Kill {
        /// The session.
        session: SessionId,
        /// Who ends it.
        by: By,
        /// Why.
        reason: String,
    }
    /// Somebody wants a statement of a database to end, with a key that names this node.
    struct Cancel {
        /// The key's number.
        process: u32,
        /// The key's secret, and zeros behind it when it is shorter.
        secret: Secret,
        /// How many bytes the secret has.
        length: u8,
    }
    /// What became of it.
    struct Killed {
        /// Whether there was such a live session.
        found: bool,
    }
}
