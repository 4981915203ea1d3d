//! JSON web tokens (RFC 7515, 7516): base64url segments with dots between, the first a JSON object.
//!
//! Certain once a second segment begins with `eyJ`, or a second dot has come. A first segment that
//! passes its bound undecided is masked.

use super::alphabet::WORD;
use super::entry::{Confidence, DetectorInfo};
use super::{Machine, Progress};
use crate::mask::plan::Class;
use crate::mask::text::Text;

pub(super) const INFO: DetectorInfo = DetectorInfo {
    name: "jwt",
    class: Some(Class::Secrets),
    only_by_name: false,
    description: "JSON web tokens, signed or encrypted",
    confidence: Confidence::High,
    examples: &[
        "eyJ«hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg»",
    ],
    others: &["eyJhbGciOiJIUzI1NiJ9 is a header alone"],
};

/// Shortest first segment, without the literal: together they are a long run. Bytes.
const HEADER_MIN: u64 = 13;
/// Shortest second segment. Bytes.
const SEGMENT_MIN: u64 = 8;
/// Most bytes before it must be decided; then it is masked.
const UNDECIDED_MAX: u64 = 240;

/// A web token whose `eyJ` has been read.
pub(in crate::mask) struct Jwt {
    body: u64,
    position: u64,
    end: u64,
    segment: u64,
    /// Dots so far.
    dots: u8,
    certain: bool,
}

impl Jwt {
    pub(super) fn new(at: u64) -> Self {
        Self { body: at, position: at, end: at, segment: at, dots: 0, certain: false }
    }

    fn span(&self) -> Option<(u64, u64)> {
        self.certain.then_some((self.body, self.end))
    }

    /// Takes a byte; false if the token ends before it.
    fn take(&mut self, text: &Text, byte: u8) -> bool {
        let length = self.position - self.segment;
        if byte == b'.' {
            if self.certain {
                // A dot at the end of a sentence is none of the token.
                return self.end == self.position;
            }
            if length < if self.dots == 0 { HEADER_MIN } else { SEGMENT_MIN } {
                return false;
            }
            self.dots += 1;
            self.segment = self.position + 1;
            self.certain = self.dots == 2;
            if self.certain {
                self.end = self.position;
            }
            return true;
        }
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            return false;
        }
        let read = self.position + 1;
        let object = self.dots == 1 && length == 2 && text.slice(self.segment, read) == b"eyJ";
        self.certain |= object || read - self.body >= UNDECIDED_MAX;
        self.end = read;
        true
    }
}

impl Machine for Jwt {
    fn advance(&mut self, text: &Text, ended: bool) -> Progress {
        while let Some(byte) = text.get(self.position) {
            if self.certain {
                let run = WORD.run(text.rest(self.position)) as u64;
                if run > 0 {
                    self.position += run;
                    self.end = self.position;
                    continue;
                }
            }
            if !self.take(text, byte) {
                return Progress::Done(self.span());
            }
            self.position += 1;
        }
        if ended { Progress::Done(self.span()) } else { Progress::Open(self.span()) }
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn hold(&self) -> u64 {
        if self.certain { self.end } else { self.body }
    }

    fn open(&self) -> Option<u64> {
        self.certain.then_some(self.body)
    }

    fn exclusive_from(&self) -> Option<u64> {
        Some(self.body)
    }
}
