//! What the two ends of a connection say about the connection itself.

use rkyv::{Archive, Deserialize, Serialize};

use crate::refusal::{Code, Told};

/// What a connection is for, so that heartbeats are never behind a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Archive, Serialize, Deserialize)]
pub enum Lane {
    /// Short calls.
    Calls,
    /// Snapshots.
    Bulk,
    /// Streams, and lists that may be long.
    Streams,
}

bodies! {
    /// The versions of the cluster that a program can work in.
    struct Versions {
        /// The oldest.
        oldest: u32,
        /// The newest.
        newest: u32,
    }
    /// The first words of whoever connects.
    struct Hello {
        /// The cluster that it is a node of.
        cluster: String,
        /// Its name.
        node: String,
        /// Its Raft id.
        raft_id: u64,
        /// What the connection is for.
        lane: Lane,
        /// What it understands.
        versions: Versions,
        /// Its program's version.
        program: String,
    }
    /// The answer to it: calls may be made from now on.
    struct Welcome {
        /// What the one who answers understands.
        versions: Versions,
        /// Its program's version.
        program: String,
    }
    /// A refusal of a call or, outside of calls, of the connection.
    struct Refusal {
        /// The number of its code.
        code: u16,
        /// What happened and what to do.
        text: String,
    }
    /// One item of a stream.
    struct Item {
        /// The item; for a session that is watched, the exact bytes of an event.
        bytes: Vec<u8>,
    }
    /// Whoever listens to a stream has room for more items.
    struct More {
        /// For how many more.
        items: u32,
    }
    /// A stream is over.
    struct End {
        /// Why, when it is not simply at its end.
        refusal: Option<Refusal>,
    }
    /// Nothing beyond the kind itself.
    struct Empty {}
}

impl Versions {
    /// The newest version that both understand, if there is one.
    #[must_use]
    pub fn common(self: &Versions, other: &Versions) -> Option<u32> {
        let newest = self.newest.min(other.newest);
        (newest >= self.oldest.max(other.oldest)).then_some(newest)
    }
}

impl From<Told> for Refusal {
    fn from(told: Told) -> Self {
        Self { code: told.code.number(), text: told.text }
    }
}

impl From<Refusal> for Told {
    fn from(refusal: Refusal) -> Self {
        match Code::from_number(refusal.code) {
            Some(code) => Self { code, text: refusal.text },
            // A newer node may say more than this program knows; its words are kept.
            None => {
                let text = format!("SP-{}: {}", refusal.code, refusal.text);
                Self { code: Code::VersionMismatch, text }
            }
        }
    }
}
