//! Passwords in URLs (RFC 3986 section 3.2.1): `scheme://user:password@host`.
//!
//! The password ends at the last `@` of the authority, since people do not always encode theirs.
//! One that passes its bound without an `@` is masked until the authority ends.

use super::entry::{Confidence, DetectorInfo};
use super::value::is_placeholder;
use super::{Machine, Progress};
use crate::mask::plan::Class;
use crate::mask::text::Text;

pub(super) const INFO: DetectorInfo = DetectorInfo {
    name: "url-password",
    class: Some(Class::Credentials),
    only_by_name: false,
    description: "the password in scheme://user:password@host",
    confidence: Confidence::High,
    examples: &["postgres://app:«hunter2»@db:5432/orders", "redis://:«hunter2»@cache"],
    others: &["http://localhost:8080/path@x", "postgres://app:${PASSWORD}@db"],
};

/// Longest user name. Bytes.
const USER_MAX: u64 = 128;
/// Longest rest of the authority before it must be decided. Bytes.
const UNDECIDED_MAX: u64 = 192;

/// What follows the colon of a URL.
const SLASHES: &[u8; 2] = b"//";

/// A URL of which the scheme and the colon behind it have been read.
pub(in crate::mask) struct Url {
    user: u64,
    password: Option<u64>,
    /// The last `@` of the authority.
    at: Option<u64>,
    position: u64,
    certain: bool,
}

fn ends_authority(byte: u8) -> bool {
    byte <= b' ' || matches!(byte, b'/' | b'?' | b'#' | b'"' | b'\'' | b'`' | b'<' | b'\\' | 0x7F)
}

impl Url {
    pub(super) fn new(at: u64) -> Self {
        let user = at + SLASHES.len() as u64;
        Self { user, password: None, at: None, position: at, certain: false }
    }

    fn decide(&self, text: &Text) -> Progress {
        let Some(start) = self.password else {
            return Progress::Done(None);
        };
        if self.certain {
            return Progress::Done(Some((start, self.position)));
        }
        let span = self.at.map(|end| (start, end));
        Progress::Done(span.filter(|&(start, end)| !is_placeholder(text.slice(start, end))))
    }
}

impl Machine for Url {
    fn advance(&mut self, text: &Text, ended: bool) -> Progress {
        while let Some(byte) = text.get(self.position) {
            if self.position < self.user {
                if byte != b'/' {
                    return Progress::Done(None);
                }
                self.position += 1;
                continue;
            }
            if ends_authority(byte) {
                return self.decide(text);
            }
            match self.password {
                None if byte == b':' => self.password = Some(self.position + 1),
                None if byte == b'@' || byte == b'[' => return Progress::Done(None),
                None if self.position - self.user >= USER_MAX => return Progress::Done(None),
                Some(start) if self.position - start >= UNDECIDED_MAX && !self.certain => {
                    if self.at.is_some() {
                        return self.decide(text);
                    }
                    self.certain = true;
                }
                Some(_) if byte == b'@' && self.certain => return self.decide(text),
                Some(_) if byte == b'@' => self.at = Some(self.position),
                _ => {}
            }
            self.position += 1;
        }
        if ended {
            return self.decide(text);
        }
        let start = self.password.filter(|_| self.certain);
        Progress::Open(start.map(|start| (start, self.position)))
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn hold(&self) -> u64 {
        if self.certain { self.position } else { self.password.unwrap_or(self.position) }
    }

    fn open(&self) -> Option<u64> {
        self.password.filter(|_| self.certain)
    }

    /// The slashes of another URL end this one.
    fn exclusive_from(&self) -> Option<u64> {
        None
    }
}
