//! Masks of columns: what is written must surely mean columns, or a column stays readable that
//! somebody believes to be masked.

use globset::Glob;

use super::check::Checker;
use super::parts::{ColumnMask, Derived, Predicates};
use super::places::At;
use super::{PATTERN_LIMIT, raw};
use crate::mask::Action;

/// Compiles the columns of a mask; nothing when it is about none.
pub(super) fn compile(
    raw: &raw::Mask,
    action: &Action,
    checker: &mut Checker<'_>,
) -> Option<ColumnMask> {
    let derived = raw.derived.as_ref().and_then(|word| checker.word(word, Derived::ALL));
    let predicates = raw.predicates.as_ref().and_then(|word| checker.word(word, Predicates::ALL));
    if raw.columns.is_empty() {
        for (key, written) in [("derived", &raw.derived), ("predicates", &raw.predicates)] {
            if let Some(written) = written {
                checker.error(written.place, format!("`{key}` is only for masks of `columns`"));
            }
        }
        return None;
    }
    if *action == Action::None {
        checker.error(raw.with.place, "`none` does not mask a column, expected another word");
    }
    let columns = raw.columns.iter().filter_map(|written| column(written, checker)).collect();
    Some(ColumnMask {
        name: raw.name.value.as_str().into(),
        columns,
        action: action.clone(),
        derived: derived.unwrap_or(Derived::Null),
        predicates: predicates.unwrap_or(Predicates::Allow),
    })
}

fn column(written: &At<String>, checker: &mut Checker<'_>) -> Option<String> {
    let text = written.value.as_str();
    if text.len() > PATTERN_LIMIT {
        checker.error(written.place, format!("a pattern has at most {PATTERN_LIMIT} bytes"));
        return None;
    }
    if let Some(tag) = text.strip_prefix("tag:") {
        let is_tag = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if tag.is_empty() || !tag.bytes().all(is_tag) {
            checker.error(written.place, format!("found `{text}`, expected a tag such as tag:pii"));
            return None;
        }
        return Some(text.to_owned());
    }
    let parts: Vec<&str> = text.split('.').collect();
    if parts.len() != 3 || parts.iter().any(|part| part.is_empty()) {
        let expected = "schema.table.column or tag:NAME";
        checker.error(written.place, format!("found `{text}`, expected {expected}"));
        return None;
    }
    for part in parts {
        if let Err(error) = Glob::new(part) {
            checker.error(written.place, format!("not a pattern: {}", error.kind()));
            return None;
        }
    }
    Some(text.to_owned())
}
