//! Sizes: files, functions, lines. What is over a limit is on a list with a reason, or fails.

use super::Finding;
use super::exceptions::{Exception, LONG_FILES, LONG_FUNCTIONS, WIDE_LINES, judge};
use super::rust::{blank, functions};
use super::sources::Source;

/// Lines of a file without tests.
pub const FILE_LIMIT: usize = 500;
/// Lines of a function.
pub const FUNCTION_LIMIT: usize = 70;
/// Characters of a line.
pub const WIDTH_LIMIT: usize = 100;

/// Files that are too long and not on the list, and listed ones that no longer are.
#[must_use]
pub fn long_files(sources: &[Source]) -> Vec<Finding> {
    long_files_but(sources, LONG_FILES)
}

pub(super) fn long_files_but(sources: &[Source], listed: &[Exception]) -> Vec<Finding> {
    let rust = sources.iter().filter(|source| source.is_rust() && !source.is_test());
    let long = rust.filter_map(|source| {
        let lines = source.text.lines().count();
        let what = format!("{lines} lines; a file stops at {FILE_LIMIT}: split it");
        (lines > FILE_LIMIT).then(|| Finding::whole(&source.path, what))
    });
    judge(long.collect(), listed)
}

/// Functions that are too long and not on the list, and listed ones that no longer are.
#[must_use]
pub fn long_functions(sources: &[Source]) -> Vec<Finding> {
    long_functions_but(sources, LONG_FUNCTIONS)
}

pub(super) fn long_functions_but(sources: &[Source], listed: &[Exception]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        for function in functions(&blank(&source.text)) {
            if function.lines > FUNCTION_LIMIT {
                let (name, lines) = (&function.name, function.lines);
                let what = format!("fn {name} has {lines} lines; it stops at {FUNCTION_LIMIT}");
                findings.push(Finding::at(&source.path, function.line, what));
            }
        }
    }
    judge(findings, listed)
}

/// Lines that are too wide, tables of tests excepted: there a case is a line.
#[must_use]
pub fn wide_lines(sources: &[Source]) -> Vec<Finding> {
    wide_lines_but(sources, WIDE_LINES)
}

pub(super) fn wide_lines_but(sources: &[Source], listed: &[Exception]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust() && !source.is_test()) {
        for (index, line) in source.text.lines().enumerate() {
            let width = line.chars().count();
            if width > WIDTH_LIMIT {
                let what = format!("{width} characters wide; a line stops at {WIDTH_LIMIT}");
                findings.push(Finding::at(&source.path, index + 1, what));
            }
        }
    }
    judge(findings, listed)
}
