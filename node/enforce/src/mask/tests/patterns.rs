//! User patterns: within a line, within a window, at any split.

use super::*;

fn with(source: &str) -> Arc<MaskPlan> {
    plan(&[rule("p", vec![Detect::Pattern(source.to_owned())], Action::Redact)], &[])
}

#[test]
fn within_a_line() {
    for (source, input, expected) in [
        (r"EMP-\d{6}", "EMP-12345 EMP-1234567 xEMP-654321", "EMP-12345 **********7 x**********"),
        (r"\bEMP\d+\b", "EMP1 xEMP2 EMP3x EMP4", "**** xEMP2 EMP3x ****"),
        (r"^a.*z$", "a1z\nba2z\na3z\r\na4zb", "***\nba2z\n***\r\na4zb"),
        (r"a\s+b", "a b a\nb a\rb", "*** a\nb a\rb"),
        (r"straße|é+", "die straße, éé", "die *******, ****"),
        (r"\bä\w+\b", "ab äbc xäbc ä", "ab **** xäbc ä"),
        (r"a*", "baab", "b**b"),
        (r"ab|abcd|b", "abcd b", "**cd *"),
        (r"a.*?c|ab", "abab abxc", "*********"),
    ] {
        check(&with(source), input, expected);
    }
}

/// The output of the whole, which every chunk size must give.
fn any_chunks(plan: &Arc<MaskPlan>, input: &[u8]) -> String {
    let whole = feed(plan, [input]);
    for size in [7, 100, 4095, 4096, 4097] {
        assert_eq!(feed(plan, input.chunks(size)), whole, "chunks of {size}");
    }
    text(&whole.0)
}

#[test]
fn in_lines_longer_than_the_window() {
    let long = "x ".repeat(5000);
    let masked = any_chunks(&with(r"\bEMP-\d{6}\b"), format!("{long}EMP-123456 {long}").as_bytes());
    assert_eq!(masked, format!("{long}********** {long}"));
    let masked = any_chunks(&with("^x|x$"), format!("{long}x\nx").as_bytes());
    assert_eq!(masked, format!("*{}*\n*", &long[1..]));
    // A candidate longer than the window masks the rest of its line.
    let masked = any_chunks(&with("key=.*;"), format!("a key={long}\nb key=1").as_bytes());
    assert_eq!(masked, format!("a {}\nb key=1", stars(4 + long.len())));
    let masked = any_chunks(&with(r"\bü.*\b"), format!("ü{long}ü\nb").as_bytes());
    assert!(masked.starts_with(&stars(4000)) && masked.ends_with("\nb"));
}

#[test]
fn a_prompt_is_not_held() {
    let mut masker = Masker::new(with(r"EMP-\d{6}"));
    let window = masker.feed(Raw::new(b"Number EMP-: "));
    assert_eq!(text(window.client.bytes()), "Number EMP-: ");
    let window = masker.feed(Raw::new(b"EMP-12"));
    assert_eq!((text(window.client.bytes()), masker.held()), (String::new(), 6));
}
