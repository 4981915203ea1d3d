//! What keeps records: the port that the journal, the memory log and the stream implement.

use bytes::Bytes;
use futures_channel::oneshot;
use proto::event::Head;
use proto::ids::{Chain, Epoch, SessionId};
use proto::reading::Durability;

/// A place in a log, from 1, without gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

impl Position {
    /// The place after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Whose part of the quota a record counts against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(pub u64);

impl Share {
    /// The node's own records; never limited by a share.
    pub const NODE: Self = Self(0);
    /// Everybody who has not proved who they are, together.
    pub const STRANGERS: Self = Self(1);

    /// The share of a person.
    #[must_use]
    pub fn of_person(name: &str) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, name.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&digest.as_ref()[..8]);
        Self(u64::from_le_bytes(first).max(2))
    }
}

/// Whether a record may use the room that is kept back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// An ordinary record.
    Ordinary,
    /// The end of something that is already recorded: it may use the room for last words.
    LastWords,
}

/// One record on its way into a log.
#[derive(Clone, Debug)]
pub struct Record {
    /// Whose chain it is in.
    pub chain: Chain,
    /// The epoch of its event.
    pub epoch: Epoch,
    /// The place in its chain.
    pub seq: u64,
    /// The session it is about, for the index.
    pub session: Option<SessionId>,
    /// Whose part of the quota it uses.
    pub share: Share,
    /// Whether it may use the room kept back.
    pub urgency: Urgency,
    /// The exact bytes.
    pub bytes: Bytes,
}

/// One record as it was read back, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Where it is kept.
    pub position: Position,
    /// Whether it is in the node's own chain or the control chain.
    pub control: bool,
    /// The epoch of its event.
    pub epoch: Epoch,
    /// The place in its chain.
    pub seq: u64,
    /// The exact bytes.
    pub bytes: Bytes,
}

/// Why a log takes nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedBecause {
    /// The quota of the log is used up.
    #[error("the log is full")]
    Full,
    /// This person's part of the quota is used up.
    #[error("this person's share of the log is used up")]
    ShareUsedUp,
    /// More is waiting to be written than the queue holds.
    #[error("the log's queue is full")]
    Busy,
    /// An I/O error stopped it; it must be opened anew.
    #[error("the log stopped after an I/O error")]
    Stopped,
    /// The replicated stream is known not to answer, or there is none.
    #[error("the replicated stream does not answer")]
    NoStream,
    /// The record is larger than a log takes, or does not follow the one before it.
    #[error("the record does not fit the log")]
    Misfit,
}

/// What a backend answers when it does not keep a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It is certain that the record is not kept.
    #[error("refused: {0}")]
    Refused(RefusedBecause),
    /// The answer was lost: the record may be kept or not.
    #[error("it is unknown whether the record is kept")]
    Unknown,
}

/// Why an event has no receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// It is certain that the event is not kept.
    #[error("refused: {0}")]
    Refused(RefusedBecause),
    /// It may be kept or not. Unknown is not absent: ask again under the same id, or close.
    #[error("it is unknown whether the event is kept")]
    Unknown,
    /// The event is larger than the record takes.
    #[error("the event has {0} bytes, which is more than the record takes")]
    TooLarge(usize),
}

impl From<Failure> for AppendError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(because) => Self::Refused(because),
            Failure::Unknown => Self::Unknown,
        }
    }
}

/// Why records cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// A record is not what was written; it is not served.
    #[error("the record at position {position} is damaged: {what}")]
    Damaged {
        /// Where.
        position: u64,
        /// What does not fit, and in which file.
        what: String,
    },
    /// The medium failed.
    #[error("reading the log failed: {0}")]
    Failed(String),
}

/// Where the answer to an append arrives; a dropped sender means unknown.
pub type Completion = oneshot::Receiver<Result<Position, Failure>>;

/// Where it is said that a log has grown; a dropped sender says that the log has closed.
pub type Growth = oneshot::Receiver<()>;

/// Where the chains in a log stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heads {
    /// The node's own chain.
    pub node: Head,
    /// The control chain.
    pub control: Head,
    /// The highest epoch of a record in the node's chain.
    pub epoch: Epoch,
}

/// Whether a log can be relied on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It takes records.
    Good,
    /// It takes only last words: the quota is used up.
    Full,
    /// It takes nothing, and why.
    Stopped(String),
}

/// How full a log is, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Live records.
    pub used: u64,
    /// The most that live records may take, without the room for last words.
    pub quota: u64,
    /// Sealed records that were moved to the archive.
    pub archived: u64,
    /// The oldest position that can be read; above 1, older records were taken away.
    pub first: Position,
    /// Positions written and synced so far.
    pub last: Position,
}

/// Something that keeps records in order.
///
/// The contract, which [`crate::conformance`] checks:
/// - the order of calls to `enqueue` is the order of positions, and positions have no gaps;
/// - a completion says `Ok` only when the record is as durable as [`Backend::durability`];
/// - the same (chain, epoch, seq) enqueued again with equal bytes answers with its first position
///   and is kept once; with other bytes it is refused as [`RefusedBecause::Misfit`];
/// - a record that was completed is there after any crash, and is read back byte for byte;
/// - damage is an error on reading and is never served or skipped.
pub trait Backend: Send + Sync + 'static {
    /// Takes a record, in order, without blocking. Accepting is not yet keeping: the completion
    /// says when it is kept.
    ///
    /// # Errors
    /// The reason, when the record is certainly not kept.
    fn enqueue(&self, record: Record) -> Result<(Position, Completion), RefusedBecause>;

    /// Somebody waits for a completion now. A backend may let records wait for one another for a
    /// moment as long as nobody does.
    fn hurry(&self) {}

    /// Reads up to `limit` durable records from a position on, in order; fewer at the end.
    ///
    /// # Errors
    /// [`ReadError`] when any of them cannot be served.
    fn read(&self, from: Position, limit: usize) -> Result<Vec<Stored>, ReadError>;

    /// Positions of a session's durable records from a position on, in order, up to `limit`.
    ///
    /// # Errors
    /// [`ReadError`] when the index cannot be served.
    fn positions_of(
        &self,
        session: &SessionId,
        from: Position,
        limit: usize,
    ) -> Result<Vec<Position>, ReadError>;

    /// The durable record at a place of the node's own chain, or of the control chain; none when it
    /// is not there, or not any more.
    ///
    /// # Errors
    /// [`ReadError`] when it cannot be served.
    fn find(&self, control: bool, seq: u64) -> Result<Option<Stored>, ReadError>;

    /// Says when a record beyond a position is durable; at once when there is one.
    fn grown(&self, beyond: Position) -> Growth;

    /// Where the chains stand, as of opening.
    fn heads(&self) -> Heads;

    /// What a completion means here.
    fn durability(&self) -> Durability;

    /// Whether it can be relied on now.
    fn health(&self) -> Health;

    /// How full it is now.
    fn usage(&self) -> Usage;
}

/// The replicated stream that follows a log, as the log sees it.
///
/// It publishes what is durable in the log, in order, by itself. It must never say of a record that
/// the stream has it when only this node does.
pub trait Stream: Send + Sync + 'static {
    /// Says when the stream has a record of the node's own chain: at once when it has. It never
    /// makes anybody wait for a stream that is known to be down; whoever waits while it goes down
    /// is told that nobody knows.
    ///
    /// # Errors
    /// [`RefusedBecause::NoStream`] while it is down.
    fn has(&self, seq: u64, position: Position) -> Result<Completion, RefusedBecause>;

    /// Whether it takes records now, as far as is known.
    fn is_up(&self) -> bool;
}
