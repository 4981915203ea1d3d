//! What is wrong in a document, and where: every error has a line and a column.

use std::fmt;

use serde::de::DeserializeOwned;

use super::DOCUMENT_LIMIT;
use super::places::Place;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{}:{}: {what}", place.line, place.column)]
pub struct PolicyError {
    /// The document.
    pub file: String,
    /// Where in it.
    pub place: Place,
    /// What is wrong, and what was expected.
    pub what: String,
}

/// All that is wrong with a document, in its order; one to a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyErrors(pub Vec<PolicyError>);

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyErrors {}

/// Something that is allowed and probably not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The document.
    pub file: String,
    /// Where in it.
    pub place: Place,
    /// What it is.
    pub what: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.place.line, self.place.column, self.what)
    }
}

/// Reads a document of one form. What cannot be read at all gives one error.
pub(super) fn document<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, PolicyErrors> {
    let wrong =
        |place, what| Err(PolicyErrors(vec![PolicyError { file: file.to_owned(), place, what }]));
    if text.len() > DOCUMENT_LIMIT {
        let what = format!("the document has {} bytes, expected at most 1 MiB", text.len());
        return wrong(Place { line: 1, column: 1 }, what);
    }
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).or_else(|error| {
        let error = error.without_snippet();
        let place = error.location().map_or(Place { line: 1, column: 1 }, |location| Place {
            line: location.line().max(1),
            column: location.column().max(1),
        });
        wrong(place, explain(error))
    })
}

fn explain(error: &serde_saphyr::Error) -> String {
    use serde_saphyr::Error;
    match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            format!("there is no key `{}` here{}", cut(field), expected_one(field, expected))
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            format!("`{}` is not known here{}", cut(variant), expected_one(variant, expected))
        }
        Error::SerdeMissingField { field, .. } => format!("the key `{field}` is missing"),
        Error::SerdeInvalidType { unexpected, expected, .. }
        | Error::SerdeInvalidValue { unexpected, expected, .. } => {
            format!("found {}, expected {expected}", unexpected.replace("unit value", "nothing"))
        }
        Error::DuplicateMappingKey { key, .. } => match key {
            Some(key) => format!("the key `{}` stands here twice", cut(key)),
            None => "a key stands here twice".to_owned(),
        },
        Error::NullIntoString { .. } => "found nothing, expected a text".to_owned(),
        Error::InvalidScalar { ty, .. } => match *ty {
            "u8" => "expected a whole number from 0 to 255".to_owned(),
            "u64" => "expected a whole number".to_owned(),
            other => format!("expected {other}"),
        },
        Error::Unexpected { expected: "mapping start", .. } => "expected a map".to_owned(),
        Error::Unexpected { expected: "sequence start", .. } => "expected a list".to_owned(),
        other => {
            let text = other.to_string();
            text.split(" at line ")
                .next()
                .unwrap_or_default()
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned()
        }
    }
}

/// Names what was expected, the nearest one first.
pub(super) fn expected_one(written: &str, known: &[&str]) -> String {
    if known.is_empty() {
        return ", expected nothing".to_owned();
    }
    let list = known.join(", ");
    match nearest(written, known) {
        Some(near) => format!(", did you mean `{near}`? expected one of: {list}"),
        None => format!(", expected one of: {list}"),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}

fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let written: String = written.chars().take(64).collect();
    let best = known.iter().map(|name| (distance(&written, name), *name)).min()?;
    (best.0 <= 1 + best.1.len() / 3).then_some(best.1)
}

/// How many letters differ (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, a) in one.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, b) in other.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}
