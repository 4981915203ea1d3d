//! Payment card numbers: issuer prefix and length, Luhn's check, one group or 4-4-4-4 or 4-6-5.
//!
//! Runs of digits inside identifiers are none (block numbers pass Luhn once in ten).

use crate::mask::scan::{Found, Pending, Scanner, glued};
use crate::mask::text::Text;

/// Longest run of digits that may be a card number.
const DIGITS_MAX: u64 = 19;
const GROUPINGS: &[&[u64]] = &[&[4, 4, 4, 4], &[4, 6, 5]];

/// The search for card numbers in one stream.
pub(in crate::mask) struct CardScanner {
    treatment: u16,
    position: u64,
    /// Groups of digits just read, `(start, length)`; the last may be growing.
    groups: Vec<(u64, u64)>,
    growing: bool,
    /// In a run that cannot be a card number.
    skipping: bool,
}

impl CardScanner {
    pub(in crate::mask) fn new(treatment: u16) -> Self {
        Self { treatment, position: 0, groups: Vec::new(), growing: false, skipping: false }
    }

    fn digit(&mut self, text: &Text) {
        if self.skipping {
            return;
        }
        if self.growing {
            if let Some((_, length)) = self.groups.last_mut() {
                *length += 1;
                self.skipping = *length > DIGITS_MAX;
            }
        } else {
            let alone = self.groups.is_empty();
            let before = text.before(self.position);
            self.skipping =
                alone && (glued(text, self.position) || matches!(before, Some(b'-' | b'.')));
            self.groups.push((self.position, 1));
            self.growing = true;
        }
        if self.skipping {
            self.groups.clear();
            self.growing = false;
        }
    }

    /// A run of digits has ended; `next` is the byte after it.
    fn group_ends(&mut self, text: &Text, next: Option<u8>, found: &mut Vec<Found>) {
        self.growing = false;
        let glued = next.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
        if let Some(start) = self.card(text).filter(|_| !glued) {
            found.push(Found { start, end: self.position, treatment: self.treatment });
            self.groups.clear();
        }
        if !matches!(next, Some(b' ' | b'-')) {
            self.groups.clear();
        }
        while !self.groups.is_empty() && !self.may_go_on() {
            self.groups.remove(0);
        }
    }

    fn may_go_on(&self) -> bool {
        GROUPINGS.iter().any(|grouping| {
            self.groups.len() < grouping.len()
                && self.groups.iter().zip(*grouping).all(|((_, length), wanted)| length == wanted)
        })
    }

    /// The start of the card number that ends here, if one does.
    fn card(&self, text: &Text) -> Option<u64> {
        let grouped = GROUPINGS.iter().find_map(|grouping| {
            let first = self.groups.len().checked_sub(grouping.len())?;
            let groups = &self.groups[first..];
            let fits = groups.iter().zip(*grouping).all(|((_, length), wanted)| length == wanted);
            fits.then(|| groups[0].0)
        });
        let alone = self.groups.last().map(|&(start, _)| start);
        [grouped, alone].into_iter().flatten().find(|&start| {
            let digits: Vec<u8> = text
                .slice(start, self.position)
                .iter()
                .filter(|b| b.is_ascii_digit())
                .map(|b| b - b'0')
                .collect();
            issued(&digits) && luhn(&digits)
        })
    }
}

/// Issuer prefix and length (ISO/IEC 7812).
fn issued(digits: &[u8]) -> bool {
    let prefix = |n: usize| digits.iter().take(n).fold(0_u32, |sum, &d| sum * 10 + u32::from(d));
    match digits.len() {
        13 | 19 => prefix(1) == 4,
        15 => matches!(prefix(2), 34 | 37),
        16 => {
            prefix(1) == 4
                || matches!(prefix(2), 51..=55 | 65)
                || matches!(prefix(3), 644..=649)
                || matches!(prefix(4), 2221..=2720 | 6011)
        }
        _ => false,
    }
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, &digit)| {
            let doubled = u32::from(digit) * if index % 2 == 1 { 2 } else { 1 };
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    sum.is_multiple_of(10)
}

impl Scanner for CardScanner {
    fn scan(&mut self, text: &Text, ended: bool, found: &mut Vec<Found>) -> Pending {
        for &byte in text.rest(self.position) {
            if byte.is_ascii_digit() {
                self.digit(text);
            } else {
                if self.growing {
                    self.group_ends(text, Some(byte), found);
                } else {
                    self.groups.clear();
                }
                self.skipping = false;
            }
            self.position += 1;
        }
        if ended && self.growing {
            self.group_ends(text, None, found);
        }
        let hold = self.groups.first().map_or(self.position, |&(start, _)| start);
        Pending::from(if ended { self.position } else { hold })
    }
}
