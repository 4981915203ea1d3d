//! Payment card numbers: issuer prefix and length, Luhn's check, one group or 4-4-4-4 or 4-6-5.
//!
//! Runs of digits inside identifiers are none (block numbers pass Luhn once in ten).

use super::entry::{Confidence, DetectorInfo};
use super::number;
use crate::mask::plan::Class;
use crate::mask::text::Text;

pub(super) const INFO: DetectorInfo = DetectorInfo {
    name: "card",
    class: Some(Class::Financial),
    only_by_name: false,
    description: "payment card numbers: issuer, length and Luhn digit",
    confidence: Confidence::High,
    examples: &["«4111·1111·1111·1111»", "«3782-822463·-10005»"],
    others: &["4111·1111·1111·1112", "blk_-4111·1111·1111·1111"],
};

/// Longest number of a card. Digits.
const DIGITS_MAX: usize = 19;
const GROUPINGS: &[&[usize]] = &[&[4, 4, 4, 4], &[4, 6, 5]];

/// Where the card number ends that begins at `start`, if one does.
pub(in crate::mask) fn ends(text: &Text, start: u64) -> Option<u64> {
    // No issuer has other first digits.
    let issuer = text.get(start).is_some_and(|first| (b'2'..=b'6').contains(&first));
    if !issuer || !number::may_begin(text, start) {
        return None;
    }
    let rest = text.rest(start);
    let alone = number::digits(rest);
    if (13..=DIGITS_MAX).contains(&alone) {
        return accept(rest, alone).map(|length| start + length);
    }
    let length = GROUPINGS.iter().find_map(|grouping| {
        let length = number::grouped(rest, grouping, |byte| matches!(byte, b' ' | b'-'))?;
        accept(rest, length)
    });
    length.map(|length| start + length)
}

fn accept(rest: &[u8], length: usize) -> Option<u64> {
    if rest.get(length).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_') {
        return None;
    }
    let mut digits = [0; DIGITS_MAX];
    let mut count = 0;
    for byte in rest[..length].iter().filter(|byte| byte.is_ascii_digit()) {
        *digits.get_mut(count)? = byte - b'0';
        count += 1;
    }
    let digits = &digits[..count];
    (issued(digits) && number::luhn(digits)).then_some(length as u64)
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
