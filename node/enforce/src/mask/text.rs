//! The part of the stream that is still needed: what is held, and a little before it.
//!
//! It knows bytes by their offset in the stream, so that no scanner ever sees chunk borders.

/// How many released bytes stay readable before the first held one. Bytes.
/// Longer than the longest literal with what stands before it, than a key with its spaces, and
/// than a PEM header.
pub(super) const LOOK_BEHIND: u64 = 128;
/// What a stream keeps between two chunks may have this much room, and no more. Bytes.
const KEPT_ROOM: usize = 1024;

/// Bytes `[base, end)` of the stream; wiped when dropped.
pub(super) struct Text {
    bytes: Vec<u8>,
    base: u64,
}

impl Text {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::new(), base: 0 }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// What is kept of it, with room for so many bytes more.
    pub(super) fn continued(&self, more: usize) -> Self {
        let mut bytes = Vec::with_capacity(self.bytes.len() + more);
        bytes.extend_from_slice(&self.bytes);
        Self { bytes, base: self.base }
    }

    /// Bytes that follow, as `write` adds them.
    pub(super) fn extend(&mut self, write: impl FnOnce(&mut super::terminal::Text<'_>)) {
        write(&mut super::terminal::Text { offset: self.base, bytes: &mut self.bytes });
    }

    /// Keeps of `other` what follows [`LOOK_BEHIND`] bytes before `offset`.
    pub(super) fn keep(&mut self, other: &Self, offset: u64) {
        let from = offset.saturating_sub(LOOK_BEHIND).max(other.base);
        if self.bytes.capacity() > KEPT_ROOM {
            *self = Self::new();
        } else {
            wipe(&mut self.bytes);
            self.bytes.clear();
        }
        self.bytes.extend_from_slice(other.rest(from));
        self.base = from;
    }

    /// Offset after the last byte that has arrived.
    pub(super) fn end(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    /// How many bytes there are from `offset` on.
    pub(super) fn len_from(&self, offset: u64) -> usize {
        self.bytes.len() - self.index(offset)
    }

    /// Offset of the first byte that can still be read.
    pub(super) fn base(&self) -> u64 {
        self.base
    }

    #[inline]
    fn index(&self, offset: u64) -> usize {
        debug_assert!(offset >= self.base, "forgotten byte asked for");
        usize::try_from(offset.saturating_sub(self.base)).expect("the buffer fits in memory")
    }

    #[inline]
    /// The byte at `offset`; `None` if it has not arrived or is forgotten.
    pub(super) fn get(&self, offset: u64) -> Option<u8> {
        let index = offset.checked_sub(self.base)?;
        self.bytes.get(usize::try_from(index).ok()?).copied()
    }

    #[inline]
    /// The byte before `offset`; `None` at the start of the stream.
    pub(super) fn before(&self, offset: u64) -> Option<u8> {
        self.get(offset.checked_sub(1)?)
    }

    #[inline]
    /// The bytes `[start, end)`, which must be held.
    pub(super) fn slice(&self, start: u64, end: u64) -> &[u8] {
        &self.bytes[self.index(start)..self.index(end)]
    }

    #[inline]
    /// The bytes from `start` to the last that has arrived.
    pub(super) fn rest(&self, start: u64) -> &[u8] {
        &self.bytes[self.index(start)..]
    }

    /// Up to `count` bytes that end before `end`.
    pub(super) fn last(&self, end: u64, count: u64) -> &[u8] {
        self.slice(end.saturating_sub(count).max(self.base), end)
    }

    /// Forgets what lies further than [`LOOK_BEHIND`] before `offset`.
    pub(super) fn forget_before(&mut self, offset: u64) {
        let keep = offset.saturating_sub(LOOK_BEHIND).max(self.base);
        let gone = self.index(keep);
        self.bytes.drain(..gone);
        self.base = keep;
    }

    /// Bytes that are in memory.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.bytes.capacity()
    }

    /// The bytes `[from, to)` with those of `ranges` made stars by `render`; all others are wiped.
    pub(super) fn into_released(
        mut self,
        (from, to): (u64, u64),
        ranges: &[(u64, u64, u8)],
        render: impl Fn(&mut [u8], u8),
    ) -> bytes::Bytes {
        let (start, end) = (self.index(from), self.index(to));
        for &(from, to, first) in ranges {
            let (from, to) = (self.index(from), self.index(to));
            render(&mut self.bytes[from..to], first);
        }
        wipe(&mut self.bytes[..start]);
        wipe(&mut self.bytes[end..]);
        bytes::Bytes::from(std::mem::take(&mut self.bytes)).slice(start..end)
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        wipe(&mut self.bytes);
    }
}

/// Overwrites bytes. A plain fill is many times faster than writing each byte by itself; that its
/// result is looked at keeps it from being left out.
fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    std::hint::black_box(bytes);
}
