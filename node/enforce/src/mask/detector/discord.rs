//! Discord's bot tokens: the bot's number in base64, a dot, when it was made, a dot, and what only
//! the bot knows. The first two are public.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::alphabet::WORD;
use super::entry::{Confidence, DetectorInfo};
use super::{Machine, Progress};
use crate::mask::plan::Class;
use crate::mask::text::Text;

pub(super) const INFO: DetectorInfo = DetectorInfo {
    name: "discord-token",
    class: Some(Class::Secrets),
    only_by_name: false,
    description: "Discord bot tokens",
    confidence: Confidence::High,
    examples: &["bot MTk4NjIyNDgzNDcxOTI1MjQ4.·Cl2FMQ.«ZnCjm1XVW7vRze4b7Cq4·se7kKWs»"],
    others: &["MTk4NjIyNDgzNDcxOTI1MjQ4.md", "Many.thousands.of.words"],
};

/// Digits of base64 of a bot's number.
const NUMBER: std::ops::RangeInclusive<usize> = 23..=28;
/// Bytes of the time.
const TIME: std::ops::RangeInclusive<usize> = 6..=7;
/// Shortest secret. Bytes.
const SECRET_MIN: usize = 27;

/// A run that may be a token.
pub(in crate::mask) struct Discord {
    begin: u64,
    /// Where its secret begins, once that is known.
    secret: Option<u64>,
    position: u64,
}

/// Whether all whole groups of these digits of base64 are digits of a number.
fn is_number(digits: &[u8]) -> bool {
    let whole = &digits[..digits.len() / 4 * 4];
    STANDARD_NO_PAD.decode(whole).is_ok_and(|bytes| bytes.iter().all(u8::is_ascii_digit))
}

impl Discord {
    /// So many token bytes are in a row at least.
    pub(in crate::mask) const RUN_MIN: u32 = 23;

    /// The run that begins at `begin`, if it may be one as far as it is known.
    pub(in crate::mask) fn at(text: &Text, begin: u64) -> Option<Self> {
        let rest = text.rest(begin);
        let first = rest.first().is_some_and(|byte| (b'M'..=b'O').contains(byte));
        let own = first && is_number(&rest[..rest.len().min(8)]);
        own.then_some(Self { begin, secret: None, position: begin })
    }

    /// Reads what stands before the secret: where that begins, as soon as it is known.
    fn secret(&self, text: &Text) -> Option<Option<u64>> {
        let rest = text.rest(self.begin);
        let number = WORD.run(&rest[..rest.len().min(NUMBER.end() + 1)]);
        let dot = *rest.get(number)?;
        if dot != b'.' || !NUMBER.contains(&number) || !is_number(&rest[..number]) {
            return Some(None);
        }
        let rest = &rest[number + 1..];
        let time = WORD.run(&rest[..rest.len().min(TIME.end() + 1)]);
        let dot = *rest.get(time)?;
        let own = dot == b'.' && TIME.contains(&time);
        Some(own.then_some(self.begin + (number + time + 2) as u64))
    }
}

impl Machine for Discord {
    fn advance(&mut self, text: &Text, ended: bool) -> Progress {
        if self.secret.is_none() {
            match self.secret(text) {
                Some(Some(begin)) => {
                    self.secret = Some(begin);
                    self.position = begin;
                }
                None if !ended => return Progress::Open(None),
                _ => return Progress::Done(None),
            }
        }
        self.position += WORD.run(text.rest(self.position)) as u64;
        if self.position == text.end() && !ended {
            return Progress::Open(self.open().map(|begin| (begin, self.position)));
        }
        Progress::Done(self.open().map(|begin| (begin, self.position)))
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn hold(&self) -> u64 {
        if self.open().is_some() { self.position } else { self.secret.unwrap_or(u64::MAX) }
    }

    fn open(&self) -> Option<u64> {
        self.secret.filter(|begin| self.position - begin >= SECRET_MIN as u64)
    }

    fn exclusive_from(&self) -> Option<u64> {
        self.secret
    }
}
