//! Values that a key word beside them makes a secret: `key=value`, `key: value`, `"key": "value"`.
//!
//! The key word is the last part of an identifier. *Strong* words (`password`, `api_key`) mask any
//! value; *weak* ones (`token`, `secret`, `auth`), which also occur in prose, mask 4 bytes or more,
//! and without quotes after `:` or a space only what [`is_secret_like`].
//! Key, separator and quotes are never held, so that a prompt is not delayed.

use super::alphabet::PLAIN;
use super::value::{is_code, is_declared, is_placeholder, is_scheme, is_secret_like};
use super::{Machine, Progress};
use crate::mask::text::Text;

/// Most spaces around a separator.
const SPACES_MAX: u8 = 64;
/// A longer value is a secret, whatever it looks like. Bytes.
const UNDECIDED_MAX: u64 = 128;
/// Shortest value after a weak word. Bytes.
const WEAK_MIN: usize = 4;
/// Shortest value after a word that has long ones. Bytes.
const LONG_MIN: usize = 32;

/// How a key word is to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::mask) enum Word {
    /// It makes a secret of any value, and any letter may stand before it (`PGPASSWORD`).
    Strong,
    /// It also occurs in prose, and begins an identifier's part (`api_token`, `apiToken`).
    Weak,
    /// `pwd`: weak, but `PWD` and `OLDPWD` are the shell's directories.
    Pwd,
    /// The name of an HTTP header: weak; its value is rather long.
    Header,
    /// Weak, and its value is a long one.
    Long,
    /// The headers of cookies.
    Cookie,
    /// Of an object of Kubernetes: what it is, its data, and its data as text.
    Kind,
    Data,
    StringData,
}

impl Word {
    /// True if the word at `start` is one, as far as what stands before it tells.
    #[inline]
    pub(in crate::mask) fn begins_at(self, text: &Text, start: u64) -> bool {
        // What most keys are behind.
        if matches!(text.before(start), Some(b' ' | b'"' | b'\n' | b':' | b'{' | b',')) {
            return self != Self::Pwd || text.slice(start, start + 3) != b"PWD";
        }
        self.begins_behind(text, start)
    }

    fn begins_behind(self, text: &Text, start: u64) -> bool {
        // The shell's directories; what is no directory is `MYSQL_PWD` or ODBC's `;PWD=`.
        let directory = self == Self::Pwd && text.slice(start, start + 3) == b"PWD";
        let Some(before) = text.before(start) else {
            return !directory;
        };
        if directory {
            return matches!(before, b'_' | b'-' | b';');
        }
        let camel = before.is_ascii_lowercase()
            && text.get(start).is_some_and(|first| first.is_ascii_uppercase());
        let escape = start >= 2
            && matches!(before, b'n' | b'r' | b't')
            && text.before(start - 1) == Some(b'\\');
        if matches!(self, Self::Kind | Self::Data | Self::StringData) {
            return escape || !(before.is_ascii_alphanumeric() || matches!(before, b'_' | b'-'));
        }
        self == Self::Strong || !before.is_ascii_alphanumeric() || camel || escape
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// At the separator.
    Key,
    /// After the separator: more of it, spaces, then a quote or the value.
    Separator { last: u8 },
    /// After a backslash that may belong to an opening quote.
    Backslash,
    /// In the value, which ends at this closing byte, or as unquoted values do.
    Value { close: Option<u8>, escaped: bool },
}

/// A key word that has been read.
pub(in crate::mask) struct KeyValue {
    word: Word,
    phase: Phase,
    spaces: u8,
    /// The value may be a word of a sentence.
    loose: bool,
    /// An HTTP scheme has been read.
    scheme: bool,
    separator: u64,
    body: u64,
    position: u64,
    certain: bool,
}

impl KeyValue {
    /// The key whose separator is at `at`, behind so many spaces.
    pub(super) fn new(word: Word, at: u64, spaces: u8) -> Self {
        Self {
            word,
            phase: Phase::Key,
            spaces,
            loose: spaces > 0 && word != Word::Strong,
            scheme: false,
            separator: at,
            body: at,
            position: at,
            certain: false,
        }
    }

    /// The value of the key whose separator is at `at`, when that is in quotes and short, has
    /// neither blanks nor escapes, and is known to its end: what reads on would find the same.
    /// `None` when it is not like that; then it is to be read on.
    pub(in crate::mask) fn at_once(word: Word, at: u64, text: &Text) -> Option<Option<(u64, u64)>> {
        let rest = text.rest(at + 1);
        let (quote, value, body) = match rest {
            [quote @ (b'"' | b'\''), value @ ..] => (quote, value, at + 2),
            [b' ', quote @ (b'"' | b'\''), value @ ..] => (quote, value, at + 3),
            _ => return None,
        };
        let length = PLAIN.run(&value[..value.len().min(UNDECIDED_MAX as usize)]);
        if value.get(length) != Some(quote) {
            return None;
        }
        let value = &value[..length];
        let secret = is_long_enough(word, value) && !is_placeholder(value);
        Some(secret.then_some((body, body + length as u64)))
    }

    /// Whether it has read `at` and keeps it for itself.
    #[inline]
    pub(super) fn has(&self, at: u64) -> bool {
        at < self.position && self.exclusive_from().is_some_and(|from| from <= at)
    }

    /// Whether what follows the separator at `at` is an unquoted value within this one: it ends
    /// where this one ends, and this one is masked.
    pub(super) fn covers(&self, text: &Text, at: u64) -> bool {
        let plain = matches!(self.phase, Phase::Value { close: None, .. });
        let within = self.body <= at && at < self.position;
        let quoted = |byte| matches!(byte, b'"' | b'\'' | b'\\' | b'=' | b'>' | b' ' | b'\t');
        let follows = text.get(at + 1).is_some_and(|next| !quoted(next));
        plain && within && follows && (self.certain || self.is_settled(text, at))
    }

    /// Whether a value is masked, of which bytes up to `at` are known.
    fn is_settled(&self, text: &Text, at: u64) -> bool {
        let stands_for_another = matches!(text.get(self.body), Some(b'<' | b'$'));
        let braces = text.get(self.body) == Some(b'{');
        let long = match self.word {
            Word::Strong => true,
            Word::Long => at - self.body >= LONG_MIN as u64,
            _ => at - self.body >= WEAK_MIN as u64,
        };
        !self.loose && !stands_for_another && !braces && long
    }

    fn space(&mut self) -> bool {
        self.spaces += 1;
        self.loose |= self.word != Word::Strong;
        self.spaces <= SPACES_MAX
    }

    /// Reads a byte before the value; false if this is no key with a value.
    fn before_value(&mut self, byte: u8) -> bool {
        match self.phase {
            Phase::Key => {
                self.loose |= byte == b':' && self.word != Word::Strong;
                self.separator(byte)
            }
            Phase::Separator { last } => match byte {
                b'=' if last == b':' => self.separator(b' '),
                b'>' if last == b'=' => self.separator(b' '),
                b'=' | b':' if last == byte => false,
                b' ' | b'\t' => self.separator(b' ') && self.space(),
                b'\\' => {
                    self.body = self.position;
                    self.phase = Phase::Backslash;
                    true
                }
                b'"' | b'\'' => {
                    self.loose = false;
                    self.begin(self.position + 1, Some(byte))
                }
                b'{' | b'[' | 0..=31 | 127 => false,
                _ => self.begin(self.position, None) && self.in_value(byte),
            },
            Phase::Backslash | Phase::Value { .. } => true,
        }
    }

    fn separator(&mut self, last: u8) -> bool {
        self.phase = Phase::Separator { last };
        true
    }

    fn begin(&mut self, body: u64, close: Option<u8>) -> bool {
        self.body = body;
        self.phase = Phase::Value { close, escaped: false };
        true
    }

    /// Reads a byte of the value; false if the value ends before it.
    fn in_value(&mut self, byte: u8) -> bool {
        let Phase::Value { close, escaped } = self.phase else {
            return true;
        };
        let ends = match close {
            _ if matches!(byte, b'\r' | b'\n') => true,
            Some(b'\\') => byte == b'\\',
            Some(quote) => byte == quote && !escaped,
            None => {
                byte <= b' '
                    || matches!(byte, b'"' | b'\'' | b'`' | b';' | b'&' | b',' | b')' | 127)
            }
        };
        let escaped = byte == b'\\' && !escaped;
        self.phase = Phase::Value { close, escaped };
        !ends
    }

    /// Passes over bytes of the value that end no value and change nothing in how it is read.
    fn pass(&mut self, text: &Text) -> bool {
        let Phase::Value { close, .. } = self.phase else { return false };
        let run = PLAIN.run(text.rest(self.position)) as u64;
        if run > 0 {
            self.position += run;
            self.phase = Phase::Value { close, escaped: false };
            self.certain |= self.position - self.body > UNDECIDED_MAX;
        }
        run > 0
    }

    /// After `Bearer` and its like the value itself follows.
    fn skips_scheme(&mut self, text: &Text, byte: u8) -> bool {
        let Phase::Value { close, .. } = self.phase else {
            return false;
        };
        let blank = |byte| matches!(byte, b' ' | b'\t');
        if self.scheme && blank(byte) && text.before(self.position).is_some_and(blank) {
            self.spaces += 1;
            let goes_on = self.spaces <= SPACES_MAX;
            // Behind too many the value ends before this one, so it cannot begin behind it.
            self.body += u64::from(goes_on && self.body == self.position);
            return goes_on;
        }
        if !blank(byte) || self.scheme || self.certain {
            return false;
        }
        if !is_scheme(text.slice(self.body, self.position)) {
            return false;
        }
        self.scheme = true;
        self.loose = false;
        // A password may be called `basic`: after a strong word the scheme is masked too.
        self.word == Word::Strong || self.begin(self.position + 1, close)
    }

    /// Source code has its literals in quotes, and blanks around what is none. A file of settings
    /// or an environment has a value there, which seldom looks like this.
    fn is_in_source(&self, text: &Text, value: &[u8]) -> bool {
        let plain = matches!(self.phase, Phase::Value { close: None, .. });
        let apart = self.separator < self.body && text.get(self.body - 1) == Some(b' ');
        let before = text.last(self.separator, SPACES_MAX.into());
        plain && apart && (is_code(value) || is_declared(before.trim_ascii_end()))
    }

    /// Decides about the value `[body, position)`.
    fn decide(&self, text: &Text) -> Option<(u64, u64)> {
        if !matches!(self.phase, Phase::Value { .. } | Phase::Backslash) {
            return None;
        }
        let span = (self.body, self.position);
        if self.certain {
            return Some(span);
        }
        let value = text.slice(self.body, self.position);
        // What stands behind a scheme is as long as it is.
        let word = if self.scheme && self.word != Word::Long { Word::Strong } else { self.word };
        let secret = !is_placeholder(value)
            && !self.is_in_source(text, value)
            && is_long_enough(word, value)
            && (!self.loose || is_secret_like(value));
        secret.then_some(span)
    }
}

/// Whether a value is as long as the word makes one expect.
fn is_long_enough(word: Word, value: &[u8]) -> bool {
    let least = match word {
        Word::Strong => 0,
        Word::Long => LONG_MIN,
        _ => WEAK_MIN,
    };
    value.len() >= least
}

impl Machine for KeyValue {
    fn advance(&mut self, text: &Text, ended: bool) -> Progress {
        while let Some(byte) = text.get(self.position) {
            if self.pass(text) {
                continue;
            }
            match self.phase {
                Phase::Key | Phase::Separator { .. } => {
                    if !self.before_value(byte) {
                        return Progress::Done(None);
                    }
                }
                Phase::Backslash if byte == b'"' => {
                    self.loose = false;
                    self.begin(self.position + 1, Some(b'\\'));
                }
                Phase::Backslash | Phase::Value { .. } => {
                    if self.phase == Phase::Backslash {
                        self.begin(self.body, None);
                    }
                    if !self.skips_scheme(text, byte) && !self.in_value(byte) {
                        return Progress::Done(self.decide(text));
                    }
                    self.certain |=
                        self.position + 1 - self.body.min(self.position) > UNDECIDED_MAX;
                }
            }
            self.position += 1;
        }
        if ended {
            return Progress::Done(self.decide(text));
        }
        Progress::Open(self.open().map(|start| (start, self.position)))
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn hold(&self) -> u64 {
        match self.phase {
            Phase::Backslash | Phase::Value { .. } if !self.certain => self.body,
            _ => self.position,
        }
    }

    fn open(&self) -> Option<u64> {
        self.certain.then_some(self.body)
    }

    /// A word within a value may have a value of its own, until the value is certain.
    fn exclusive_from(&self) -> Option<u64> {
        self.certain.then_some(self.body + UNDECIDED_MAX + 1)
    }
}
