//! Differences between documents.

use crate::diff::{Side, coloured, unified};

#[track_caller]
fn check(before: &str, after: &str, expected: &str) {
    let (before, after) = (Side { name: "old", text: before }, Side { name: "new", text: after });
    assert_eq!(unified(before, after), expected);
}

#[test]
fn unified_differences() {
    check("a\nb\n", "a\nb\n", "");
    check("", "a\n", "--- old\n+++ new\n@@ -0,0 +1 @@\n+a\n");
    check("a\nb\nc\n", "a\nB\nc\n", "--- old\n+++ new\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n");
    check("a\n", "a", "--- old\n+++ new\n@@ -1 +1 @@\n-a\n+a\n\\ No newline at end of file\n");
    let far = (1..=9).map(|line| format!("{line}\n")).collect::<String>();
    check(
        &far,
        &far.replace('9', "nine"),
        "--- old\n+++ new\n@@ -6,4 +6,4 @@\n 6\n 7\n 8\n-9\n+nine\n",
    );
}

#[test]
fn a_terminal_gets_colours_and_nothing_else_that_acts() {
    let diff = "--- old\n+++ new\n@@ -1 +1 @@\n-a\u{1b}[2J\n+b\n c\n";
    assert_eq!(
        coloured(diff, true),
        "\u{1b}[1m--- old\u{1b}[0m\n\u{1b}[1m+++ new\u{1b}[0m\n\u{1b}[36m@@ -1 +1 @@\u{1b}[0m\n\
         \u{1b}[31m-a\\u{1b}[2J\u{1b}[0m\n\u{1b}[32m+b\u{1b}[0m\n c\n"
    );
    assert_eq!(coloured("-a\n+b\n", false), "-a\n+b\n");
}
