//! Values of options on a command line, behind a blank: `--password VALUE`. With an `=` between, it
//! is a key and its value.

use super::alphabet::LOCAL;
use super::entry::{Confidence, DetectorInfo};
use super::value::{is_placeholder, is_secret_like};
use super::{Machine, Progress};
use crate::mask::plan::Class;
use crate::mask::text::Text;

pub(super) const INFO: DetectorInfo = DetectorInfo {
    name: "command-option",
    class: Some(Class::Credentials),
    only_by_name: false,
    description: "--password VALUE and its like, and the password of -u user:password",
    confidence: Confidence::Medium,
    examples: &[
        "mysql --password «hunter2» -h db",
        "vault login --token '«abcd1234»'",
        "curl -u ann:«hunter2» https://x",
    ],
    others: &[
        "--password-stdin --password-file /run/x",
        "--password PASSWORD  the password to use",
        "--token string   what it is for",
        "docker -u root:root",
    ],
};

/// What a name ends in whose value is a secret, whatever it is.
const STRONG: &[&[u8]] =
    &[b"password", b"passwd", b"passphrase", b"pass", b"client-secret", b"secret-key"];
/// What a name ends in that also stands before words of a sentence.
const WEAK: &[&[u8]] = &[b"token", b"secret", b"api-key", b"apikey", b"access-key", b"auth-key"];
/// Words behind such an option in a sentence, or in a program's help.
const WORDS: &[&[u8]] = &[
    b"and", b"are", b"as", b"can", b"flag", b"for", b"from", b"if", b"in", b"is", b"instead",
    b"must", b"not", b"of", b"on", b"option", b"options", b"or", b"prompt", b"string", b"text",
    b"the", b"to", b"value", b"was", b"will", b"with", b"without",
];
/// Longest name. Bytes.
const NAME_MAX: usize = 32;
/// Longest name of a user, and option before it. Bytes.
const USER_MAX: u64 = 64;
const OPTION_BYTES: u64 = 10;
/// Most blanks before a value.
const BLANKS_MAX: usize = 16;
/// A longer value is masked, whatever it is. Bytes.
const UNDECIDED_MAX: u64 = 128;

/// An option whose dashes have been read.
pub(in crate::mask) struct CommandOption {
    name: u64,
    /// What is known of its value, once its name is.
    value: Option<Value>,
    position: u64,
}

#[derive(Clone, Copy)]
struct Value {
    begin: u64,
    strong: bool,
    close: Option<u8>,
    certain: bool,
}

impl CommandOption {
    pub(in crate::mask) fn new(name: u64) -> Self {
        Self { name, value: None, position: name }
    }

    /// The password behind the colon at `at`, if a user's name behind `-u` is before it.
    pub(in crate::mask) fn of_user(text: &Text, at: u64) -> Option<Self> {
        let before = text.last(at, USER_MAX + OPTION_BYTES);
        let length = name_length(before);
        let option = &before[..before.len() - length];
        // Most names stand behind nothing of the kind.
        if !matches!(option.last(), Some(b' ' | b'"' | b'\'')) {
            return None;
        }
        let (option, close) = match option.split_last() {
            Some((quote @ (b'"' | b'\''), option)) => (option, Some(*quote)),
            _ => (option, None),
        };
        let stands = |name: &[u8]| {
            let before = option.strip_suffix(name);
            before.is_some_and(|before| before.last().is_none_or(|byte| b" \t\"'".contains(byte)))
        };
        let begin = at + 1;
        let value = Value { begin, strong: true, close, certain: false };
        let own = length > 0 && [&b"-u "[..], b"--user "].into_iter().any(stands);
        own.then_some(Self { name: begin, value: Some(value), position: begin })
    }

    /// Reads the name, and the blanks behind it. An answer as soon as it is known whether a value
    /// of interest follows.
    fn read_name(&mut self, text: &Text) -> Option<Option<Value>> {
        let rest = text.rest(self.name);
        let rest = &rest[..rest.len().min(NAME_MAX + BLANKS_MAX + 1)];
        let in_name = |byte: &u8| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_');
        let length = rest.iter().take_while(|byte| in_name(byte)).count();
        if length > NAME_MAX || rest.first() == Some(&b'-') {
            return Some(None);
        }
        let next = *rest.get(length)?;
        let name = &rest[..length];
        let ends = |word: &&[u8]| {
            let before = name.strip_suffix(*word).or_else(|| strip_underlined(name, word));
            before.is_some_and(|before| before.last().is_none_or(|last| b"-_".contains(last)))
        };
        let strong = STRONG.iter().any(ends);
        if next != b' ' || !(strong || WEAK.iter().any(ends)) {
            return Some(None);
        }
        let blanks = rest[length..].iter().take_while(|byte| **byte == b' ').count();
        // Nothing behind that many is looked at, so nothing more is waited for.
        if blanks > BLANKS_MAX {
            return Some(None);
        }
        let first = *rest.get(length + blanks)?;
        let close = matches!(first, b'"' | b'\'').then_some(first);
        let none = matches!(first, b'-' | b'|' | b'>' | b'&' | 0..b' ');
        let begin = self.name + (length + blanks + usize::from(close.is_some())) as u64;
        Some((!none).then_some(Value { begin, strong, close, certain: false }))
    }
}

/// The same word with `_` for its `-`.
fn strip_underlined<'a>(name: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let (before, end) = name.split_at(name.len().checked_sub(word.len())?);
    let same = |(a, b): (&u8, &u8)| a == b || (*a == b'_' && *b == b'-');
    end.iter().zip(word).all(same).then_some(before)
}

/// How many bytes of a user's name these end in. Most names are short, and are looked at whole:
/// guesses where each of them ends cost more than its bytes.
fn name_length(before: &[u8]) -> usize {
    const SHORT: usize = 8;
    let in_name = |byte: &u8| LOCAL.has(*byte) | (*byte == b'@');
    if let Some(last) = before.last_chunk::<SHORT>() {
        let bits = last.iter().fold(0_u8, |bits, byte| bits << 1 | u8::from(in_name(byte)));
        let length = bits.trailing_ones() as usize;
        if length < SHORT {
            return length;
        }
    }
    before.iter().rev().take_while(|byte| in_name(byte)).count()
}

impl Value {
    fn ends_with(self, byte: u8) -> bool {
        match self.close {
            Some(close) => byte == close || matches!(byte, b'\n' | b'\r'),
            None => byte <= b' ' || b"\"'`;&|<>)\\".contains(&byte),
        }
    }

    fn decide(self, text: &Text, end: u64) -> Option<(u64, u64)> {
        let span = (self.begin, end);
        if self.certain {
            return Some(span);
        }
        let value = text.slice(self.begin, end);
        // A sentence may go on behind a word of it.
        let end = value.iter().rposition(|byte| !b",.:".contains(byte)).map_or(0, |at| at + 1);
        let word = &value[..end];
        let name = word.iter().all(|byte| byte.is_ascii_uppercase() || b"_-".contains(byte));
        // A group that is called as its user.
        let group = text.before(self.begin) == Some(b':')
            && text.last(self.begin - 1, value.len() as u64) == value;
        let stands_for_one = is_placeholder(value)
            || group
            || value.first().is_some_and(|first| b"$[{".contains(first))
            || self.close.is_none() && (name || WORDS.contains(&word));
        let secret = !stands_for_one && (self.strong || is_secret_like(value));
        secret.then_some(span)
    }
}

impl Machine for CommandOption {
    fn advance(&mut self, text: &Text, ended: bool) -> Progress {
        let mut value = match self.value {
            Some(value) => value,
            None => match self.read_name(text) {
                None if ended => return Progress::Done(None),
                None => return Progress::Open(None),
                Some(None) => return Progress::Done(None),
                Some(Some(value)) => {
                    self.position = value.begin;
                    *self.value.insert(value)
                }
            },
        };
        while let Some(byte) = text.get(self.position) {
            // Behind the colon of an address, a path or a scheme.
            let user = text.before(value.begin) == Some(b':');
            if user && self.position == value.begin && b" /:\"".contains(&byte) {
                return Progress::Done(None);
            }
            if value.ends_with(byte) {
                return Progress::Done(value.decide(text, self.position));
            }
            self.position += 1;
            value.certain |= self.position - value.begin > UNDECIDED_MAX;
            self.value = Some(value);
        }
        if ended {
            return Progress::Done(value.decide(text, self.position));
        }
        Progress::Open(self.open().map(|begin| (begin, self.position)))
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn hold(&self) -> u64 {
        match self.value {
            Some(value) if !value.certain => value.begin,
            Some(_) => self.position,
            None => u64::MAX,
        }
    }

    fn open(&self) -> Option<u64> {
        self.value.filter(|value| value.certain).map(|value| value.begin)
    }

    /// Within a value there may be another option, until it is certain.
    fn exclusive_from(&self) -> Option<u64> {
        self.open().map(|begin| begin + UNDECIDED_MAX + 1)
    }
}
