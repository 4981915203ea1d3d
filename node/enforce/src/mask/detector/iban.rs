//! International bank account numbers (ISO 13616): country, its length, check digits modulo 97.
//! Written in one run, or in groups of four.

use super::entry::{Confidence, DetectorInfo};
use crate::mask::plan::Class;
use crate::mask::scan::glued;
use crate::mask::text::Text;

pub(super) const INFO: DetectorInfo = DetectorInfo {
    name: "iban",
    class: Some(Class::Financial),
    only_by_name: false,
    description: "international bank account numbers: length and check digits",
    confidence: Confidence::High,
    examples: &["«GB82 WEST 1234 5698 7654 32»", "«DE89·370400440532013000»"],
    others: &["GB83 WEST 1234 5698 7654 32"],
};

/// Countries and the lengths of their numbers, from the registry of SWIFT.
#[rustfmt::skip]
const COUNTRIES: &[(&[u8; 2], usize)] = &[
    (b"AD", 24), (b"AE", 23), (b"AL", 28), (b"AT", 20), (b"AZ", 28), (b"BA", 20), (b"BE", 16),
    (b"BG", 22), (b"BH", 22), (b"BI", 27), (b"BR", 29), (b"BY", 28), (b"CH", 21), (b"CR", 22),
    (b"CY", 28), (b"CZ", 24), (b"DE", 22), (b"DJ", 27), (b"DK", 18), (b"DO", 28), (b"EE", 20),
    (b"EG", 29), (b"ES", 24), (b"FI", 18), (b"FK", 18), (b"FO", 18), (b"FR", 27), (b"GB", 22),
    (b"GE", 22), (b"GI", 23), (b"GL", 18), (b"GR", 27), (b"GT", 28), (b"HR", 21), (b"HU", 28),
    (b"IE", 22), (b"IL", 23), (b"IQ", 23), (b"IS", 26), (b"IT", 27), (b"JO", 30), (b"KW", 30),
    (b"KZ", 20), (b"LB", 28), (b"LC", 32), (b"LI", 21), (b"LT", 20), (b"LU", 20), (b"LV", 21),
    (b"LY", 25), (b"MC", 27), (b"MD", 24), (b"ME", 22), (b"MK", 19), (b"MN", 20), (b"MR", 27),
    (b"MT", 31), (b"MU", 30), (b"NI", 28), (b"NL", 18), (b"NO", 15), (b"OM", 23), (b"PK", 24),
    (b"PL", 28), (b"PS", 29), (b"PT", 25), (b"QA", 29), (b"RO", 24), (b"RS", 22), (b"RU", 33),
    (b"SA", 24), (b"SC", 31), (b"SD", 18), (b"SE", 24), (b"SI", 19), (b"SK", 24), (b"SM", 27),
    (b"SO", 23), (b"ST", 25), (b"SV", 28), (b"TL", 23), (b"TN", 24), (b"TR", 26), (b"UA", 29),
    (b"VA", 22), (b"VG", 24), (b"XK", 20), (b"YE", 30),
];

/// Where the number ends that begins at `start`, if one does.
pub(in crate::mask) fn ends(text: &Text, start: u64) -> Option<u64> {
    let rest = text.rest(start);
    let country = rest.get(..2)?;
    if !country.iter().all(u8::is_ascii_uppercase) || glued(text, start) {
        return None;
    }
    let (_, length) = COUNTRIES.iter().find(|(code, _)| country == *code)?;
    let grouped = rest.get(4) == Some(&b' ');
    let mut number = [0; 34];
    let mut at = 0;
    for (index, place) in number[..*length].iter_mut().enumerate() {
        if grouped && index > 0 && index % 4 == 0 {
            if rest.get(at) != Some(&b' ') {
                return None;
            }
            at += 1;
        }
        let byte = *rest.get(at)?;
        if !(byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
            return None;
        }
        *place = byte;
        at += 1;
    }
    let within = rest.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let sound = remainder(&number[..*length]) == 1;
    (sound && !within).then_some(start + at as u64)
}

/// ISO 7064 modulo 97-10: the first four places at the end, letters as 10 to 35.
fn remainder(number: &[u8]) -> u32 {
    let (front, rest) = number.split_at(4);
    rest.iter().chain(front).fold(0, |sum, byte| match byte {
        b'0'..=b'9' => (sum * 10 + u32::from(byte - b'0')) % 97,
        _ => (sum * 100 + u32::from(byte - b'A') + 10) % 97,
    })
}
