//! Which types hold text, by their numbers in `pg_type`: those are the same in every database.
//! A type that is not known here may hold any text.

use node_enforce::mask::Form;

use crate::codec::read::Column;

/// `bool`, small numbers, dates and times, `uuid` and their like: no text is in them.
const NO_TEXT: &[u32] = &[
    16, 21, 23, 26, 27, 28, 29, 700, 701, 790, 1082, 1083, 1114, 1184, 1186, 1266, 2278, 2950,
    3220, 5069,
];
/// `int8` and `numeric`: long enough for a card's number.
const NUMBERS: &[u32] = &[20, 1700];
/// `"char"`, `name`, `text`, `json`, `xml`, `unknown`, `bpchar`, `varchar`, `cstring`, `jsonb`: in
/// binary they are their text, `jsonb` behind one byte.
const TEXT: &[u32] = &[18, 19, 25, 114, 142, 705, 1042, 1043, 2275, 3802];

/// How the values of a column are masked; not at all where there is no text in them.
pub(crate) fn form(column: Column) -> Option<Form> {
    let Column { kind, binary } = column;
    if NO_TEXT.contains(&kind) || (binary && NUMBERS.contains(&kind)) {
        return None;
    }
    // A number with stars in it is none: whoever reads it gets no value instead.
    let is_text = if binary { TEXT.contains(&kind) } else { !NUMBERS.contains(&kind) };
    Some(if is_text { Form::Counted } else { Form::Sealed })
}

/// `name`, `text`, `unknown`, `bpchar`, `varchar`, `cstring`: whatever stands in them is of their
/// type, so a mask's text is too.
const ANY_TEXT: &[u32] = &[19, 25, 705, 1042, 1043, 2275];

/// Whether any text is of this type.
pub(crate) fn is_text(kind: u32) -> bool {
    ANY_TEXT.contains(&kind)
}

/// What stands for a value of a type in text, and in binary: zero, false, the beginning of 1970.
const BLANKS: &[(u32, &[u8], &[u8])] = &[
    (16, b"f", &[0]),
    (17, b"\\x", b""),
    (20, b"0", &[0; 8]),
    (21, b"0", &[0; 2]),
    (23, b"0", &[0; 4]),
    (26, b"0", &[0; 4]),
    (114, b"null", b"null"),
    (700, b"0", &[0; 4]),
    (701, b"0", &[0; 8]),
    (790, b"0", &[0; 8]),
    // Dates count days, and times microseconds, from the beginning of 2000.
    (1082, b"1970-01-01", &(-10_957_i32).to_be_bytes()),
    (1083, b"00:00:00", &[0; 8]),
    (1114, b"1970-01-01 00:00:00", &(-946_684_800_000_000_i64).to_be_bytes()),
    (1184, b"1970-01-01 00:00:00+00", &(-946_684_800_000_000_i64).to_be_bytes()),
    (1186, b"00:00:00", &[0; 16]),
    (1700, b"0", &[0; 8]),
    (2950, b"00000000-0000-0000-0000-000000000000", &[0; 16]),
    (3802, b"null", b"\x01null"),
];

/// What stands for a value of this type; nothing but no value does for others.
pub(crate) fn blank(kind: u32, binary: bool) -> Option<&'static [u8]> {
    let found = BLANKS.iter().find(|(known, ..)| *known == kind);
    found.map(|(_, text, bytes)| if binary { *bytes } else { *text })
}

/// `jsonb`, whose binary form begins with a version.
const JSONB: u32 = 3802;

/// A number in binary, in digits; nothing for other types.
pub(crate) fn number(kind: u32, value: &[u8]) -> Option<String> {
    Some(match (kind, value) {
        (16, [byte]) => if *byte == 0 { "f" } else { "t" }.to_owned(),
        (20, _) => i64::from_be_bytes(value.try_into().ok()?).to_string(),
        (21, _) => i16::from_be_bytes(value.try_into().ok()?).to_string(),
        (23, _) => i32::from_be_bytes(value.try_into().ok()?).to_string(),
        (26, _) => u32::from_be_bytes(value.try_into().ok()?).to_string(),
        (700, _) => f32::from_be_bytes(value.try_into().ok()?).to_string(),
        (701, _) => f64::from_be_bytes(value.try_into().ok()?).to_string(),
        _ => return None,
    })
}

/// The text of a value in binary, when it is one.
pub(crate) fn text(kind: u32, value: &[u8]) -> Option<&[u8]> {
    match kind {
        JSONB => value.get(1..),
        _ => TEXT.contains(&kind).then_some(value),
    }
}
