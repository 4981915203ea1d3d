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

    /// What is pending for both.
    pub(super) fn and(self, other: Self) -> Self {
        Self { hold: self.hold.min(other.hold), open: self.open.min(other.open) }
    }
}

/// One reader of the stream.
pub(super) trait Scanner: Send {
    /// Reads all bytes that are new since the last call. `ended` says that no more will come.
    fn scan(&mut self, text: &Text, ended: bool, found: &mut Vec<Found>) -> Pending;
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
