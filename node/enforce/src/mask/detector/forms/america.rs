//! The Americas.

use super::Written;
use super::digits::{differ, luhn, number, value, weighted};
use crate::mask::plan::Class;

pub(super) static WRITTEN: &[Written] = &[
    Written {
        name: "us-routing-number",
        class: Class::Financial,
        only_by_name: true,
        description: "ABA routing numbers of US banks: nine digits",
        forms: &["999999999"],
        holds: routing_number,
        examples: &["routing «021000021»"],
        others: &["021000022", "991000021"],
    },
    Written {
        name: "us-npi",
        class: Class::Personal,
        only_by_name: true,
        description: "US national provider identifiers: ten digits",
        forms: &["9999999999"],
        holds: |digits| matches!(digits[0], b'1' | b'2') && luhn(&[b"80840", digits].concat()),
        examples: &["npi «1234567893»"],
        others: &["1234567894"],
    },
    Written {
        name: "us-dea-number",
        class: Class::Personal,
        only_by_name: true,
        description: "US DEA numbers of prescribers",
        forms: &["AA9999999"],
        holds: |written| {
            let digits = &written[2..];
            let sum = weighted(digits, &[1, 2, 1, 2, 1, 2]);
            b"ABCDEFGHJKLMPRSTUX".contains(&written[0]) && sum % 10 == value(digits[6])
        },
        examples: &["dea «AB1234563»"],
        others: &["AB1234564"],
    },
    Written {
        name: "br-cpf",
        class: Class::Personal,
        only_by_name: true,
        description: "Brazilian CPF numbers of people",
        forms: &["999.999.999-99", "99999999999"],
        holds: |digits| {
            differ(digits)
                && eleven(&digits[..9], &[10, 9, 8, 7, 6, 5, 4, 3, 2]) == value(digits[9])
                && eleven(&digits[..10], &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) == value(digits[10])
        },
        examples: &["cpf «529.982.247-25»", "«52998224725»"],
        others: &["529.982.247-26", "111.111.111-11"],
    },
    Written {
        name: "br-cnpj",
        class: Class::Financial,
        only_by_name: true,
        description: "Brazilian CNPJ numbers of firms",
        forms: &["99.999.999/9999-99", "99999999999999"],
        holds: |digits| {
            const WEIGHTS: [u32; 13] = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
            differ(digits)
                && eleven(&digits[..12], &WEIGHTS[1..]) == value(digits[12])
                && eleven(&digits[..13], &WEIGHTS) == value(digits[13])
        },
        examples: &["cnpj «11.222.333/0001-81»"],
        others: &["11.222.333/0001-82"],
    },
    Written {
        name: "ca-sin",
        class: Class::Personal,
        only_by_name: true,
        description: "Canadian social insurance numbers, in groups",
        forms: &["999 999 999", "999-999-999"],
        holds: |digits| !matches!(digits[0], b'0' | b'8') && luhn(digits),
        examples: &["sin «130 692 544»"],
        others: &["130 692 545", "130692544"],
    },
];

fn routing_number(digits: &[u8]) -> bool {
    let district = number(&digits[..2]);
    let issued = matches!(district, 0..=12 | 21..=32 | 61..=72 | 80);
    issued && differ(digits) && weighted(digits, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
}

/// The check digit of Brazil's numbers, modulo 11.
fn eleven(digits: &[u8], weights: &[u32]) -> u32 {
    match weighted(digits, weights) % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    }
}
