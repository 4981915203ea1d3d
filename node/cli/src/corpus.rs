//! A labelled corpus: files, and where in them there is what. What masking leaves of that, and what
//! it takes beside it, in bytes.

use std::collections::BTreeMap;

use node_enforce::mask::Finding;
use serde::Serialize;

/// One label: on this line of this file there is this value. Without a value the file is said to
/// have none.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) path: String,
    /// From 1.
    pub(crate) line: usize,
    pub(crate) value: String,
    pub(crate) label: String,
}

/// What came of a label's values, or of a detector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Measured {
    /// Values that are labelled so.
    pub(crate) values: u64,
    /// Of these, such of which nothing is left but a public prefix.
    pub(crate) hidden: u64,
    /// Bytes of values that are left, public prefixes apart.
    pub(crate) leaked: u64,
    /// Bytes that the detector took, and that are in no value.
    pub(crate) over_masked: u64,
}

impl Measured {
    fn add(&mut self, more: Self) {
        self.values += more.values;
        self.hidden += more.hidden;
        self.leaked += more.leaked;
        self.over_masked += more.over_masked;
    }
}

/// What came of all files, by label and by detector.
#[derive(Default)]
pub(crate) struct Measures {
    pub(crate) bytes: u64,
    pub(crate) by_name: BTreeMap<String, Measured>,
}

impl Measures {
    pub(crate) fn all(&self) -> Measured {
        let mut all = Measured::default();
        self.by_name.values().for_each(|one| all.add(*one));
        all
    }

    /// Takes a file, its labels, and what was found in it. Masks must keep each byte's place.
    ///
    /// # Errors
    /// The label whose value is not on its line.
    pub(crate) fn take<'a>(
        &mut self,
        text: &[u8],
        labels: &[&'a Label],
        findings: &[Finding],
    ) -> Result<(), &'a Label> {
        self.bytes += text.len() as u64;
        let lines = line_begins(text);
        let mut true_bytes = vec![false; text.len()];
        let found: Vec<_> = findings.iter().filter_map(range).collect();
        for label in labels.iter().filter(|label| !label.value.is_empty()) {
            let line = label.line.checked_sub(1).and_then(|at| lines.get(at)).ok_or(*label)?;
            let value = label.value.as_bytes();
            // A value may go on over lines.
            let rest = &text[*line..];
            let within = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let at = memchr::memmem::find(rest, value).filter(|at| *at <= within).ok_or(*label)?;
            let (start, end) = (line + at, line + at + value.len());
            true_bytes[start..end].fill(true);
            let measured = self.by_name.entry(label.label.clone()).or_default();
            measured.add(of_value(start, end, &found));
        }
        for (finding, (start, end)) in findings.iter().zip(&found) {
            let within = true_bytes.get(*start..*end).unwrap_or_default();
            let over = within.iter().filter(|is_true| !**is_true).count() as u64;
            let measured = self.by_name.entry(finding.detector.to_string()).or_default();
            measured.over_masked += over;
        }
        Ok(())
    }
}

/// What is left of the value at a place.
fn of_value(start: usize, end: usize, found: &[(usize, usize)]) -> Measured {
    let overlaps = found.iter().filter(|(from, to)| *from < end && *to > start);
    // What stands before the first byte that is masked is a public prefix.
    let shown = overlaps.clone().map(|(from, _)| from.saturating_sub(start)).min();
    let masked = |at: usize| overlaps.clone().any(|(from, to)| (*from..*to).contains(&at));
    let from = shown.map_or(start, |shown| start + shown);
    let leaked = (from..end).filter(|at| !masked(*at)).count() as u64;
    Measured { values: 1, hidden: u64::from(leaked == 0), leaked, over_masked: 0 }
}

fn range(finding: &Finding) -> Option<(usize, usize)> {
    let start = usize::try_from(finding.offset).ok()?;
    Some((start, start.checked_add(usize::try_from(finding.length).ok()?)?))
}

fn line_begins(text: &[u8]) -> Vec<usize> {
    let behind = memchr::memchr_iter(b'\n', text).map(|at| at + 1);
    std::iter::once(0).chain(behind).collect()
}

/// Reads labels: CSV (RFC 4180) whose first line names the columns path, line, value and label.
///
/// # Errors
/// The number of the row that is wrong, from 1, and why.
pub(crate) fn labels(csv: &str) -> Result<Vec<Label>, (usize, String)> {
    let mut rows = rows(csv);
    let header = rows.next().unwrap_or_default();
    let column = |name: &str| {
        let at = header.iter().position(|column| column.trim() == name);
        at.ok_or_else(|| (1, format!("there is no column {name:?}")))
    };
    let [path, line, value, label] =
        [column("path")?, column("line")?, column("value")?, column("label")?];
    rows.enumerate()
        .map(|(index, row)| {
            let number = index + 2;
            let cell = |at: usize| row.get(at).cloned().unwrap_or_default();
            let text = cell(line);
            let value = cell(value);
            let line = match text.trim().parse() {
                Ok(line) => line,
                Err(_) if value.is_empty() => 0,
                Err(_) => return Err((number, format!("{text:?} is no line"))),
            };
            Ok(Label { path: cell(path), line, value, label: cell(label) })
        })
        .collect()
}

/// Rows of CSV, each its cells; empty lines are none.
fn rows(csv: &str) -> impl Iterator<Item = Vec<String>> {
    let mut letters = csv.chars().peekable();
    std::iter::from_fn(move || {
        while letters.next_if(|it| matches!(it, '\r' | '\n')).is_some() {}
        letters.peek()?;
        let (mut row, mut cell, mut quoted) = (Vec::new(), String::new(), false);
        while let Some(letter) = letters.next() {
            match letter {
                '"' if quoted && letters.next_if_eq(&'"').is_some() => cell.push('"'),
                '"' => quoted = !quoted,
                ',' if !quoted => row.push(std::mem::take(&mut cell)),
                '\n' if !quoted => break,
                '\r' if !quoted => {}
                _ => cell.push(letter),
            }
        }
        row.push(cell);
        Some(row)
    })
}
