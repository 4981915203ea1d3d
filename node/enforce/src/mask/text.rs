//! The part of the stream that is still needed: what is held, and a little before it.
//!
//! It knows bytes by their offset in the stream, so that no scanner ever sees chunk borders.

use zeroize::Zeroizing;

/// How many released bytes stay readable before the first held one. Bytes.
/// Longer than the longest literal with what stands before it, and than a PEM header.
pub(super) const LOOK_BEHIND: u64 = 128;

/// Bytes `[base, end)` of the stream; wiped when dropped.
pub(super) struct Text {
    bytes: Zeroizing<Vec<u8>>,
    base: u64,
}

impl Text {
    pub(super) fn new() -> Self {
        Self { bytes: Zeroizing::new(Vec::new()), base: 0 }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Offset after the last byte that has arrived.
    pub(super) fn end(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    /// Offset of the first byte that can still be read.
    pub(super) fn base(&self) -> u64 {
        self.base
    }

    fn index(&self, offset: u64) -> usize {
        debug_assert!(offset >= self.base, "forgotten byte asked for");
        usize::try_from(offset.saturating_sub(self.base)).expect("the buffer fits in memory")
    }

    /// The byte at `offset`; `None` if it has not arrived or is forgotten.
    pub(super) fn get(&self, offset: u64) -> Option<u8> {
        let index = offset.checked_sub(self.base)?;
        self.bytes.get(usize::try_from(index).ok()?).copied()
    }

    /// The byte before `offset`; `None` at the start of the stream.
    pub(super) fn before(&self, offset: u64) -> Option<u8> {
        self.get(offset.checked_sub(1)?)
    }

    /// The bytes `[start, end)`, which must be held.
    pub(super) fn slice(&self, start: u64, end: u64) -> &[u8] {
        &self.bytes[self.index(start)..self.index(end)]
    }

    /// The bytes from `start` to the last that has arrived.
    pub(super) fn rest(&self, start: u64) -> &[u8] {
        &self.bytes[self.index(start)..]
    }

    /// Forgets what lies further than [`LOOK_BEHIND`] before `offset`.
    pub(super) fn forget_before(&mut self, offset: u64) {
        let keep = offset.saturating_sub(LOOK_BEHIND).max(self.base);
        let gone = self.index(keep);
        self.bytes.drain(..gone);
        self.base = keep;
    }
}
