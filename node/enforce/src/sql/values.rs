//! Parameters as they are shown: by their types, as far as those were said. A value in binary is
//! turned into text before it is masked, so that what a number or a text shows is looked at as
//! what it shows; of which type nothing is known is shown byte by byte.

use std::sync::Arc;

use super::command::{Bind, quoted};
use crate::mask::{MaskPlan, Raw, mask_text};
use crate::reader::Shown;

/// How many parameters are shown.
const SHOWN_LIMIT: usize = 256;
/// How many bytes of a parameter are shown.
const VALUE_LIMIT: usize = 4096;
/// How many bytes of a binary parameter are shown.
const BINARY_LIMIT: usize = 64;

/// Types by their numbers in `pg_type`, which are the same in every database, and how their values
/// are in binary (PostgreSQL's `…send` functions).
const TYPES: &[(u32, &str, Form)] = &[
    (16, "bool", Form::Bool),
    (17, "bytea", Form::Bytes),
    (18, "char", Form::Text),
    (19, "name", Form::Text),
    (20, "int8", Form::Integer),
    (21, "int2", Form::Integer),
    (23, "int4", Form::Integer),
    (25, "text", Form::Text),
    (26, "oid", Form::Unsigned),
    (114, "json", Form::Text),
    (142, "xml", Form::Text),
    (700, "float4", Form::Float),
    (701, "float8", Form::Float),
    (1000, "bool[]", Form::Bytes),
    (1005, "int2[]", Form::Bytes),
    (1007, "int4[]", Form::Bytes),
    (1009, "text[]", Form::Bytes),
    (1015, "varchar[]", Form::Bytes),
    (1016, "int8[]", Form::Bytes),
    (1042, "bpchar", Form::Text),
    (1043, "varchar", Form::Text),
    (1082, "date", Form::Bytes),
    (1083, "time", Form::Bytes),
    (1114, "timestamp", Form::Bytes),
    (1184, "timestamptz", Form::Bytes),
    (1186, "interval", Form::Bytes),
    (1700, "numeric", Form::Bytes),
    (2950, "uuid", Form::Uuid),
    (3802, "jsonb", Form::Versioned),
];

/// How a value is in binary.
#[derive(Clone, Copy)]
enum Form {
    Bool,
    Integer,
    Unsigned,
    Float,
    Uuid,
    /// Its text.
    Text,
    /// Its text behind the byte 1.
    Versioned,
    /// Otherwise.
    Bytes,
}

/// Adds a line for each parameter: `$1 = '42'::int4`.
pub(super) fn show(plan: &Arc<MaskPlan>, bind: &Bind<'_>, types: &[u32], shown: &mut Shown) {
    for (at, value) in bind.values.iter().take(SHOWN_LIMIT).enumerate() {
        let number = types.get(at).copied().filter(|number| *number != 0);
        let known = number.and_then(|number| TYPES.iter().find(|(one, ..)| *one == number));
        let (line, more) = match value {
            None => ("null".to_owned(), String::new()),
            Some(value) if bind.is_binary(at) => {
                match known.and_then(|(_, _, form)| form.text(value)) {
                    Some(text) => self::text(plan, text.as_bytes(), shown),
                    None => binary(plan, value, shown),
                }
            }
            Some(value) => text(plan, value, shown),
        };
        let of_type = match (known, number) {
            (Some((_, name, _)), _) => format!("::{name}"),
            (None, Some(number)) => format!("::type {number}"),
            (None, None) => String::new(),
        };
        shown.text.push_str(&format!("\n${} = {line}{of_type}{more}", at + 1));
    }
    let more = bind.values.len().saturating_sub(SHOWN_LIMIT);
    if more > 0 {
        shown.exact = false;
        shown.text.push_str(&format!("\n-- and {more} more parameters"));
    }
}

impl Form {
    /// A value as text; nothing when it is not as long as its type says, or not text.
    fn text(self, value: &[u8]) -> Option<String> {
        match self {
            Self::Bool => match value {
                [0] => Some("f".to_owned()),
                [1] => Some("t".to_owned()),
                _ => None,
            },
            Self::Integer => match value.len() {
                2 => Some(i16::from_be_bytes(value.try_into().ok()?).to_string()),
                4 => Some(i32::from_be_bytes(value.try_into().ok()?).to_string()),
                8 => Some(i64::from_be_bytes(value.try_into().ok()?).to_string()),
                _ => None,
            },
            Self::Unsigned => Some(u32::from_be_bytes(value.try_into().ok()?).to_string()),
            Self::Float => match value.len() {
                4 => Some(f32::from_be_bytes(value.try_into().ok()?).to_string()),
                8 => Some(f64::from_be_bytes(value.try_into().ok()?).to_string()),
                _ => None,
            },
            Self::Uuid => {
                let number = u128::from_be_bytes(value.try_into().ok()?);
                let digits = format!("{number:032x}");
                let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20]];
                Some(format!("{}-{}", parts.join("-"), &digits[20..]))
            }
            Self::Text => String::from_utf8(value.to_vec()).ok(),
            Self::Versioned => match value.split_first() {
                Some((1, text)) => String::from_utf8(text.to_vec()).ok(),
                _ => None,
            },
            Self::Bytes => None,
        }
    }
}

/// A text, masked and in quotes, and what is left out of it; what is none, byte by byte.
fn text(plan: &Arc<MaskPlan>, value: &[u8], shown: &mut Shown) -> (String, String) {
    let (masked, findings) = mask_text(plan, Raw::new(value));
    let masked = masked.bytes();
    let Ok(text) = std::str::from_utf8(masked) else { return binary(plan, value, shown) };
    shown.exact &= findings.is_empty();
    shown.findings.extend(findings);
    let cut = &text[..text.floor_char_boundary(VALUE_LIMIT)];
    shown.exact &= cut.len() == text.len();
    (quoted(cut), more(cut.len(), text.len()))
}

fn binary(plan: &Arc<MaskPlan>, value: &[u8], shown: &mut Shown) -> (String, String) {
    let (masked, findings) = mask_text(plan, Raw::new(value));
    let masked = masked.bytes();
    shown.exact &= findings.is_empty();
    shown.findings.extend(findings);
    let cut = &masked[..masked.len().min(BINARY_LIMIT)];
    shown.exact &= cut.len() == masked.len();
    let mut line = "'\\x".to_owned();
    for byte in cut {
        line.push_str(&format!("{byte:02x}"));
    }
    line.push('\'');
    (line, more(cut.len(), masked.len()))
}

/// How long a text is of which not all is shown.
pub(super) fn more(shown: usize, length: usize) -> String {
    if shown < length { format!(" … {length} bytes") } else { String::new() }
}
