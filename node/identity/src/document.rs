//! Reading a YAML document strictly, with the place of everything that is wrong with it.
//!
//! What breaks the document's form ends the reading at once; what is wrong with its content is
//! collected, so that one reading names all of it. A problem never repeats the value of a secret.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_saphyr::{Location, Spanned};

/// The largest document, in bytes.
pub const DOCUMENT_BYTES: usize = 4 * 1024 * 1024;

/// One thing that is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1, in characters.
    pub column: u64,
    /// What is wrong, and what was expected.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.what)
    }
}

/// All that is wrong with a document, in the order of its text; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Each of them.
    #[must_use]
    pub fn all(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Collects what is wrong with one file.
pub struct Findings<'a> {
    file: &'a str,
    found: Vec<Problem>,
}

impl<'a> Findings<'a> {
    /// Nothing found yet.
    #[must_use]
    pub fn new(file: &'a str) -> Self {
        Self { file, found: Vec::new() }
    }

    /// Notes what is wrong at a place.
    pub fn add(&mut self, at: Location, what: impl Into<String>) {
        let (line, column) = (at.line().max(1), at.column().max(1));
        self.found.push(Problem { file: self.file.to_owned(), line, column, what: what.into() });
    }

    /// Takes a checked value, or notes where and why it is wrong.
    pub fn check<T, V, E: fmt::Display>(
        &mut self,
        spanned: &Spanned<T>,
        checked: Result<V, E>,
    ) -> Option<V> {
        checked.map_err(|error| self.add(spanned.referenced, error.to_string())).ok()
    }

    /// The result, when nothing was found.
    ///
    /// # Errors
    /// [`Problems`] with all that was found, in the order of the text.
    pub fn finish<T>(self, result: T) -> Result<T, Problems> {
        if self.found.is_empty() { Ok(result) } else { Err(self.give_up()) }
    }

    /// What was found, when a part is missing because of it.
    #[must_use]
    pub fn give_up(mut self) -> Problems {
        self.found.sort_by_key(|problem| (problem.line, problem.column));
        Problems(self.found)
    }
}

/// Reads a document into its raw form.
///
/// # Errors
/// [`Problems`] with the one thing that breaks its form.
pub fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Problems> {
    let problem = |line: u64, column: u64, what: String| {
        Problems(vec![Problem { file: file.to_owned(), line, column, what }])
    };
    if text.len() > DOCUMENT_BYTES {
        let what = format!("{} bytes, expected at most {DOCUMENT_BYTES}", text.len());
        return Err(problem(1, 1, what));
    }
    let options = serde_saphyr::options! { with_snippet: false, reject_unsupported_tags: true };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
        problem(line.max(1), column.max(1), one_line(&error))
    })
}

/// The message alone, in our words: the place stands in front of it, a snippet might show a
/// neighbour, and what the library advises its users is of no use to those of a document.
fn one_line(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let first = text.lines().next().unwrap_or_default();
    let first = first.rfind(" at line ").map_or(first, |end| &first[..end]);
    if first.starts_with("multiple YAML documents") {
        return "a second document begins, expected one".to_owned();
    }
    if let Some(key) = first.strip_prefix("duplicate mapping key: ") {
        let key = key.split(',').next().unwrap_or_default();
        return format!("`{key}` is given twice, expected once");
    }
    match first {
        "expected sequence start" => "expected a list".to_owned(),
        "expected mapping start" => "expected a mapping such as { key: value }".to_owned(),
        "expected string scalar" => "expected text".to_owned(),
        other => other.to_owned(),
    }
}

/// Whether a text is spelt like an environment variable: `[A-Z_][A-Z0-9_]*`.
pub(crate) fn is_variable(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    first && name.bytes().all(fits)
}
