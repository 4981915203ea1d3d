//! IPv4 addresses: four numbers of at most 255 with dots between, and no fifth.
//!
//! Version numbers with letters before them, or five parts, are none.

use crate::mask::scan::{Found, Pending, Scanner, glued};
use crate::mask::text::Text;

/// The search for addresses in one stream.
pub(in crate::mask) struct Ipv4Scanner {
    treatment: u16,
    position: u64,
    start: Option<u64>,
    /// Complete numbers before the current one.
    dots: u8,
    /// The current number, and its digits so far.
    number: u16,
    digits: u8,
    skipping: bool,
}

impl Ipv4Scanner {
    pub(in crate::mask) fn new(treatment: u16) -> Self {
        Self { treatment, position: 0, start: None, dots: 0, number: 0, digits: 0, skipping: false }
    }

    fn digit(&mut self, text: &Text, byte: u8) {
        if self.skipping {
            return;
        }
        if self.start.is_none() {
            let dotted = text.before(self.position) == Some(b'.');
            self.skipping = dotted || glued(text, self.position);
            self.start = Some(self.position);
            (self.dots, self.number, self.digits) = (0, 0, 0);
        }
        self.number = self.number * 10 + u16::from(byte - b'0');
        self.digits += 1;
        // After a fourth dot only the end of a sentence may follow.
        if self.digits > 3 || self.number > 255 || self.dots > 3 {
            self.skipping = true;
        }
        if self.skipping {
            self.start = None;
        }
    }

    /// Whatever was read ends before `next`.
    fn ends(&mut self, next: Option<u8>, found: &mut Vec<Found>) {
        let glued = next.is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
        let trailing = u64::from(self.dots == 4);
        if let Some(start) = self.start.take() {
            let complete = (self.dots == 3 && self.digits > 0 && !glued) || self.dots == 4;
            if complete {
                let end = self.position - trailing;
                found.push(Found { start, end, treatment: self.treatment });
            }
        }
        self.skipping = false;
    }

    fn dot(&mut self, found: &mut Vec<Found>) {
        if self.skipping || self.start.is_none() {
            return;
        }
        if self.digits == 0 || self.dots == 4 {
            self.ends(Some(b'.'), found);
            return;
        }
        self.dots += 1;
        (self.number, self.digits) = (0, 0);
    }
}

impl Scanner for Ipv4Scanner {
    fn scan(&mut self, text: &Text, ended: bool, found: &mut Vec<Found>) -> Pending {
        for &byte in text.rest(self.position) {
            match byte {
                b'0'..=b'9' => self.digit(text, byte),
                b'.' => self.dot(found),
                _ => self.ends(Some(byte), found),
            }
            self.position += 1;
        }
        if ended {
            self.ends(None, found);
        }
        Pending::from(self.start.unwrap_or(self.position))
    }
}
