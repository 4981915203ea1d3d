//! What numbers of people, cards and accounts have in common: groups of digits, and check digits.

use crate::mask::scan::glued;
use crate::mask::text::Text;

/// How many digits `bytes` begin with.
pub(in crate::mask) fn digits(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len())
}

/// Length of the groups that `bytes` begin with, if they are of these lengths, with one byte
/// between two.
pub(in crate::mask) fn grouped(
    bytes: &[u8],
    groups: &[usize],
    separates: impl Fn(u8) -> bool,
) -> Option<usize> {
    let mut at = 0;
    for (index, &group) in groups.iter().enumerate() {
        if index > 0 {
            if !bytes.get(at).copied().is_some_and(&separates) {
                return None;
            }
            at += 1;
        }
        if digits(bytes.get(at..)?.get(..group + 1).unwrap_or(&bytes[at..])) != group {
            return None;
        }
        at += group;
    }
    Some(at)
}

/// False within a word, behind a decimal point, and behind a dash that separates no digits.
pub(in crate::mask) fn may_begin(text: &Text, start: u64) -> bool {
    match text.before(start) {
        Some(b'.') => false,
        Some(b'-') => text.before(start - 1).is_some_and(|byte| byte.is_ascii_digit()),
        _ => !glued(text, start),
    }
}

/// Luhn's check digit (ISO/IEC 7812-1 annex B).
pub(in crate::mask) fn luhn(digits: &[u8]) -> bool {
    /// A digit twice, and the digits of that added up.
    const DOUBLED: [u8; 10] = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9];
    let (mut sum, mut doubles) = (0_u32, false);
    for &digit in digits.iter().rev() {
        sum += u32::from(if doubles { DOUBLED[usize::from(digit % 10)] } else { digit });
        doubles = !doubles;
    }
    sum.is_multiple_of(10)
}
