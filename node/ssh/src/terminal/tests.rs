//! The terminal, told in conversations, and what it may be asked for.
//!
//! In a conversation `>` is what happens and `<` what is done then. `keys TEXT` come from the
//! client, `shows TEXT` from the target, `waits MS` is time, `allowed` and `refused` are verdicts.
//! In texts `\n`, `\r`, `\e`, `\b`, `\t`, `\d` (delete) and `\^X` (Ctrl-X) are single bytes. Done
//! are `types TEXT`, `judges SEEN`, `waits N` (until then, in milliseconds) and `submits KEY`.

use std::time::Duration;

use node_enforce::terminal::{Doubt, Seen};
use russh::Pty;

use super::screen::Screen;
use super::{Request, Step, Terminal, Window};

fn text(written: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = written.chars();
    let push = |bytes: &mut Vec<u8>, one: char| {
        bytes.extend_from_slice(one.encode_utf8(&mut [0; 4]).as_bytes());
    };
    while let Some(one) = rest.next() {
        if one != '\\' {
            push(&mut bytes, one);
            continue;
        }
        match rest.next().expect("something behind \\") {
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            'e' => bytes.push(0x1b),
            'b' => bytes.push(0x08),
            't' => bytes.push(b'\t'),
            'd' => bytes.push(0x7f),
            '^' => bytes.push(rest.next().expect("a letter") as u8 & 0x1f),
            other => push(&mut bytes, other),
        }
    }
    bytes
}

fn shown(bytes: &[u8]) -> String {
    let mut said = String::new();
    for one in String::from_utf8_lossy(bytes).chars() {
        match one {
            '\n' => said.push_str("\\n"),
            '\r' => said.push_str("\\r"),
            '\u{1b}' => said.push_str("\\e"),
            '\u{7f}' => said.push_str("\\d"),
            one if one.is_control() => said.push_str(&format!("\\^{}", (one as u8 | 0x40) as char)),
            one => said.push(one),
        }
    }
    said
}

/// What is judged, in words.
fn seen(bytes: &[u8]) -> String {
    let line = |seen: Seen<'_>| seen.encode() == bytes;
    let rest = bytes.get(2..).unwrap_or_default();
    let doubts = [
        (Doubt::Differs, "differs"),
        (Doubt::NoPrompt, "no prompt"),
        (Doubt::Unanswered, "unanswered"),
        (Doubt::TooLong, "too long"),
    ];
    let doubt = doubts.into_iter().find(|(doubt, _)| line(Seen::Unclear(rest, *doubt)));
    match doubt {
        _ if line(Seen::EchoOff) => "echo off".to_owned(),
        _ if line(Seen::FullScreen) => "full screen".to_owned(),
        _ if line(Seen::Line(rest)) => format!("line {}", shown(rest)).trim_end().to_owned(),
        Some((_, word)) => format!("{word} {}", shown(rest)).trim_end().to_owned(),
        None => panic!("{bytes:?}"),
    }
}

struct Stage {
    terminal: Terminal,
    now: Duration,
    done: Vec<String>,
}

impl Stage {
    fn new() -> Self {
        let window = Window::new(20, 4);
        Self { terminal: Terminal::new(window), now: Duration::from_secs(1), done: Vec::new() }
    }

    fn tell(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "keys" => self.terminal.keys(&text(rest)),
            "shows" => self.terminal.output(&text(rest), self.now),
            "waits" => self.now += Duration::from_millis(rest.parse().expect("milliseconds")),
            "allowed" => {
                let submit = self.terminal.allowed(self.now).expect("a line is judged");
                self.done.push(format!("submits {}", shown(&[submit.byte()])));
            }
            "refused" => {
                let typed = self.terminal.refused(self.now);
                self.done.push(format!("types {}", shown(typed.bytes())));
            }
            "size" => {
                let (columns, rows) = rest.split_once('x').expect("a size");
                let number = |text: &str| text.parse().expect("a number");
                self.terminal.resize(Window::new(number(columns), number(rows)));
            }
            _ => panic!("{line:?}"),
        }
        loop {
            match self.terminal.step(self.now) {
                Step::Type(typed) => self.done.push(format!("types {}", shown(typed.bytes()))),
                Step::Judge(bytes) => return self.done.push(format!("judges {}", seen(&bytes))),
                Step::Wait(until) => {
                    let wait = until.saturating_sub(self.now).as_millis();
                    return self.done.push(format!("waits {wait}"));
                }
                Step::Idle => return,
            }
        }
    }
}

/// Plays one conversation: what happens, and what is done then, each `; ` from the next.
#[track_caller]
fn play(conversation: &[(&str, &str)]) {
    let mut stage = Stage::new();
    for (told, expected) in conversation {
        stage.tell(told);
        let done = std::mem::take(&mut stage.done).join("; ");
        assert_eq!(done, *expected, "after {told:?} in {conversation:#?}");
    }
}

#[test]
fn a_line_is_judged_before_its_key_goes() {
    play(&[
        ("shows $ ", ""),
        ("keys l", "types l"),
        ("shows l", ""),
        ("keys s", "types s"),
        ("shows s", ""),
        ("keys \\r", "judges line ls"),
        // Nothing goes while it is judged.
        ("keys env\\r", ""),
        ("allowed", "submits \\r; waits 500"),
        ("shows \\r\\nfile\\r\\n$ ", "types env; waits 50"),
        ("shows env", "judges line env"),
        // What was typed behind it is forgotten with it.
        ("keys rm x\\r", ""),
        ("refused", "types \\^C"),
        // Keys wait for the prompt: a shell that is interrupted may lose some.
        ("shows ^C", ""),
        ("keys \\n", "waits 500"),
        ("shows \\r\\n$ ", "judges line"),
        ("allowed", "submits \\n"),
    ]);
}

#[test]
fn each_key_that_submits_is_waited_for() {
    for (key, said) in [("\\r", "\\r"), ("\\n", "\\n"), ("\\^O", "\\^O"), ("\\^D", "\\^D")] {
        let keys = format!("keys ab{key}");
        let submits = format!("submits {said}");
        play(&[
            ("shows $ ", ""),
            (&keys, "types ab; waits 50"),
            ("shows ab", "judges line ab"),
            ("allowed", &submits),
        ]);
    }
    // At the start of a line Ctrl-D ends a file.
    play(&[("shows $ ", ""), ("keys \\^D", "types \\^D"), ("keys x\\^C", "types x\\^C")]);
    play(&[("shows $ ", ""), ("keys \\^D\\^D", "types \\^D; types \\^D")]);
}

#[test]
fn editing_that_is_certain() {
    #[track_caller]
    fn check(keys: &str, shows: &str, judges: &str) {
        let keys = format!("keys {keys}");
        let shows = format!("shows {shows}");
        play(&[
            ("shows $ ", ""),
            (&keys, &format!("types {}", &keys[5..])),
            (&shows, ""),
            ("keys \\r", judges),
        ]);
    }
    check("lx\\ds", "lx\\b \\bs", "judges line ls");
    check("rm\\^Uls", "rm\\r$ \\e[Kls", "judges line ls");
    check("rm x\\^Cls", "rm x^C\\r\\n$ ls", "judges line ls");
    check("aé\\db", "aé\\b \\bb", "judges line ab");
    check("ls  ", "ls  ", "judges line ls");
    check(
        "a longer line than a row",
        "a longer line than a row",
        "judges line a longer line than a row",
    );
    check("\\e[200~ls\\e[201~", "\\e[7mls\\e[27m", "judges line ls");
}

#[test]
fn what_only_the_screen_knows() {
    // History: the line comes from the shell, and must be there for a while.
    play(&[
        ("shows $ ", ""),
        ("keys \\e[A", "types \\e[A"),
        ("shows env -i", ""),
        ("keys \\r", "waits 50"),
        ("waits 50", "judges line env -i"),
        ("refused", "types \\^C"),
    ]);
    // Completion.
    play(&[
        ("shows $ ", ""),
        ("keys ec\\t", "types ec\\^I"),
        ("shows echo ", ""),
        ("waits 60", ""),
        ("keys \\r", "judges line echo"),
    ]);
    // A key that the shell has not answered.
    play(&[
        ("shows $ ", ""),
        ("keys \\e[A\\r", "types \\e[A; waits 50"),
        ("waits 50", "judges unanswered"),
    ]);
    // A search through history.
    play(&[
        ("shows $ ", ""),
        ("keys \\^Rnv", "types \\^Rnv"),
        ("shows \\r\\e[K(reverse-i-search)`nv': env x", ""),
        ("waits 60", ""),
        ("keys \\r", "judges line env x"),
    ]);
    // A line of which the prompt has scrolled away.
    play(&[
        ("shows $ ", ""),
        ("keys \\e[A", "types \\e[A"),
        ("shows \\r\\nsomething else", ""),
        ("waits 60", ""),
        ("keys \\r", "judges no prompt something else"),
    ]);
}

#[test]
fn what_a_shell_puts_there_by_itself() {
    // After Ctrl-O the shell shows the next line by itself.
    play(&[
        ("shows $ ", ""),
        ("keys a", "types a"),
        ("shows a", ""),
        ("keys \\^O", "judges line a"),
        ("allowed", "submits \\^O"),
        ("shows \\r\\n$ env", ""),
        ("waits 60", ""),
        ("keys \\r", "judges line env"),
    ]);
    // Also behind a prompt that was not there before.
    play(&[
        ("shows $ ", ""),
        ("keys a", "types a"),
        ("shows a", ""),
        ("keys \\^O", "judges line a"),
        ("allowed", "submits \\^O"),
        ("shows \\r\\nother> env", ""),
        ("waits 60", ""),
        ("keys \\r", "judges no prompt other> env"),
    ]);
    // A shell puts a line there by itself, without any key.
    play(&[
        ("shows $ ", ""),
        ("keys a", "types a"),
        ("shows a", ""),
        ("keys \\r", "judges line a"),
        ("allowed", "submits \\r"),
        ("shows \\r\\n$ env", ""),
        ("keys \\r", "judges line env"),
    ]);
}

#[test]
fn what_is_not_shown() {
    let learnt = [
        ("shows $ ", ""),
        ("keys sudo id", "types sudo id"),
        ("shows sudo id", ""),
        ("keys \\r", "judges line sudo id"),
        ("allowed", "submits \\r"),
    ];
    // A password is neither judged nor kept.
    let password = [
        ("shows \\r\\nPassword: ", ""),
        ("keys hunter2\\r", "types hunter2; waits 50"),
        ("waits 50", "judges echo off"),
    ];
    play(&[&learnt[..], &password].concat());
    // One that is shown as stars neither.
    let stars = [
        ("shows \\r\\nPassword: ", ""),
        ("keys hunter2", "types hunter2"),
        ("shows *******", ""),
        ("keys \\r", "waits 50"),
        ("waits 50", "judges differs Password: *******"),
    ];
    play(&[&learnt[..], &stars].concat());
    // Behind the shell's own prompt it is a command, whatever is shown of it.
    let hidden = [
        ("shows \\r\\n$ ", ""),
        ("keys env\\r", "types env; waits 50"),
        ("waits 50", "judges unanswered env"),
    ];
    play(&[&learnt[..], &hidden].concat());
    let partly = [
        ("shows \\r\\n$ ", ""),
        ("keys env", "types env"),
        ("shows e", ""),
        ("keys \\r", "waits 50"),
        ("waits 50", "judges differs e\\nenv"),
    ];
    play(&[&learnt[..], &partly].concat());
    // The first thing in a session, behind what may ask for a password.
    play(&[
        ("shows Password: ", ""),
        ("keys hunter2\\r", "types hunter2; waits 50"),
        ("waits 50", "judges echo off"),
    ]);
}

#[test]
fn keys_wait_for_an_answer_to_the_line_before() {
    play(&[
        ("shows $ ", ""),
        ("keys a\\renv\\r", "types a; waits 50"),
        ("shows a", "judges line a"),
        ("allowed", "submits \\r; waits 500"),
        ("waits 100", "waits 400"),
        ("shows \\r\\n$ ", "types env; waits 50"),
        ("shows env", "judges line env"),
        ("allowed", "submits \\r"),
        ("keys x", "waits 500"),
        ("waits 500", "types x"),
    ]);
}

#[test]
fn a_busy_machine_has_longer_to_show_a_prompt() {
    play(&[
        ("shows $ ", ""),
        ("keys a\\renv\\r", "types a; waits 50"),
        ("shows a", "judges line a"),
        ("allowed", "submits \\r; waits 500"),
        ("shows \\r\\n", "types env; waits 500"),
        ("waits 300", "waits 200"),
        ("shows $ ", "waits 50"),
        ("shows env", "judges line env"),
    ]);
}

#[test]
fn a_full_screen_program_is_noted_once() {
    play(&[
        ("shows $ ", ""),
        ("keys vi", "types vi"),
        ("shows vi", ""),
        ("keys \\r", "judges line vi"),
        ("allowed", "submits \\r"),
        ("shows \\r\\n\\e[?1049h~", ""),
        ("keys ihello\\r", "types ihello; judges full screen"),
        ("allowed", "submits \\r"),
        ("shows x", ""),
        // What follows may be for a shell, if the program ends.
        ("keys more\\r\\n", "types more; types \\r; waits 500"),
        ("shows x", "types \\n"),
        ("waits 500", ""),
        (
            "keys \\e[200~a\\rb\\r\\e[201~",
            "types \\e[200~a; types \\r; types b; types \\r; types \\e[201~",
        ),
        ("keys q", "types q"),
        ("shows \\e[?1049l$ ", ""),
        ("keys ls", "types ls"),
        ("shows ls", ""),
        ("keys \\r", "judges line ls"),
        ("allowed", "submits \\r"),
        // Another one is noted again, also when nothing was typed in between.
        ("shows \\e[?1049h", ""),
        ("keys \\r", "judges full screen"),
        ("allowed", "submits \\r"),
        ("shows \\e[?1049l", ""),
        ("shows \\e[?1049h", ""),
        ("keys \\r", "judges full screen"),
    ]);
    // Also when one ends and the other begins in one piece.
    play(&[
        ("shows $ \\e[?1049h", ""),
        ("keys \\r", "judges full screen"),
        ("allowed", "submits \\r"),
        ("shows x\\e[?1049l\\e[?1049h", ""),
        ("keys \\r", "judges full screen"),
    ]);
    // A line that was judged before the screen filled notes nothing.
    play(&[
        ("shows $ ", ""),
        ("keys vi", "types vi"),
        ("shows vi", ""),
        ("keys \\r", "judges line vi"),
        ("shows \\e[?1049h", ""),
        ("allowed", "submits \\r"),
        ("shows ~", ""),
        ("keys \\r", "judges full screen"),
    ]);
}

#[test]
fn what_a_program_took_is_no_part_of_the_next_line() {
    play(&[
        ("shows $ ", ""),
        ("keys less", "types less"),
        ("shows less", ""),
        ("keys \\r", "judges line less"),
        ("allowed", "submits \\r"),
        ("shows \\r\\ntext\\r\\n:", ""),
        ("keys q", "types q"),
        ("shows \\r\\e[K$ ", ""),
        ("keys ls", "types ls"),
        ("shows ls", ""),
        ("keys \\r", "judges line ls"),
    ]);
    // What a shell holds already is judged with what is typed behind it.
    play(&[
        ("shows $ ", ""),
        ("keys a", "types a"),
        ("shows a", ""),
        ("keys \\r", "judges line a"),
        ("allowed", "submits \\r"),
        ("shows \\r\\n$ env;", ""),
        ("keys ls", "types ls"),
        ("shows ls", ""),
        ("keys \\r", "judges differs env;ls\\nls"),
    ]);
}

#[test]
fn a_line_may_begin_with_blanks() {
    play(&[
        ("shows $ ", ""),
        ("keys a", "types a"),
        ("shows a", ""),
        ("keys \\r", "judges line a"),
        ("allowed", "submits \\r"),
        ("shows \\r\\n$ ", ""),
        ("keys  ", "types  "),
        ("shows  ", ""),
        ("keys ls", "types ls"),
        ("shows ls", ""),
        ("keys \\r", "judges line  ls"),
        ("allowed", "submits \\r"),
        // A blank that a program took is none of the next line.
        ("shows \\r\\n-- more --", ""),
        ("keys  ", "types  "),
        ("shows \\r\\e[K$ ", ""),
        ("keys ls", "types ls"),
        ("shows ls", ""),
        ("keys \\r", "judges line ls"),
    ]);
}

#[test]
fn characters_are_whole_wherever_output_is_cut() {
    for text in ["éAé", "é\rüx", "aé€é", "日a本b", "é\u{1b}[mA€", "🦀a🦀", "é\r\n$ ü"]
    {
        let shown = |pieces: &[&[u8]]| {
            let mut screen = Screen::new(Window::new(20, 4));
            pieces.iter().for_each(|piece| screen.show(piece));
            (screen.line(), screen.before_cursor())
        };
        let bytes = text.as_bytes();
        for at in 0..=bytes.len() {
            let (one, other) = bytes.split_at(at);
            assert_eq!(shown(&[one, other]), shown(&[bytes]), "{text} cut at {at}");
        }
    }
}

#[test]
fn windows_are_bounded() {
    #[track_caller]
    fn check(columns: u32, rows: u32, expected: (u16, u16)) {
        let Window { columns, rows } = Window::new(columns, rows);
        assert_eq!((columns.get(), rows.get()), expected);
    }
    check(80, 24, (80, 24));
    check(0, 0, (80, 24));
    check(1, 1, (1, 1));
    check(132, 0, (132, 24));
    check(u32::MAX, u32::MAX, (1000, 65));
    check(1000, 500, (1000, 65));
    check(100, 500, (100, 500));
    check(10, 70_000, (10, 500));
}

#[test]
fn a_terminal_that_is_asked_for() {
    let window = Window::new(80, 24);
    let kind = |kind: &str| Request::new(kind, window, &[]).map(|request| request.kind);
    assert_eq!(kind("xterm-256color").as_deref(), Some("xterm-256color"));
    assert_eq!(kind("").as_deref(), Some(""));
    assert_eq!(kind("../../x"), None);
    assert_eq!(kind("a b"), None);
    assert_eq!(kind("a\n"), None);
    assert_eq!(kind(&"x".repeat(65)), None);
    let modes = [(Pty::ECHO, 1), (Pty::VINTR, 3), (Pty::TTY_OP_END, 0), (Pty::ISIG, 1)];
    let kept = Request::new("x", window, &modes).expect("a terminal").modes;
    assert_eq!(kept, modes[..2]);
}

#[test]
fn a_screen_takes_anything_in_bounded_memory() {
    let mut terminal = Terminal::new(Window::new(20, 4));
    let mut state = 7_u32;
    for _ in 0..2_000 {
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            match state >> 29 {
                0 => 0x1b,
                1 => b'[',
                2 => b'0' + (state >> 16) as u8 % 10,
                _ => (state >> 16) as u8,
            }
        })
        .take(64)
        .collect();
        terminal.output(&bytes, Duration::ZERO);
        terminal.resize(Window::new(state >> 27, state >> 28));
        terminal.keys(&bytes);
        while let Step::Type(_) = terminal.step(Duration::ZERO) {}
        if let Step::Judge(_) = terminal.step(Duration::MAX / 2) {
            assert!(terminal.allowed(Duration::ZERO).is_some());
        }
    }
}
