//! An object that says of itself that it is a Secret: what of it follows, to its end.
//!
//! Nothing of it is held or masked. It only says how far the object reaches.

use super::column;
use crate::mask::detector::{Machine, Progress};
use crate::mask::text::Text;

/// An object is no longer. Bytes.
const MAX: u64 = 1 << 20;
/// So many bytes of a line tell whether the object ends before it.
const LINE_BYTES: usize = 96;
/// Blanks and quotes before the value of `kind`.
const GAP_MAX: u64 = 16;
const SECRET: &[u8] = b"Secret";

/// An object whose `kind:` has been read.
pub(in crate::mask) struct Manifest {
    /// Column of its keys; without one it ends with its document.
    column: Option<u64>,
    value: u64,
    /// Behind the value, once it is known to be a Secret.
    begins: Option<u64>,
    position: u64,
}

impl Manifest {
    /// The object whose key `kind` begins at `key`, and whose separator is at `at`.
    pub(in crate::mask) fn new(text: &Text, key: u64, at: u64) -> Self {
        Self { column: column(text, key), value: at + 1, begins: None, position: at + 1 }
    }

    /// Whether the value is `Secret`; `None` as long as that is not known.
    fn is_secret(&mut self, text: &Text, ended: bool) -> Option<bool> {
        let rest = text.rest(self.value);
        let gap = rest.iter().take_while(|byte| b" \"'\\".contains(byte)).count();
        let word = &rest[gap..];
        let known = &word[..word.len().min(SECRET.len())];
        if gap as u64 > GAP_MAX || !SECRET.starts_with(known) {
            return Some(false);
        }
        let Some(next) = word.get(SECRET.len()) else { return ended.then_some(false) };
        self.position = self.value + (gap + SECRET.len()) as u64;
        Some(b" \"'\\\r\n,}".contains(next))
    }

    /// Whether another object begins with this line; `None` as long as that is not known.
    fn ends_before(&self, line: &[u8], ended: bool) -> Option<bool> {
        if line.starts_with(b"---") || line.starts_with(b"...") {
            return Some(true);
        }
        let indent = line.iter().take_while(|byte| b" -\"'".contains(byte)).count();
        let quotes = line[..indent].iter().filter(|byte| b"\"'".contains(byte)).count();
        let column = (indent - quotes) as u64;
        let version = b"apiVersion";
        let key = &line[indent..];
        let whole = key.len() >= version.len() || line.contains(&b'\n');
        if !whole && !ended && line.len() < LINE_BYTES {
            return None;
        }
        Some(key.starts_with(version) && self.column.is_some_and(|own| column <= own))
    }
}

impl Machine for Manifest {
    fn advance(&mut self, text: &Text, ended: bool) -> Progress {
        let begins = match self.begins {
            Some(begins) => begins,
            None => match self.is_secret(text, ended) {
                None => return Progress::Open(None),
                Some(false) => return Progress::Done(None),
                Some(true) => *self.begins.insert(self.position),
            },
        };
        loop {
            if self.position - begins > MAX {
                return Progress::Done(None);
            }
            // At the beginning of a line, or behind the value.
            if text.before(self.position) == Some(b'\n') {
                let line = text.rest(self.position);
                let line = &line[..line.len().min(LINE_BYTES)];
                match self.ends_before(line, ended) {
                    None => return Progress::Open(None),
                    Some(true) => return Progress::Done(None),
                    Some(false) => {}
                }
            }
            match memchr::memchr(b'\n', text.rest(self.position)) {
                Some(end) => self.position += end as u64 + 1,
                None if ended => return Progress::Done(None),
                None => {
                    // What was looked at of the line need not be looked at again.
                    let known = text.rest(self.position).len();
                    self.position += if known >= LINE_BYTES { known as u64 } else { 0 };
                    return Progress::Open(None);
                }
            }
        }
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn hold(&self) -> u64 {
        u64::MAX
    }

    fn open(&self) -> Option<u64> {
        None
    }

    fn exclusive_from(&self) -> Option<u64> {
        self.begins
    }
}
