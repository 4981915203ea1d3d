//! The difference between two documents, as `diff -u` writes it, coloured on a terminal.

use std::io::{self, IsTerminal as _};

use similar::TextDiff;

use crate::terminal::safe;

/// How many lines around a change are shown.
const CONTEXT: usize = 3;

const BOLD: &str = "\u{1b}[1m";
const RED: &str = "\u{1b}[31m";
const GREEN: &str = "\u{1b}[32m";
const CYAN: &str = "\u{1b}[36m";
const PLAIN: &str = "\u{1b}[0m";

/// One of two documents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side<'a> {
    /// What it is called in the head of the difference.
    pub(crate) name: &'a str,
    /// Its text.
    pub(crate) text: &'a str,
}

/// The difference; empty when there is none.
pub(crate) fn unified(before: Side<'_>, after: Side<'_>) -> String {
    let diff = TextDiff::from_lines(before.text, after.text);
    diff.unified_diff().context_radius(CONTEXT).header(before.name, after.name).to_string()
}

/// The difference for where standard output goes: a terminal gets colours, and what could do
/// something to it is shown instead; anything else gets the exact text.
pub(crate) fn shown(before: Side<'_>, after: Side<'_>) -> String {
    let text = unified(before, after);
    if !io::stdout().is_terminal() {
        return text;
    }
    // https://no-color.org
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    coloured(&text, !plain)
}

/// A difference for a terminal.
pub(crate) fn coloured(diff: &str, with_colours: bool) -> String {
    let mut text = String::with_capacity(diff.len() * 2);
    for line in diff.lines() {
        let colour = match line.as_bytes() {
            [b'-', b'-', b'-', b' ', ..] | [b'+', b'+', b'+', b' ', ..] => BOLD,
            [b'@', b'@', ..] => CYAN,
            [b'-', ..] => RED,
            [b'+', ..] => GREEN,
            _ => "",
        };
        let (before, after) =
            if with_colours && !colour.is_empty() { (colour, PLAIN) } else { ("", "") };
        text.extend([before, &safe(line), after, "\n"]);
    }
    text
}
