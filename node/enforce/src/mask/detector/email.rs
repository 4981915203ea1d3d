//! E-mail addresses: a local part of at most 64 bytes, `@`, labels, and a top-level name.
//!
//! Holds the current word while it may be a local part, which is why it is off unless named.

use super::alphabet::{DOMAIN, LOCAL};
use super::entry::{Confidence, DetectorInfo};
use super::{Machine, Progress};
use crate::mask::plan::Class;
use crate::mask::text::Text;

pub(super) const INFO: DetectorInfo = DetectorInfo {
    name: "email",
    class: Some(Class::Personal),
    only_by_name: false,
    description: "e-mail addresses",
    confidence: Confidence::Medium,
    examples: &["mail «ann.b+c@mail.example» now"],
    others: &["user@host", "@decorated a@ b"],
};

/// Longest local part (RFC 5321 section 4.5.3.1.1). Bytes.
const LOCAL_MAX: u64 = 64;
/// Longest domain that is read; a longer one is masked that far. Bytes.
const DOMAIN_MAX: usize = 180;

/// The start of the word that ends before `end`, if it is no longer than a local part may be.
pub(in crate::mask) fn word(text: &Text, end: u64) -> Option<u64> {
    let before = text.last(end, LOCAL_MAX + 1);
    let length = before.iter().rev().take_while(|byte| LOCAL.has(**byte)).count() as u64;
    (length > 0 && length <= LOCAL_MAX).then_some(end - length)
}

/// Where the domain ends that begins at `from`, if one does; without an answer as long as that is
/// not known.
fn domain_ends(text: &Text, from: u64, ended: bool) -> Option<Option<u64>> {
    let rest = text.rest(from);
    let rest = &rest[..rest.len().min(DOMAIN_MAX)];
    let length = DOMAIN.run(rest);
    if length == rest.len() && length < DOMAIN_MAX && !ended {
        return None;
    }
    let name = &rest[..length];
    let tail = name.iter().rev().take_while(|byte| matches!(byte, b'.' | b'-')).count();
    let name = &name[..length - tail];
    let dot = memchr::memrchr(b'.', name).unwrap_or(0);
    let top = name.get(dot + 1..).unwrap_or_default();
    let valid = dot > 0 && top.len() >= 2 && top[0].is_ascii_alphabetic();
    Some(valid.then_some(from + name.len() as u64))
}

/// Whether an address may be around the `@` at `at`; without what is not known it may.
pub(in crate::mask) fn may_be(text: &Text, at: u64, ended: bool) -> bool {
    domain_ends(text, at + 1, ended) != Some(None)
}

/// An address whose `@` has been read.
pub(in crate::mask) struct Email {
    word: u64,
    domain: u64,
}

impl Email {
    /// The address with an `@` at `at`, behind the word from `word`.
    pub(super) fn new(word: u64, at: u64) -> Self {
        Self { word, domain: at + 1 }
    }
}

impl Machine for Email {
    fn advance(&mut self, text: &Text, ended: bool) -> Progress {
        match domain_ends(text, self.domain, ended) {
            None => Progress::Open(None),
            Some(end) => Progress::Done(end.map(|end| (self.word, end))),
        }
    }

    fn position(&self) -> u64 {
        self.domain
    }

    fn hold(&self) -> u64 {
        self.word
    }

    fn open(&self) -> Option<u64> {
        None
    }

    fn exclusive_from(&self) -> Option<u64> {
        None
    }
}
