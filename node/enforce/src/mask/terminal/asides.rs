//! Bytes of the stream that are none of its text, and where they stand in it.

/// Bytes of a usual sequence.
const SEQUENCE: usize = 8;

/// What stands before a byte of the text.
#[derive(Clone, Copy, Debug)]
struct Aside {
    /// Offset of that byte in the text.
    at: u64,
    /// Where its bytes end in all that are kept.
    end: usize,
    /// The byte of the text is a break that is nowhere in the stream.
    breaks: bool,
}

/// Asides that have not left, in order.
#[derive(Debug, Default)]
pub(in crate::mask) struct Asides {
    bytes: Vec<u8>,
    list: Vec<Aside>,
    /// How many of the list, and of the bytes, have left.
    left: usize,
    bytes_left: usize,
}

impl Asides {
    pub(in crate::mask) fn is_empty(&self) -> bool {
        self.left == self.list.len()
    }

    /// Bytes that have not left.
    pub(in crate::mask) fn len(&self) -> usize {
        self.bytes.len() - self.bytes_left
    }

    pub(in crate::mask) fn shrink_to(&mut self, room: usize) {
        self.list.shrink_to(room);
        self.bytes.shrink_to(room * SEQUENCE);
    }

    /// How many bytes that have not left stand before the byte of the text at `at`, the last one.
    pub(super) fn before(&self, at: u64) -> usize {
        match self.list[self.left..] {
            [.., before, last] if last.at == at && !last.breaks => last.end - before.end,
            [last] if last.at == at && !last.breaks => last.end - self.bytes_left,
            _ => 0,
        }
    }

    /// Bytes before the byte of the text at `at`.
    pub(super) fn push(&mut self, at: u64, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.note(at, false);
    }

    /// The byte of the text at `at` is a break.
    pub(super) fn breaks(&mut self, at: u64) {
        self.note(at, true);
    }

    fn note(&mut self, at: u64, breaks: bool) {
        let end = self.bytes.len();
        let all = self.list.len();
        match self.list.last_mut() {
            Some(last) if self.left < all && last.at == at && !last.breaks => {
                (last.end, last.breaks) = (end, breaks);
            }
            _ => self.list.push(Aside { at, end, breaks }),
        }
    }

    /// Offset of the next that has not left, and whether a break stands there.
    pub(in crate::mask) fn next(&self) -> Option<(u64, bool)> {
        self.list.get(self.left).map(|aside| (aside.at, aside.breaks))
    }

    /// Lets the next one leave.
    pub(in crate::mask) fn leave(&mut self, out: &mut Vec<u8>) {
        let Some(aside) = self.list.get(self.left) else { return };
        out.extend_from_slice(&self.bytes[self.bytes_left..aside.end]);
        self.bytes_left = aside.end;
        self.left += 1;
        if self.is_empty() {
            *self = Self {
                bytes: std::mem::take(&mut self.bytes),
                list: std::mem::take(&mut self.list),
                left: 0,
                bytes_left: 0,
            };
            self.bytes.clear();
            self.list.clear();
        }
    }

    /// All before the byte of the text at `at` leave. A break that stands there is not passed.
    pub(in crate::mask) fn leave_before(&mut self, at: u64, out: &mut Vec<u8>) {
        while let Some(aside) = self.list.get(self.left).copied().filter(|one| one.at <= at) {
            if aside.at == at && aside.breaks {
                out.extend_from_slice(&self.bytes[self.bytes_left..aside.end]);
                self.bytes_left = aside.end;
                return;
            }
            self.leave(out);
        }
    }
}
