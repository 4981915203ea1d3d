//! Telegram bot tokens: the bot's number, a colon, and 35 bytes that begin with `A`.

use super::alphabet::WORD;
use super::entry::{Confidence, DetectorInfo};
use super::{Machine, Progress};
use crate::mask::plan::Class;
use crate::mask::text::Text;

pub(super) const INFO: DetectorInfo = DetectorInfo {
    name: "telegram-token",
    class: Some(Class::Secrets),
    only_by_name: false,
    description: "Telegram bot tokens",
    confidence: Confidence::High,
    examples: &["bot token 123456789:«AbCdEfGhIjKlMnOpQr·StUvWxYzQwErTyUiO»"],
    others: &["123456789:·AbCdEfGhIjKlMnOp", "12:30:45 at 10:59:00"],
};

const BODY: usize = 35;

/// A token of which the number and the colon have been read.
pub(in crate::mask) struct Telegram {
    body: u64,
    position: u64,
}

impl Telegram {
    pub(super) fn new(at: u64) -> Self {
        Self { body: at, position: at }
    }
}

impl Machine for Telegram {
    fn advance(&mut self, text: &Text, ended: bool) -> Progress {
        let rest = text.rest(self.body);
        let length = WORD.run(&rest[..rest.len().min(BODY + 1)]);
        self.position = self.body + length as u64;
        if rest.first().is_some_and(|first| *first != b'A') || length > BODY {
            return Progress::Done(None);
        }
        if length == rest.len() && !ended {
            return Progress::Open(None);
        }
        Progress::Done((length == BODY).then_some((self.body, self.position)))
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn hold(&self) -> u64 {
        self.body
    }

    fn open(&self) -> Option<u64> {
        None
    }

    fn exclusive_from(&self) -> Option<u64> {
        None
    }
}
