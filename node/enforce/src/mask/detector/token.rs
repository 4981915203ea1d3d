//! Tokens that a public prefix identifies: the prefix, then a run of body bytes.
//!
//! The whole run is masked, also where it is longer than the format says: too much is safe.

use super::{Machine, Progress};
use crate::mask::text::Text;

/// What the body of a token looks like.
pub(in crate::mask) struct Shape {
    /// The bytes of a body.
    pub alphabet: fn(u8) -> bool,
    /// Shortest body. Bytes.
    pub min: u64,
    /// A body has exactly `min` bytes, and no letter or digit follows.
    pub exact: bool,
    /// A single dot between body bytes belongs to the body.
    pub dotted: bool,
    /// No letter, digit or underscore may stand before the prefix.
    pub bounded: bool,
}

/// A token whose prefix has been read.
pub(in crate::mask) struct Token {
    shape: &'static Shape,
    body: u64,
    position: u64,
    /// After the last body byte.
    end: u64,
}

impl Token {
    pub(super) fn new(shape: &'static Shape, at: u64) -> Self {
        Self { shape, body: at, position: at, end: at }
    }

    fn certain(&self) -> bool {
        !self.shape.exact && self.end - self.body >= self.shape.min
    }

    /// Decides, with the byte that ended the run.
    fn decide(&self, next: Option<u8>) -> Progress {
        let length = self.end - self.body;
        let fits = if self.shape.exact {
            length == self.shape.min && !next.is_some_and(|b| b.is_ascii_alphanumeric())
        } else {
            length >= self.shape.min
        };
        Progress::Done(fits.then_some((self.body, self.end)))
    }
}

impl Machine for Token {
    fn advance(&mut self, text: &Text, ended: bool) -> Progress {
        while let Some(byte) = text.get(self.position) {
            let dot = self.shape.dotted && byte == b'.';
            if (self.shape.alphabet)(byte) {
                self.end = self.position + 1;
                if self.shape.exact && self.end - self.body > self.shape.min {
                    return Progress::Done(None);
                }
            } else if !dot || self.end != self.position || self.end == self.body {
                return self.decide(Some(byte));
            }
            self.position += 1;
        }
        if ended {
            return self.decide(None);
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
}
