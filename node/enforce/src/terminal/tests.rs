//! What is read of a terminal, as a table.

use super::{DOUBTS, Doubt, Seen, decode, read_open, shown, text};

/// What is read, in short: programs, `!` and why it is unreadable, and what of a terminal it is.
fn said(bytes: &[u8]) -> String {
    let (reading, words) = read_open(bytes);
    assert_eq!(words.len(), reading.programs.len());
    let mut said: Vec<String> = reading.programs.into_iter().map(|one| one.name).collect();
    said.extend(reading.unreadable.map(|why| format!("! {why}")));
    said.push(format!("({:?})", reading.terminal.expect("of a terminal")));
    said.join(" ")
}

#[test]
fn what_is_read() {
    #[track_caller]
    fn check(seen: Seen<'_>, expected: &str) {
        let bytes = seen.encode();
        assert_eq!(decode(&bytes), seen, "comes back");
        assert_eq!(said(&bytes), expected, "{seen:?}");
    }
    let history = "! it takes words from earlier lines (Line)";
    check(Seen::Opening, "(Opening)");
    check(Seen::EchoOff, "(EchoOff)");
    check(Seen::FullScreen, "(FullScreen)");
    check(Seen::Line(b""), "(Line)");
    check(Seen::Line(b"ls -l"), "ls (Line)");
    check(Seen::Line(b"e\"\"nv"), "env (Line)");
    check(Seen::Line(b"ls\nenv"), "ls env (Line)");
    check(Seen::Line(b"!env"), &format!("!env {history}"));
    check(Seen::Line(b"!!"), &format!("!! {history}"));
    check(Seen::Line(b"echo \"a !e\""), &format!("echo {history}"));
    check(Seen::Line(b"echo 'a !e'"), "echo (Line)");
    check(Seen::Line(b"echo \\!e"), "echo (Line)");
    check(Seen::Line(b"! true"), "true (Line)");
    check(Seen::Line(b"[ a != b ]"), "[ (Line)");
    check(Seen::Line(b"echo hi !"), "echo (Line)");
    check(Seen::Line(b"echo it\"'\"s !e"), &format!("echo {history}"));
    check(Seen::Line(b"ls\n^ls^env"), &format!("ls ^ls^env {history}"));
    let differs = "env ! the screen does not show what was typed (Line)";
    check(Seen::Unclear(b"env", Doubt::Differs), differs);
    for (_, doubt, why) in DOUBTS {
        check(Seen::Unclear(b"ls", *doubt), &format!("ls ! {why} (Line)"));
    }
}

#[test]
fn bytes_of_no_such_form_are_judged_as_a_line() {
    #[track_caller]
    fn check(bytes: &[u8], expected: &str) {
        assert_eq!(said(bytes), expected, "{bytes:?}");
        assert_eq!(text(bytes), bytes);
        assert_eq!(shown(bytes), bytes);
    }
    check(b"env", "env (Line)");
    check(b"", "(Line)");
    check(b"OLenv", "OLenv (Line)");
    check(b"\0", "! it contains a NUL byte (Line)");
    check(b"\0Oenv", "! it contains a NUL byte (Line)");
    check(b"\0xenv", "! it contains a NUL byte (Line)");
}

#[test]
fn what_the_record_shows() {
    assert_eq!(shown(&Seen::Line(b"ls").encode()), b"ls");
    assert_eq!(text(&Seen::Line(b"ls").encode()), b"ls");
    for seen in [Seen::Opening, Seen::EchoOff, Seen::FullScreen] {
        assert!(shown(&seen.encode()).starts_with(b"# "));
        assert_eq!(text(&seen.encode()), b"");
    }
}
