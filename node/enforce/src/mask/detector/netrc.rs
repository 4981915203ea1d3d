//! Entries of `.netrc`: `machine NAME login USER password VALUE`, with any space between.

use super::entry::{Confidence, DetectorInfo};
use super::value::is_placeholder;
use super::{Machine, Progress};
use crate::mask::plan::Class;
use crate::mask::text::Text;

pub(super) const INFO: DetectorInfo = DetectorInfo {
    name: "netrc",
    class: Some(Class::Credentials),
    only_by_name: false,
    description: "passwords of .netrc: machine NAME login USER password VALUE",
    confidence: Confidence::Medium,
    examples: &[
        "machine api.example.com login ann password «hunter2»",
        "machine git.example.com\n  login ann\n  password «hunter2»\n",
    ],
    others: &["the machine is down", "machine a login ann and the password is known"],
};

/// Longest word; a longer secret is masked, whatever it is. Bytes.
const WORD_MAX: u64 = 128;
/// Most space between two words. Bytes.
const SPACE_MAX: u64 = 64;

/// What a word is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The name of the machine.
    Name,
    /// What the next word is.
    Key,
    /// The name of a user.
    Plain,
    Secret,
}

/// An entry whose `machine` has been read.
pub(in crate::mask) struct Netrc {
    begin: u64,
    phase: Phase,
    /// Where the word begins that is being read, or the space before it.
    word: Option<u64>,
    space: u64,
    position: u64,
}

impl Netrc {
    /// The entry whose first word ends before `at`.
    pub(in crate::mask) fn new(at: u64) -> Self {
        Self { begin: at, phase: Phase::Name, word: None, space: at, position: at }
    }

    /// Behind a word, what the next one is; nothing if this is no entry.
    fn next(&self, word: &[u8]) -> Option<Phase> {
        match (self.phase, word) {
            (Phase::Key, b"login" | b"user") => Some(Phase::Plain),
            (Phase::Key, b"password" | b"account") => Some(Phase::Secret),
            (Phase::Key, _) => None,
            _ => Some(Phase::Key),
        }
    }

    /// The word before `end` has ended.
    fn ends(&mut self, text: &Text, begin: u64, end: u64) -> Progress {
        if end - begin > WORD_MAX {
            return Progress::Done(Some((begin, end)));
        }
        let word = text.slice(begin, end);
        let secret = self.phase == Phase::Secret && !is_placeholder(word);
        let Some(next) = self.next(word) else { return Progress::Done(None) };
        (self.phase, self.word, self.space) = (next, None, end);
        if secret { Progress::Next((begin, end)) } else { Progress::Open(None) }
    }
}

impl Machine for Netrc {
    fn advance(&mut self, text: &Text, ended: bool) -> Progress {
        while let Some(byte) = text.get(self.position) {
            let space = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
            match self.word {
                None if self.position - self.space > SPACE_MAX => return Progress::Done(None),
                None if !space => self.word = Some(self.position),
                Some(begin) if space => match self.ends(text, begin, self.position) {
                    Progress::Open(_) => {}
                    done => return done,
                },
                Some(begin) if self.phase != Phase::Secret && self.position - begin >= WORD_MAX => {
                    return Progress::Done(None);
                }
                _ => {}
            }
            self.position += 1;
        }
        match self.word {
            Some(begin) if ended => match self.ends(text, begin, self.position) {
                Progress::Next(span) => Progress::Done(Some(span)),
                done => Progress::Done(done.span()),
            },
            _ if ended => Progress::Done(None),
            _ => Progress::Open(self.open().map(|begin| (begin, self.position))),
        }
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn hold(&self) -> u64 {
        let secret = self.word.filter(|_| self.phase == Phase::Secret && self.open().is_none());
        secret.unwrap_or(self.position)
    }

    fn open(&self) -> Option<u64> {
        let long = |begin: &u64| self.position - begin > WORD_MAX;
        self.word.filter(|_| self.phase == Phase::Secret).filter(long)
    }

    fn exclusive_from(&self) -> Option<u64> {
        Some(self.begin)
    }
}
