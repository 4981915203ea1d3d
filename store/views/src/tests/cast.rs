//! Asciicasts: exact lines, and that the program that plays them takes them.

use std::process::{Command, Stdio};

use proto::event::{Event, Outcome, Stream};
use proto::reading::Verdict;

use super::world::*;
use crate::{ReplayOptions, to_asciicast};

const OUT: Stream = Stream::Output;
const ERR: Stream = Stream::Errors;

fn options() -> ReplayOptions {
    ReplayOptions { title: "alice \"on\" web-1".to_owned(), carriage_returns: false }
}

/// The lines behind the header.
#[track_caller]
fn check(events: &[Event], expected: &[&str]) {
    check_with(&options(), events, expected);
}

#[track_caller]
fn check_with(options: &ReplayOptions, events: &[Event], expected: &[&str]) {
    let cast = to_asciicast(&replay(events), options);
    let lines: Vec<_> = cast.lines().skip(1).collect();
    assert_eq!(lines, expected);
    for line in cast.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("each line is JSON");
    }
}

fn out(at_ms: u64, offset: u64, bytes: &[u8]) -> Event {
    event(0, "a", window(1, OUT, at_ms, offset, bytes))
}

fn err(at_ms: u64, offset: u64, bytes: &[u8]) -> Event {
    event(0, "a", window(1, ERR, at_ms, offset, bytes))
}

#[test]
fn the_header() {
    let cast = to_asciicast(&replay(&[event(1500, "a", opened())]), &options());
    let header: serde_json::Value = serde_json::from_str(cast.lines().next().unwrap()).unwrap();
    let expected = serde_json::json!({
        "version": 2, "width": 80, "height": 24, "timestamp": START / 1_000_000 + 1,
        "title": "alice \"on\" web-1",
    });
    assert_eq!((header, cast.lines().count()), (expected, 1));
}

#[test]
fn output_in_time() {
    check(&[out(0, 0, b"a")], &[r#"[0.000, "o", "a"]"#]);
    check(&[out(61_005, 0, b"a\n")], &[r#"[61.005, "o", "a\n"]"#]);
    check(
        &[out(10, 0, b"one"), err(5, 0, b"two"), out(20, 3, b"\x1b[1m\"")],
        &[r#"[0.005, "o", "two"]"#, r#"[0.010, "o", "one"]"#, r#"[0.020, "o", "\u001b[1m\""]"#],
    );
}

#[test]
fn characters_split_over_frames_are_joined() {
    let euro = "€".as_bytes();
    check(
        &[out(1, 0, &euro[..1]), out(2, 1, &euro[1..2]), out(3, 2, &euro[2..])],
        &[r#"[0.003, "o", "€"]"#],
    );
    check(
        &[out(1, 0, b"a\xe2"), err(2, 0, b"e"), out(3, 2, b"\x82\xac!")],
        &[r#"[0.001, "o", "a"]"#, r#"[0.002, "o", "e"]"#, r#"[0.003, "o", "€!"]"#],
    );
    // Both streams at once.
    check(
        &[out(1, 0, b"\xe2\x82"), err(2, 0, b"\xc3"), out(3, 2, b"\xac"), err(4, 1, b"\xbc")],
        &[r#"[0.003, "o", "€"]"#, r#"[0.004, "o", "ü"]"#],
    );
}

#[test]
fn bytes_that_are_not_utf8_are_replaced() {
    check(&[out(1, 0, b"a\xff\xfeb")], &["[0.001, \"o\", \"a\u{fffd}\u{fffd}b\"]"]);
    // A character whose end never comes, or does not fit.
    check(
        &[out(1, 0, b"a\xe2\x82"), out(2, 3, b"b")],
        &[r#"[0.001, "o", "a"]"#, "[0.002, \"o\", \"\u{fffd}b\"]"],
    );
    check(
        &[out(1, 0, b"a\xe2\x82"), err(5, 0, b"e")],
        &[r#"[0.001, "o", "a"]"#, r#"[0.005, "o", "e"]"#, "[0.005, \"o\", \"\u{fffd}\"]"],
    );
}

#[test]
fn each_command_is_a_marker() {
    let marked =
        |at_ms, command, text: &str| event(at_ms, "a", judged(command, Verdict::Allow, text));
    let second = |at_ms, bytes: &[u8]| event(0, "a", window(2, OUT, at_ms, 0, bytes));
    check(
        &[
            event(0, "a", opened()),
            marked(1, 1, "echo \"1\""),
            out(9, 0, b"1"),
            marked(20, 2, "echo 2"),
            second(30, b"2"),
            event(40, "a", judged(3, Verdict::Block, "env")),
        ],
        &[
            r#"[0.001, "m", "echo \"1\""]"#,
            r#"[0.009, "o", "1"]"#,
            r#"[0.020, "m", "echo 2"]"#,
            r#"[0.030, "o", "2"]"#,
            r#"[0.040, "m", "env"]"#,
        ],
    );
    // The wall clock was set forward between opening and judging: a command still comes before
    // its output, and times do not go back.
    check(
        &[event(0, "a", opened()), marked(3_600_000, 1, "x"), out(9, 0, b"1")],
        &[r#"[0.009, "m", "x"]"#, r#"[0.009, "o", "1"]"#],
    );
    // What is left of a character is said at the end, and the end is after the last command.
    check(
        &[event(0, "a", opened()), out(9, 0, b"1\xe2"), marked(5000, 2, "x")],
        &[r#"[0.009, "o", "1"]"#, r#"[5.000, "m", "x"]"#, "[5.000, \"o\", \"\u{fffd}\"]"],
    );
    let long = "ü".repeat(1000);
    check(&[marked(0, 1, &long)], &[&format!("[0.000, \"m\", \"{}\"]", "ü".repeat(128))]);
}

#[test]
fn gaps_are_said_where_they_are() {
    check(
        &[out(1, 0, b"a"), out(2, 5, b"b")],
        &[
            r#"[0.001, "o", "a"]"#,
            r#"[0.002, "o", "[gap: 4 bytes of output are not in the record]\r\n"]"#,
            r#"[0.002, "o", "b"]"#,
        ],
    );
    // What was begun before a gap does not go on behind it.
    check(
        &[err(1, 0, b"\xe2"), err(2, 3, b"b")],
        &[
            "[0.002, \"o\", \"\u{fffd}\"]",
            r#"[0.002, "o", "[gap: 2 bytes of errors are not in the record]\r\n"]"#,
            r#"[0.002, "o", "b"]"#,
        ],
    );
    check(
        &[out(1, 0, b"abc"), out(2, 2, b"c")],
        &[
            r#"[0.001, "o", "abc"]"#,
            r#"[0.002, "o", "[gap: 1 bytes of output are in the record twice]\r\n"]"#,
            r#"[0.002, "o", "c"]"#,
        ],
    );
    let mut ended = finished(1, Outcome::Exited(0), 100, 0);
    if let proto::event::Kind::CommandFinished(finished) = &mut ended {
        finished.output.truncated = true;
    }
    check(
        &[event(0, "a", judged(1, Verdict::Allow, "x")), out(1, 0, b"a"), event(5, "a", ended)],
        &[
            r#"[0.000, "m", "x"]"#,
            r#"[0.001, "o", "a"]"#,
            r#"[0.001, "o", "[gap: 99 bytes of output are over the record's limit]\r\n"]"#,
        ],
    );
}

#[test]
fn line_feeds_get_carriage_returns_when_asked_for() {
    let options = ReplayOptions { carriage_returns: true, ..options() };
    check_with(
        &options,
        &[out(1, 0, b"a\nb\r\n\n"), out(2, 6, b"c\r"), out(3, 8, b"\n")],
        &[r#"[0.001, "o", "a\r\nb\r\n\r\n"]"#, r#"[0.002, "o", "c\r"]"#, r#"[0.003, "o", "\n"]"#],
    );
}

/// The reference player prints the text of the `o` lines and nothing else.
#[test]
fn the_player_takes_it() {
    let cast = to_asciicast(
        &replay(&[
            event(0, "a", opened()),
            event(1, "a", judged(1, Verdict::Allow, "printf '€'")),
            out(2, 0, "one €\r\n".as_bytes()),
            err(3, 0, b"two\r\n"),
            out(9, 9, b"\xff\r\n"),
        ]),
        &options(),
    );
    let file = std::env::temp_dir().join(format!("sallyport-views-{}.cast", std::process::id()));
    std::fs::write(&file, cast).unwrap();
    let version = Command::new("asciinema").arg("--version").output();
    // It wants a terminal, which `script` gives it.
    let line = format!("asciinema cat '{}'", file.display());
    let played = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .output();
    std::fs::remove_file(&file).unwrap();
    let played = match (version, played) {
        (Ok(version), Ok(played)) => {
            println!("checked with {}", String::from_utf8_lossy(&version.stdout).trim());
            played
        }
        (Err(error), _) => return println!("not checked: asciinema cannot be run: {error}"),
        (_, Err(error)) => return println!("not checked: script cannot be run: {error}"),
    };
    let shown = String::from_utf8_lossy(&played.stdout);
    assert!(played.status.success(), "{shown}");
    // The terminal adds carriage returns of its own.
    let expected = "one €\ntwo\n\u{fffd}\n";
    assert_eq!(shown.replace('\r', ""), expected);
}
