//! Phone numbers: a plus and the digits of a country (E.164), and the North American form with its
//! punctuation. Bare digits are none.

use super::entry::{Confidence, DetectorInfo};
use super::number;
use crate::mask::plan::Class;
use crate::mask::scan::glued;
use crate::mask::text::Text;

pub(super) const INFO: DetectorInfo = DetectorInfo {
    name: "phone",
    class: Some(Class::Personal),
    only_by_name: false,
    description: "phone numbers: +country, and (ddd) ddd-dddd",
    confidence: Confidence::Low,
    examples: &["call «+44 20 7946 0000»", "call «(212) 555-0123»"],
    others: &["2125550123", "2026-11-30"],
};

/// Digits of a number with its country.
const DIGITS: std::ops::RangeInclusive<usize> = 8..=15;
/// Longest number as written. Bytes.
const WRITTEN_MAX: usize = 24;

/// The number whose first digit is at `start`, as `(start, end)`, if it is one.
pub(in crate::mask) fn begins(text: &Text, start: u64) -> Option<(u64, u64)> {
    match text.before(start) {
        Some(b'+') if !glued(text, start - 1) => international(text, start),
        Some(b'(') => american(text.rest(start), true).map(|length| (start - 1, start + length)),
        Some(b'-' | b'+') => None,
        _ if !number::may_begin(text, start) => None,
        _ => american(text.rest(start), false).map(|length| (start, start + length)),
    }
}

fn international(text: &Text, start: u64) -> Option<(u64, u64)> {
    let rest = text.rest(start);
    let (mut digits, mut end, mut joints) = (0, 0, 0);
    for (index, byte) in rest.iter().enumerate().take(WRITTEN_MAX) {
        match byte {
            b'0'..=b'9' => (digits, end, joints) = (digits + 1, index + 1, 0),
            b' ' | b'-' | b'.' | b'(' | b')' if joints < 2 => joints += 1,
            _ => break,
        }
    }
    let within = rest.get(end).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let country = rest.first() != Some(&b'0');
    (DIGITS.contains(&digits) && country && !within).then_some((start - 1, start + end as u64))
}

/// `ddd-ddd-dddd` and `(ddd) ddd-dddd`; neither area nor exchange begins with 0 or 1.
fn american(rest: &[u8], in_brackets: bool) -> Option<u64> {
    let separates = |byte| matches!(byte, b'-' | b'.' | b' ');
    let (exchange, length) = if in_brackets {
        let area = rest.get(..4).filter(|area| number::digits(area) == 3 && area[3] == b')')?;
        let at = area.len() + usize::from(rest.get(4) == Some(&b' '));
        (at, at + number::grouped(rest.get(at..)?, &[3, 4], separates)?)
    } else {
        // Three groups between blanks are rather numbers of something else.
        (4, number::grouped(rest, &[3, 3, 4], |byte| matches!(byte, b'-' | b'.'))?)
    };
    let first = |at: usize| rest.get(at).is_some_and(|digit| (b'2'..=b'9').contains(digit));
    let next = rest.get(length);
    let apart = !next.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte));
    (first(0) && first(exchange) && apart).then_some(length as u64)
}
