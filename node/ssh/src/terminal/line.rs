//! The line as it was typed, for as long as that is certain.
//!
//! Only what every shell and the terminal's own driver do alike is followed: letters, the two
//! backspaces, Ctrl-U, Ctrl-C and the marks around what is pasted. After any other key only the
//! screen knows the line.

use std::time::Duration;

use super::keys::interrupts;

/// The longest line that is followed, in bytes.
const FOLLOWED_BYTES: usize = 4096;
/// What a client's terminal puts around what is pasted.
const PASTE_MARKS: [&[u8]; 2] = [b"\x1b[200~", b"\x1b[201~"];

/// Whether keys end in the middle of what is pasted, if they say so.
pub(super) fn pasting(keys: &[u8]) -> Option<bool> {
    let last = |mark: &[u8]| keys.windows(mark.len()).rposition(|window| window == mark);
    let (begun, ended) = (last(PASTE_MARKS[0]), last(PASTE_MARKS[1]));
    (begun.is_some() || ended.is_some()).then_some(begun > ended)
}

/// What was typed since the last key that submitted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    text: Vec<u8>,
    uncertain: bool,
    /// What stood before the cursor when the first key was pressed; absent before that.
    pub(super) begun_behind: Option<String>,
    /// Whether the target sent anything since the first key.
    pub(super) answered: bool,
    /// When the last key was passed on.
    pub(super) last_key: Duration,
}

impl Line {
    /// A line of which only the screen knows how it begins.
    pub(super) fn uncertain(now: Duration) -> Self {
        let begun_behind = Some(String::new());
        Self { uncertain: true, begun_behind, last_key: now, ..Self::default() }
    }

    /// The text, if that is certain.
    pub(super) fn text(&self) -> Option<&[u8]> {
        (!self.uncertain).then_some(&self.text)
    }

    /// Whether there may be something in it.
    pub(super) fn begun(&self) -> bool {
        self.uncertain || !self.text.is_empty()
    }

    /// Only the screen knows from now on.
    pub(super) fn lose(&mut self) {
        self.uncertain = true;
    }

    /// Takes keys of which none submits; `behind` is what stands before the cursor.
    pub(super) fn press(&mut self, keys: &[u8], now: Duration, behind: impl FnOnce() -> String) {
        self.last_key = now;
        if self.begun_behind.is_none() {
            self.begun_behind = Some(behind());
            self.answered = false;
        }
        let mut rest = keys;
        while let [key, after @ ..] = rest {
            let mark = PASTE_MARKS.into_iter().find(|mark| rest.starts_with(mark));
            if let Some(mark) = mark {
                rest = &rest[mark.len()..];
                continue;
            }
            self.key(*key);
            rest = after;
        }
    }

    fn key(&mut self, key: u8) {
        match key {
            _ if interrupts(key) => {
                self.text.clear();
                self.uncertain = false;
            }
            0x15 => self.text.clear(),
            0x08 | 0x7f => self.take_back(),
            0x00..0x20 => self.uncertain = true,
            _ if self.text.len() >= FOLLOWED_BYTES => self.uncertain = true,
            _ => self.text.push(key),
        }
    }

    /// Takes the last character back, however many bytes it has.
    fn take_back(&mut self) {
        while let Some(byte) = self.text.pop() {
            if byte & 0xc0 != 0x80 {
                return;
            }
        }
    }
}
