//! IPv4 addresses: four numbers of at most 255 with dots between, and no fifth.
//!
//! Version numbers with letters before them, or five parts, are none.

use super::entry::{Confidence, DetectorInfo};
use super::number;
use crate::mask::plan::Class;
use crate::mask::scan::glued;
use crate::mask::text::Text;

pub(super) const INFO: DetectorInfo = DetectorInfo {
    name: "ipv4",
    class: Some(Class::Network),
    only_by_name: false,
    description: "IPv4 addresses",
    confidence: Confidence::Low,
    examples: &["from «10.0.0.1» port 22"],
    others: &["1.2.3.4.5 v1.2.3.4 256.1.1.1"],
};

const PARTS: usize = 4;

/// Where the address ends that begins at `start`, if one does.
pub(in crate::mask) fn ends(text: &Text, start: u64) -> Option<u64> {
    if text.before(start) == Some(b'.') || glued(text, start) {
        return None;
    }
    let rest = text.rest(start);
    let mut at = 0;
    for part in 0..PARTS {
        if part > 0 {
            if rest.get(at) != Some(&b'.') {
                return None;
            }
            at += 1;
        }
        let length = number::digits(rest.get(at..)?);
        let value = rest[at..at + length.min(PARTS)].iter();
        let value = value.fold(0_u32, |value, digit| value * 10 + u32::from(digit - b'0'));
        if !(1..=3).contains(&length) || value > 255 {
            return None;
        }
        at += length;
    }
    let next = rest.get(at).copied();
    // Behind the last number a sentence may end, but no fifth number may follow.
    let fifth = next == Some(b'.') && rest.get(at + 1).is_some_and(u8::is_ascii_digit);
    let within = next.is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    (!fifth && !within).then_some(start + at as u64)
}
