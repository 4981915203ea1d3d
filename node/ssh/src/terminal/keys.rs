//! Keys on their way to the target: those that submit nothing, and those that may.
//!
//! Nobody else makes these values, so a key that may submit a line cannot be among others.

use bytes::Bytes;
use node_gate::CommandText;

/// Ends a line, and interrupts what runs.
const INTERRUPT: u8 = 0x03;
/// Ends a file, or gives an unfinished line to whoever reads it.
pub(super) const FLUSH: u8 = 0x04;
/// Submits a line, and shows the one after it in the shell's history.
pub(super) const OPERATE_AND_NEXT: u8 = 0x0f;

/// Whether a shell may take a key for the end of a line: CR, LF and Ctrl-O always do; Ctrl-D, where
/// a line was begun.
pub(super) fn submits(key: u8, begun: bool) -> bool {
    matches!(key, b'\r' | b'\n' | OPERATE_AND_NEXT) || key == FLUSH && begun
}

/// Keys that submit nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Typed(Bytes);

impl Typed {
    /// Keys before the first that submits.
    pub(super) fn plain(keys: Vec<u8>) -> Self {
        debug_assert!(!keys.iter().any(|key| submits(*key, false)), "none submits");
        Self(keys.into())
    }

    /// Any key for a full-screen program, once the record has that one runs.
    pub(super) fn unread(key: u8) -> Self {
        Self(Bytes::copy_from_slice(&[key]))
    }

    /// What takes a line back that may not be submitted.
    pub(super) fn cancel() -> Self {
        Self(Bytes::from_static(&[INTERRUPT]))
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.0
    }
}

/// A key that submits a line, which was judged.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Submit(u8);

impl Submit {
    pub(super) fn new(key: u8) -> Self {
        Self(key)
    }

    /// The byte, in exchange for the line that it was judged by, out of its permit.
    pub(crate) fn spend(self, _line: CommandText) -> u8 {
        self.0
    }

    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn byte(&self) -> u8 {
        self.0
    }
}

/// Whether a key takes back all that was typed.
pub(super) fn interrupts(key: u8) -> bool {
    key == INTERRUPT
}
