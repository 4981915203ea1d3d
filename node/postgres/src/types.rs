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
