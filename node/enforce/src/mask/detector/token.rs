//! Tokens that a public prefix identifies: the prefix, then a run of body bytes.
//!
//! The whole run is masked, also where it is longer than the format says: too much is safe. So is a
//! token with wrong check digits, which may be of a form that is newer than this file; the finding
//! says that they are wrong. What stands for a token in documentation stays.

use super::alphabet::{Alphabet, RUN};
use super::check::{Check, is_stand_in};
use super::{Machine, Progress};
use crate::mask::text::Text;

/// So many bytes at the beginning of a body must be token bytes.
const HEAD: usize = 16;

/// What the body of a token looks like.
pub(in crate::mask) struct Shape {
    /// The bytes of a body.
    pub alphabet: &'static Alphabet,
    /// Shortest body. Bytes.
    pub min: u64,
    /// A body has exactly `min` bytes, and no letter or digit follows.
    pub exact: bool,
    /// A single dot between body bytes belongs to the body.
    pub dotted: bool,
    /// No letter, digit or underscore may stand before the prefix.
    pub bounded: bool,
    /// The check digits of a body, if it has some.
    pub check: Option<&'static Check>,
}

impl Shape {
    pub(super) const fn run(alphabet: &'static Alphabet, min: u64) -> Self {
        Self { alphabet, min, exact: false, dotted: false, bounded: true, check: None }
    }

    pub(super) const fn exactly(alphabet: &'static Alphabet, length: u64) -> Self {
        Self { exact: true, ..Self::run(alphabet, length) }
    }

    pub(super) const fn dotted(self) -> Self {
        Self { dotted: true, ..self }
    }

    /// Whether a body that begins with `bytes` ends in them, and is too short. Most do that where
    /// beginnings are dense.
    pub(in crate::mask) fn is_cut_short(&self, bytes: &[u8]) -> bool {
        let known = bytes.len().min(usize::try_from(self.min).unwrap_or(HEAD)).min(HEAD);
        !self.dotted && self.alphabet.run(&bytes[..known]) < known
    }

    /// The prefix is rare enough to be believed within a word.
    pub(super) const fn anywhere(self) -> Self {
        Self { bounded: false, ..self }
    }

    pub(super) const fn checked(self, check: &'static Check) -> Self {
        Self { check: Some(check), ..self }
    }
}

/// A token whose prefix has been read.
pub(in crate::mask) struct Token {
    shape: &'static Shape,
    body: u64,
    position: u64,
    /// After the last body byte.
    end: u64,
    /// The first bytes must still be shown to be token bytes.
    headed: bool,
    /// Its shortest body has been looked at, and stands for none.
    judged: bool,
    /// Its check digits are right.
    checked: bool,
}

impl Token {
    /// A token whose body begins at `at`. `headed` says that it was looked for where so many token
    /// bytes are in a row: then its body must begin with them, or it would depend on chunks
    /// whether it is found.
    pub(super) fn new(shape: &'static Shape, at: u64, headed: bool) -> Self {
        Self { shape, body: at, position: at, end: at, headed, judged: false, checked: false }
    }

    /// Whether the first bytes are none of a body that was looked for.
    fn is_headless(&mut self, text: &Text) -> bool {
        if !self.headed {
            return false;
        }
        let rest = text.rest(self.body);
        let head = &rest[..rest.len().min(HEAD)];
        self.headed = head.len() < HEAD;
        RUN.run(head) < head.len()
    }

    fn certain(&self) -> bool {
        !self.shape.exact && self.end - self.body >= self.shape.min
    }

    /// Whether its shortest body is known, and only stands for a token: then it has read that far.
    fn is_stand_in(&mut self, text: &Text) -> bool {
        if self.judged || self.end - self.body < self.shape.min {
            return false;
        }
        let shortest = self.body + self.shape.min;
        self.judged = !is_stand_in(text.slice(self.body, shortest));
        if !self.judged {
            self.position = shortest;
        }
        !self.judged
    }

    /// Decides, with the byte that ended the run.
    fn decide(&mut self, text: &Text, next: Option<u8>) -> Progress {
        let length = self.end - self.body;
        let fits = if self.shape.exact {
            length == self.shape.min && !next.is_some_and(|b| b.is_ascii_alphanumeric())
        } else {
            length >= self.shape.min
        };
        let check = self.shape.check.filter(|check| check.length == length);
        self.checked = check.is_some_and(|it| (it.holds)(text.slice(self.body, self.end)));
        Progress::Done(fits.then_some((self.body, self.end)))
    }
}

impl Machine for Token {
    fn advance(&mut self, text: &Text, ended: bool) -> Progress {
        if self.is_headless(text) {
            return Progress::Done(None);
        }
        loop {
            let mut rest = text.rest(self.position);
            if !self.judged {
                // What only stands for a token must not be read to its end at each of its prefixes.
                let left = (self.body + self.shape.min).saturating_sub(self.position).max(1);
                rest = &rest[..rest.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
            } else if self.shape.exact {
                // One byte more than it may have says that it is none.
                let left = self.shape.min + 1 - (self.position - self.body);
                rest = &rest[..rest.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
            }
            let run = self.shape.alphabet.run(rest);
            if run > 0 {
                self.position += run as u64;
                self.end = self.position;
                if self.is_stand_in(text) {
                    return Progress::Done(None);
                }
                if self.shape.exact && self.end - self.body > self.shape.min {
                    return Progress::Done(None);
                }
            }
            let Some(&next) = rest.get(run) else {
                if self.position < text.end() {
                    continue;
                }
                break;
            };
            let dot = self.shape.dotted && next == b'.';
            if !dot || self.end != self.position || self.end == self.body {
                return self.decide(text, Some(next));
            }
            self.position += 1;
        }
        if ended {
            return self.decide(text, None);
        }
        Progress::Open(self.certain().then_some((self.body, self.end)))
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn hold(&self) -> u64 {
        if self.certain() { self.end } else { self.body }
    }

    fn open(&self) -> Option<u64> {
        self.certain().then_some(self.body)
    }

    fn exclusive_from(&self) -> Option<u64> {
        Some(self.body)
    }

    fn is_doubtful(&self) -> bool {
        self.shape.check.is_some() && !self.checked
    }
}
