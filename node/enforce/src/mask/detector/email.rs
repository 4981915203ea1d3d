//! E-mail addresses: a local part of at most 64 bytes, `@`, labels, and a top-level name.
//!
//! Holds the current word while it may be a local part, which is why it is off unless named.

use crate::mask::scan::{Found, Pending, Scanner};
use crate::mask::text::Text;

/// Longest local part (RFC 5321 section 4.5.3.1.1). Bytes.
const LOCAL_MAX: u64 = 64;
/// Longest domain (RFC 5321 section 4.5.3.1.2); a longer one is masked that far. Bytes.
const DOMAIN_MAX: u64 = 255;

fn in_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-')
}

fn in_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')
}

/// The search for addresses in one stream.
pub(in crate::mask) struct EmailScanner {
    treatment: u16,
    position: u64,
    /// Start of the current word.
    word: Option<u64>,
    /// Start of the domain, once an `@` has ended the word.
    domain: Option<u64>,
}

impl EmailScanner {
    pub(in crate::mask) fn new(treatment: u16) -> Self {
        Self { treatment, position: 0, word: None, domain: None }
    }

    /// The address from `word` with the domain `[domain, end)`, if it is one.
    fn decide(&self, text: &Text, word: u64, domain: u64, end: u64) -> Option<Found> {
        let raw = text.slice(domain, end);
        let trimmed =
            raw.len() - raw.iter().rev().take_while(|b| !b.is_ascii_alphanumeric()).count();
        let name = &raw[..trimmed];
        let dot = memchr::memrchr(b'.', name)?;
        let top = &name[dot + 1..];
        let valid = dot > 0 && top.len() >= 2 && top[0].is_ascii_alphabetic();
        let end = domain + trimmed as u64;
        valid.then_some(Found { start: word, end, treatment: self.treatment })
    }

    fn step(&mut self, text: &Text, byte: u8, found: &mut Vec<Found>) {
        let position = self.position;
        if let (Some(word), Some(domain)) = (self.word, self.domain) {
            if in_domain(byte) && position - domain < DOMAIN_MAX {
                return;
            }
            let hit = self.decide(text, word, domain, position);
            found.extend(hit);
            self.domain = None;
            // What was no domain may be a local part.
            self.word = (hit.is_none() && domain < position).then_some(domain);
        }
        match self.word {
            _ if in_local(byte) => self.word = self.word.or(Some(position)),
            Some(word) if byte == b'@' && position - word <= LOCAL_MAX => {
                self.domain = Some(position + 1);
            }
            _ => self.word = None,
        }
    }
}

impl Scanner for EmailScanner {
    fn scan(&mut self, text: &Text, ended: bool, found: &mut Vec<Found>) -> Pending {
        for &byte in text.rest(self.position) {
            self.step(text, byte, found);
            self.position += 1;
        }
        match (self.word, self.domain) {
            _ if ended => {
                if let (Some(word), Some(domain)) = (self.word, self.domain) {
                    found.extend(self.decide(text, word, domain, self.position));
                }
                Pending::none(self.position)
            }
            (Some(word), None) if self.position - word > LOCAL_MAX => Pending::none(self.position),
            (Some(word), _) => Pending::from(word),
            (None, _) => Pending::none(self.position),
        }
    }
}
