//! US social security numbers and taxpayer numbers, `ddd-dd-dddd`: nine bare digits are none.

use super::entry::{Confidence, DetectorInfo};
use super::number;
use crate::mask::plan::Class;
use crate::mask::text::Text;

pub(super) const INFO: DetectorInfo = DetectorInfo {
    name: "us-ssn",
    class: Some(Class::Personal),
    only_by_name: false,
    description: "US social security and taxpayer numbers, with dashes",
    confidence: Confidence::Medium,
    examples: &["ssn «536-22·-1234»"],
    others: &["666-22-1234", "536221234", "078-05·-1120"],
};

/// Numbers that were printed on specimen cards and are nobody's.
const SPECIMENS: &[&[u8]] = &[b"078-05-1120", b"219-09-9999"];

/// Where the number ends that begins at `start`, if one does.
pub(in crate::mask) fn ends(text: &Text, start: u64) -> Option<u64> {
    let before = text.before(start);
    if before == Some(b'-') || !number::may_begin(text, start) {
        return None;
    }
    let rest = text.rest(start);
    let length = number::grouped(rest, &[3, 2, 4], |byte| byte == b'-')?;
    let (written, next) = (&rest[..length], rest.get(length));
    if next.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        return None;
    }
    let part = |from: usize, to: usize| {
        written[from..to].iter().fold(0_u32, |value, digit| value * 10 + u32::from(digit - b'0'))
    };
    let (area, group, serial) = (part(0, 3), part(4, 6), part(7, 11));
    let taxpayer = area >= 900 && matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99);
    let issued = !matches!(area, 0 | 666 | 900..) && group != 0 && serial != 0;
    let own = !SPECIMENS.contains(&written);
    ((taxpayer || issued) && own).then_some(start + length as u64)
}
