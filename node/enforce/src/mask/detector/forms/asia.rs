//! Asia and Australia.

use super::Written;
use super::digits::{differ, is_day, value, verhoeff, weighted};
use crate::mask::plan::Class;

pub(super) static WRITTEN: &[Written] = &[
    Written {
        name: "in-aadhaar",
        class: Class::Personal,
        only_by_name: true,
        description: "Indian Aadhaar numbers, in groups",
        forms: &["9999 9999 9999", "9999-9999-9999"],
        holds: |digits| digits[0] >= b'2' && differ(digits) && verhoeff(digits),
        examples: &["aadhaar «2341 2341 2346»"],
        others: &["2341 2341 2347", "234123412346"],
    },
    Written {
        name: "in-pan",
        class: Class::Personal,
        only_by_name: true,
        description: "Indian permanent account numbers of taxpayers",
        forms: &["AAAAA9999A"],
        holds: |written| b"ABCFGHJKLPT".contains(&written[3]),
        examples: &["pan «ABCPE1234F»"],
        others: &["ABCDE1234F", "ABCPE12345"],
    },
    Written {
        name: "au-tfn",
        class: Class::Personal,
        only_by_name: true,
        description: "Australian tax file numbers, in groups",
        forms: &["999 999 999"],
        holds: |digits| {
            let sum = weighted(digits, &[1, 4, 3, 7, 5, 8, 6, 9, 10]);
            differ(digits) && sum.is_multiple_of(11)
        },
        examples: &["tfn «123 456 782»"],
        others: &["123 456 783"],
    },
    Written {
        name: "au-abn",
        class: Class::Financial,
        only_by_name: true,
        description: "Australian business numbers, in groups",
        forms: &["99 999 999 999"],
        holds: |digits| {
            let sum = weighted(digits, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
            digits[0] != b'0' && (sum - 10).is_multiple_of(89)
        },
        examples: &["abn «51 824 753 556»"],
        others: &["51 824 753 557"],
    },
    Written {
        name: "au-medicare",
        class: Class::Personal,
        only_by_name: true,
        description: "Australian Medicare numbers, in groups",
        forms: &["9999 99999 9"],
        holds: |digits| {
            let sum = weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9]);
            (b'2'..=b'6').contains(&digits[0]) && sum % 10 == value(digits[8])
        },
        examples: &["medicare «2123 45670 1»"],
        others: &["2123 45671 1"],
    },
    Written {
        name: "kr-rrn",
        class: Class::Personal,
        only_by_name: true,
        description: "Korean resident registration numbers",
        forms: &["999999-9999999"],
        holds: |digits| {
            let sum = weighted(digits, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
            is_day(&digits[2..4], &digits[4..6]) && (11 - sum % 11) % 10 == value(digits[12])
        },
        examples: &["rrn «830422-1185601»"],
        others: &["830422-1185600", "831322-1185601"],
    },
    Written {
        name: "th-id",
        class: Class::Personal,
        only_by_name: true,
        description: "Thai identity numbers",
        forms: &["9-9999-99999-99-9", "9999999999999"],
        holds: |digits| {
            let sum = weighted(digits, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
            digits[0] != b'0' && differ(digits) && (11 - sum % 11) % 10 == value(digits[12])
        },
        examples: &["id «1-1234-56789-01-4»"],
        others: &["1-1234-56789-01-5"],
    },
    Written {
        name: "sg-nric",
        class: Class::Personal,
        only_by_name: true,
        description: "Singapore's NRIC and FIN numbers",
        forms: &["A9999999A"],
        holds: singapore,
        examples: &["nric «S1234567D»"],
        others: &["S1234567E", "A1234567D"],
    },
    Written {
        name: "tr-id",
        class: Class::Personal,
        only_by_name: true,
        description: "Turkish identity numbers: eleven digits",
        forms: &["99999999999"],
        holds: |digits| {
            let odd = weighted(digits, &[1, 0, 1, 0, 1, 0, 1, 0, 1]);
            let even = weighted(digits, &[0, 1, 0, 1, 0, 1, 0, 1]);
            let (tenth, eleventh) = (value(digits[9]), value(digits[10]));
            let first = (odd * 7 + 90 - even) % 10 == tenth;
            digits[0] != b'0' && first && (odd + even + tenth) % 10 == eleventh
        },
        examples: &["kimlik «10000000146»"],
        others: &["10000000147"],
    },
];

fn singapore(written: &[u8]) -> bool {
    let sum = weighted(&written[1..8], &[2, 7, 6, 5, 4, 3, 2]);
    let (letters, more): (&[u8; 11], u32) = match written[0] {
        b'S' => (b"JZIHGFEDCBA", 0),
        b'T' => (b"JZIHGFEDCBA", 4),
        b'F' => (b"XWUTRQPNMLK", 0),
        b'G' => (b"XWUTRQPNMLK", 4),
        b'M' => (b"KLJNPQRTUWX", 3),
        _ => return false,
    };
    letters[((sum + more) % 11) as usize] == written[8]
}
