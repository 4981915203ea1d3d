//! Europe.

use super::Written;
use super::digits::{differ, is_day, luhn, mod_11_10, number, value, weighted};
use crate::mask::plan::Class;

/// An entry that only its name switches on, as all of these.
const fn entry(
    name: &'static str,
    description: &'static str,
    forms: &'static [&'static str],
    holds: fn(&[u8]) -> bool,
    examples: &'static [&'static str],
    others: &'static [&'static str],
) -> Written {
    let class = Class::Personal;
    Written { name, class, only_by_name: true, description, forms, holds, examples, others }
}

pub(super) static WRITTEN: &[Written] = &[
    entry(
        "uk-nhs-number",
        "UK NHS numbers, in groups",
        &["999 999 9999", "999-999-9999"],
        |digits| {
            let sum = weighted(digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2]);
            differ(digits) && (11 - sum % 11) % 11 == value(digits[9])
        },
        &["nhs «943 476 5919»"],
        &["943 476 5918", "9434765919"],
    ),
    entry(
        "uk-nino",
        "UK national insurance numbers",
        &["AA999999A", "AA 99 99 99 A"],
        insurance_number,
        &["nino «AB123456C»", "«AB 12 34 56 C»"],
        &["BG123456C", "AB123456E", "QQ123456C"],
    ),
    entry(
        "es-dni",
        "Spanish DNI and NIE numbers",
        &["99999999A", "99999999-A", "A9999999A", "A-9999999-A"],
        spanish,
        &["dni «12345678Z»", "nie «X1234567L»"],
        &["12345678A", "X1234567A", "A1234567L"],
    ),
    entry(
        "it-fiscal-code",
        "Italian fiscal codes of people",
        &["AAAAAA99A99A999A"],
        italian,
        &["cf «RSSMRA85T10A562S»"],
        &["RSSMRA85T10A562T"],
    ),
    entry(
        "it-vat-number",
        "Italian VAT numbers",
        &["99999999999", "IT99999999999"],
        |written| differ(&written[written.len() - 11..]) && luhn(&written[written.len() - 11..]),
        &["iva «IT12345670017»"],
        &["IT12345670018"],
    ),
    entry(
        "pl-pesel",
        "Polish PESEL numbers",
        &["99999999999"],
        |digits| {
            let sum = weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]);
            let month = [b'0' + digits[2].wrapping_sub(b'0') % 2, digits[3]];
            is_day(&month, &digits[4..6]) && (10 - sum % 10) % 10 == value(digits[10])
        },
        &["pesel «44051401359»"],
        &["44051401358", "44991401359"],
    ),
    entry(
        "se-personal-number",
        "Swedish personal numbers",
        &["999999-9999", "999999+9999", "99999999-9999"],
        |digits| {
            let short = &digits[digits.len() - 10..];
            // Of a number for one who has none, sixty is added to the day.
            let day = [b'0' + value(short[4]) as u8 % 6, short[5]];
            is_day(&short[2..4], &day) && luhn(short)
        },
        &["pnr «811218-9876»"],
        &["811218-9877", "811318-9876"],
    ),
    entry(
        "fi-personal-code",
        "Finnish personal identity codes",
        &["999999-999X", "999999+999X", "999999A999X"],
        |written| {
            const LETTERS: &[u8; 31] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
            let serial = &written[written.len() - 4..written.len() - 1];
            let rest = number(&[&written[..6], serial].concat()) % 31;
            let check = LETTERS.get(usize::try_from(rest).unwrap_or(usize::MAX));
            is_day(&written[2..4], &written[..2]) && check == written.last()
        },
        &["hetu «131052-308T»"],
        &["131052-308U"],
    ),
    entry(
        "de-tax-id",
        "German tax identifiers",
        &["99 999 999 999", "99999999999"],
        |digits| digits[0] != b'0' && mod_11_10(&digits[..10]) == value(digits[10]),
        &["steuer-id «86 095 742 719»"],
        &["86 095 742 718"],
    ),
    entry(
        "fr-social-security",
        "French social security numbers",
        &["999999999999999", "9 99 99 99 999 999 99"],
        |digits| {
            let key = number(&digits[13..]);
            matches!(digits[0], b'1' | b'2') && 97 - number(&digits[..13]) % 97 == key
        },
        &["nir «1 84 12 76 451 089 46»"],
        &["1 84 12 76 451 089 47"],
    ),
    entry(
        "nl-bsn",
        "Dutch citizen service numbers: nine digits",
        &["999999999"],
        |digits| {
            let sum = weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2]);
            differ(digits) && sum % 11 == value(digits[8]) % 11
        },
        &["bsn «111222333»"],
        &["111222334"],
    ),
    entry(
        "ch-social-security",
        "Swiss social security numbers",
        &["999.9999.9999.99", "9999999999999"],
        |digits| {
            let sum = weighted(digits, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]);
            digits.starts_with(b"756") && (10 - sum % 10) % 10 == value(digits[12])
        },
        &["ahv «756.9217.0769.85»"],
        &["756.9217.0769.86"],
    ),
];

fn insurance_number(written: &[u8]) -> bool {
    const NEVER: &[&[u8]] = &[b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"];
    let prefix = &written[..2];
    let letters = !b"DFIQUV".contains(&prefix[0]) && !b"DFIQUVO".contains(&prefix[1]);
    letters && !NEVER.contains(&prefix) && (b'A'..=b'D').contains(&written[8])
}

/// A letter for the remainder of the number by 23; of a foreigner's the first letter is a digit.
fn spanish(written: &[u8]) -> bool {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let mut digits = written[..8].to_vec();
    digits[0] = match digits[0] {
        letter @ b'X'..=b'Z' => letter - b'X' + b'0',
        digit @ b'0'..=b'9' => digit,
        _ => return false,
    };
    LETTERS[(number(&digits) % 23) as usize] == written[8]
}

/// The sum of values of letters and digits, those at odd places by a table.
fn italian(written: &[u8]) -> bool {
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let plain = |byte: u8| {
        u32::from(if byte.is_ascii_digit() { byte - b'0' } else { byte.wrapping_sub(b'A') })
    };
    let places = written[..15].iter().enumerate();
    let sum: u32 = places
        .map(|(place, byte)| {
            let value = plain(*byte);
            if place % 2 == 0 { ODD[value as usize % 26] } else { value }
        })
        .sum();
    sum % 26 == plain(written[15])
}
