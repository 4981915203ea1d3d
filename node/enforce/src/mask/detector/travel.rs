//! Machine-readable lines of passports, identity cards and visas (ICAO 9303), a line at a time: the
//! names by their form, the numbers by their check digits.

use super::entry::{Confidence, DetectorInfo};
use crate::mask::plan::Class;
use crate::mask::scan::glued;
use crate::mask::text::Text;

pub(super) const INFO: DetectorInfo = DetectorInfo {
    name: "travel-document",
    class: Some(Class::Personal),
    only_by_name: false,
    description: "machine-readable lines of passports and identity cards",
    confidence: Confidence::High,
    examples: &[
        "«P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<»",
        "«L898902C36UTO7408122F1204159ZE184226B<<<<<10»",
        "«I<UTOD231458907<<<<<<<<<<<<<<<»\n«7408122F1204159UTO<<<<<<<<<<<6»",
    ],
    others: &[
        "L898902C37UTO7408122F1204159ZE184226B<<<<<10",
        "A<B<C and IF X<<Y",
        "P<UTOERIKSSON<<ANNA<MARIA",
    ],
};

/// Lengths of lines: of cards, of larger ones, and of passports. Bytes.
const LENGTHS: [usize; 3] = [30, 36, 44];
const MAX: usize = 44;

/// The line whose first `<` is at `filler`, as `(start, end)`, if it is one.
pub(in crate::mask) fn around(text: &Text, filler: u64) -> Option<(u64, u64)> {
    let before = text.last(filler, MAX as u64 + 1);
    let front = before.iter().rev().take_while(|byte| in_line(**byte)).count();
    // Before a line it is the bracket of something else.
    let start = if front == 0 { filler + 1 } else { filler - front as u64 };
    // Of later fillers the first has decided.
    if before[before.len() - front..].contains(&b'<') || front > MAX {
        return None;
    }
    let rest = text.rest(start);
    let length = rest.iter().take(MAX + 2).take_while(|byte| in_line(**byte)).count();
    // And behind one that of a closing tag.
    let tag = length > 0 && rest[length - 1] == b'<' && rest.get(length) == Some(&b'/');
    let length = length - usize::from(tag);
    let line = &rest[..length];
    let glued = glued(text, start);
    let next = rest.get(length).is_some_and(|byte| byte.is_ascii_alphanumeric());
    let own = LENGTHS.contains(&length) && !glued && !next && (is_names(line) || is_numbers(line));
    own.then_some((start, start + length as u64))
}

fn in_line(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'<'
}

/// The first line: what it is, of which state, then the names; or of a card the names alone.
fn is_names(line: &[u8]) -> bool {
    let kind = matches!(line[0], b'P' | b'I' | b'A' | b'C' | b'V');
    let state = line[2..5].iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'<');
    let names = line.windows(2).any(|pair| pair == b"<<");
    let letters = line.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'<');
    let card = line.len() == LENGTHS[0];
    names && (kind && state && (letters || card && digit_holds(line, 5, 14)) || card && letters)
}

/// The line of numbers: birth and expiry with their check digits, and that of the document's.
fn is_numbers(line: &[u8]) -> bool {
    if line.len() == LENGTHS[0] {
        return digit_holds(line, 0, 6) && digit_holds(line, 8, 14);
    }
    digit_holds(line, 0, 9) && digit_holds(line, 13, 19) && digit_holds(line, 21, 27)
}

/// Whether the check digit behind `[from, to)` is right: weights 7, 3 and 1, modulo 10.
fn digit_holds(line: &[u8], from: usize, to: usize) -> bool {
    let value = |byte: u8| match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'Z' => u32::from(byte - b'A') + 10,
        _ => 0,
    };
    let weights = [7, 3, 1].into_iter().cycle();
    let sum: u32 = line[from..to].iter().zip(weights).map(|(byte, it)| value(*byte) * it).sum();
    line[to].is_ascii_digit() && sum % 10 == value(line[to])
}
