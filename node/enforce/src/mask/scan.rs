//! What a scanner is: it reads the stream once, and says what to mask and what is undecided.
//!
//! The spans that a scanner reports must depend on the stream alone. It must never report a span
//! that begins before a byte that it has called decided.

use super::text::Text;

/// A span of the stream to mask, and the treatment (an index into the plan) that it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// First byte, as an offset in the stream.
    pub start: u64,
    /// Offset after the last byte.
    pub end: u64,
    /// Index of the treatment.
    pub treatment: u16,
}

/// What follows the bytes that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// More of them.
    More,
    /// More, but not for a while: a program may wait for an answer to what is held.
    Quiet,
    /// Nothing.
    Ended,
}

/// So many bytes of what may be a value are let go when it is quiet. Almost any byte may begin one,
/// and a program may wait for an answer behind it; more of one are no chance.
const QUIET_BYTES: u64 = 3;

/// How far a scanner has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    /// The first byte that may still become part of a span.
    pub hold: u64,
    /// The start of the first reported span that still grows.
    pub open: u64,
}

impl Pending {
    /// Nothing is pending: all up to `end` is decided.
    pub(super) fn none(end: u64) -> Self {
        Self { hold: end, open: end }
    }

    /// Undecided from `hold` on.
    pub(super) fn from(hold: u64) -> Self {
        Self { hold, open: hold }
    }

    /// What is pending still, if the text ends at `end` for a while: a beginning of a few bytes is
    /// let go.
    pub(super) fn unless_quiet(self, then: Then, end: u64) -> Self {
        let is_short = end - self.hold <= QUIET_BYTES && self.open >= self.hold;
        if then == Then::Quiet && is_short { Self::none(end) } else { self }
    }

    /// What is pending for both.
    pub(super) fn and(self, other: Self) -> Self {
        Self { hold: self.hold.min(other.hold), open: self.open.min(other.open) }
    }
}

/// One reader of the stream.
pub(super) trait Scanner: Send {
    /// Reads all bytes that are new since the last call.
    ///
    /// A span may begin before what was called decided only if that was said when it was quiet, and
    /// by less than [`LOOK_BEHIND`](super::text::LOOK_BEHIND).
    fn scan(&mut self, text: &Text, then: Then, found: &mut Vec<Found>) -> Pending;
}

/// True if `byte` before a word makes it part of a longer word.
///
/// The letter of a JSON or C escape (`\n` before `AKIA…`) does not; `offset` is the word's start.
pub(super) fn glued(text: &Text, offset: u64) -> bool {
    let Some(byte) = text.before(offset) else {
        return false;
    };
    let escape = matches!(byte, b'n' | b'r' | b't') && text.before(offset - 1) == Some(b'\\');
    (byte.is_ascii_alphanumeric() || byte == b'_') && !escape
}
