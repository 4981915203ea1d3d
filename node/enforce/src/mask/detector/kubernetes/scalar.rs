//! A value of a section, and whether it is masked when nothing says yet whose it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Values;
use crate::mask::detector::value::is_placeholder;
use crate::mask::text::Text;

/// A longer value is masked, whatever it is. Bytes.
const UNDECIDED_MAX: u64 = 128;
/// Decoded, so many bytes may be a key, and need not be text. Bytes.
const KEY_MIN: usize = 16;

/// A value that is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scalar {
    pub(super) begin: u64,
    /// It is masked as it comes.
    pub(super) certain: bool,
    /// It has passed its bound.
    long: bool,
}

impl Scalar {
    pub(super) fn new(begin: u64) -> Self {
        Self { begin, certain: false, long: false }
    }

    /// Takes note that it reaches to `end` at least.
    pub(super) fn reaches(&mut self, values: Values, text: &Text, end: u64) {
        if self.long || end - self.begin <= UNDECIDED_MAX {
            return;
        }
        self.long = true;
        let known = text.slice(self.begin, self.begin + UNDECIDED_MAX);
        self.certain = values == Values::All || known.iter().all(|byte| is_digit(*byte));
    }

    /// Its span, if it is masked and ends before `end`.
    pub(super) fn decide(self, values: Values, text: &Text, end: u64) -> Option<(u64, u64)> {
        let span = (self.begin, end);
        if self.certain {
            return Some(span);
        }
        if self.long {
            return None;
        }
        let value = text.slice(self.begin, end);
        let secret = match values {
            Values::All => !is_placeholder(value),
            Values::Encoded => is_encoded(value),
        };
        secret.then_some(span)
    }

    /// The first byte that may still be masked, of those before `end`.
    pub(super) fn hold(self, end: u64) -> u64 {
        if self.long { end } else { self.begin.min(end) }
    }
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// True for base64 of text, or of as many bytes as a key has. Words and numbers in `data:` of what
/// is no Secret are seldom that.
fn is_encoded(value: &[u8]) -> bool {
    let Ok(decoded) = STANDARD.decode(value) else { return false };
    let decoded = zeroize::Zeroizing::new(decoded);
    let readable = |text: &str| !text.chars().any(|it| it.is_control() && !it.is_whitespace());
    let text = std::str::from_utf8(&decoded).is_ok_and(readable);
    !decoded.is_empty() && (text || decoded.len() >= KEY_MIN)
}
