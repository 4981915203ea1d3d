//! What is written: the vocabulary between Raft and its disk.

use bytes::Bytes;
use proto::ids::{Epoch, Name};
use proto::peer::raft::{LogId, SnapshotMeta, Vote};
use rkyv::{Archive, Deserialize, Serialize};

/// A part of a snapshot has at most so many bytes: entries of the log are written between parts.
pub const SNAPSHOT_PART_BYTES: usize = 256 * 1024;

/// One entry of the log. What its bytes mean is not the disk's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// Its place.
    pub at: LogId,
    /// What kind of entry it is.
    pub kind: u8,
    /// What it says.
    pub bytes: Bytes,
}

/// Who this node is, as its disk remembers.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
#[allow(missing_docs, reason = "rkyv derives a resolver whose fields it does not document")]
pub struct Identity {
    /// The cluster that it belongs to.
    pub cluster: Name,
    /// Its name.
    pub node: Name,
    /// Its Raft id.
    pub raft_id: u64,
    /// The last epoch that it was given, 0 before the first.
    pub epoch: Epoch,
    /// What it drew for its last start.
    pub nonce: u64,
    /// How often it was started.
    pub starts: u64,
}

/// A snapshot that is whole.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
#[allow(missing_docs, reason = "rkyv derives a resolver whose fields it does not document")]
pub struct Kept {
    /// Its number on this disk.
    pub number: u64,
    /// How many parts it has.
    pub parts: u32,
    /// How many bytes they are together.
    pub bytes: u64,
    /// What it is of.
    pub meta: SnapshotMeta,
}

/// One change of what is kept. They are performed in the order in which they are handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// A vote; it is never older than the one before.
    Vote(Vote),
    /// Entries behind the last one, without a gap.
    Append(Vec<LogRecord>),
    /// Entries from this index on are forgotten: another leader decided otherwise.
    Truncate(u64),
    /// Entries up to this place are forgotten: a snapshot has what they did.
    Purge(LogId),
    /// Entries up to this place are decided. Answered at once and durable with a later write:
    /// whoever forgets it learns it again.
    Committed(LogId),
    /// Who this node is.
    Identity(Identity),
    /// A part of a snapshot that is not whole yet.
    SnapshotPart {
        /// The snapshot's number on this disk.
        number: u64,
        /// Which part, from 0.
        part: u32,
        /// At most [`SNAPSHOT_PART_BYTES`].
        bytes: Bytes,
    },
    /// All parts of a snapshot have come: it is the current one, and others are forgotten.
    Snapshot(Kept),
}
