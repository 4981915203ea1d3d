//! Text of people and targets on a page is text.

use crate::commands::audit::page::escape;

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(escape(text), expected);
}

#[test]
fn nothing_in_a_text_is_markup() {
    check("uname -a", "uname -a");
    check("<script>alert('x')</script>", "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;");
    check("\" onload=\"x", "&quot; onload=&quot;x");
    check("a && b", "a &amp;&amp; b");
    check("one\ntwo\tthree\r\n", "one\ntwo\tthree\n");
}

#[test]
fn control_characters_are_shown() {
    check("\u{1b}[31mred\u{7}", "\u{241b}[31mred\u{2407}");
    check("\0", "\u{2400}");
    check("safe\u{202e}txt.exe", "safe\u{fffd}txt.exe");
    check("a\u{200b}b\u{9b}c", "a\u{fffd}b\u{fffd}c");
}
