//! What somebody else wrote cannot do anything to a terminal.

use crate::commands::events::summary;
use crate::terminal::safe;

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(safe(text), expected);
}

#[test]
fn controls_are_shown() {
    check("plain ünïcode ✓", "plain ünïcode ✓");
    check("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}");
    check("one\ntwo\ttab\r", "one\\ntwo\\ttab\\r");
    check("c1 \u{9b}31m", "c1 \\u{9b}31m");
    check("del \u{7f}", "del \\u{7f}");
    check("turned \u{202e}txt.exe", "turned \\u{202e}txt.exe");
    check("invisible \u{200b}\u{feff}\u{e0041}", "invisible \\u{200b}\\u{feff}\\u{e0041}");
}

#[test]
fn a_line_that_is_no_event_is_shown_safely() {
    let shown = summary(b"\x1b]0;evil\x07");
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{7}'), "{shown:?}");
}
