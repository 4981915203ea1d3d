//! Secrets that a terminal shows in one piece, whatever stands between their bytes.

use super::*;

#[test]
fn colours_are_looked_through() {
    let body = alnum(36);
    let (one, two) = body.split_at(11);
    let (first, second) = (stars(one.len()), stars(two.len()));
    for (between, same) in [
        ("\x1b[m", true),
        ("\x1b[01;31m\x1b[K", true),
        ("\x1b[38;2;255;100;0m", true),
        ("\x1b(B\x1b[m", true),
        ("\x1b[?2004h", true),
        ("\x1b[K\x1b[?25l", true),
        // The cursor goes elsewhere.
        ("\x1b[5;1H", false),
        ("\x1b[A", false),
        ("\x1b7", false),
        ("\x1b]0;title\x07", false),
        ("\n", false),
    ] {
        let input = format!("a ghp_{one}{between}{two} b");
        let expected = format!("a ghp_{first}{between}{second} b");
        check(&by_default(), &input, if same { &expected } else { &input });
    }
    // Between the prefix and the body, within the prefix, around all of it.
    for (input, expected) in [
        (format!("ghp_\x1b[m{body}"), format!("ghp_\x1b[m{}", stars(36))),
        (format!("g\x1b[1mhp\x1b[m_{body}"), format!("g\x1b[1mhp\x1b[m_{}", stars(36))),
        (format!("\x1b[31mghp_{body}\x1b[m"), format!("\x1b[31mghp_{}\x1b[m", stars(36))),
        ("pass\x1b[mword=\x1b[1mhun\x1b[mter2\x1b[m".into(), {
            "pass\x1b[mword=\x1b[1m***\x1b[m****\x1b[m".into()
        }),
    ] {
        check(&by_default(), &input, &expected);
    }
}

#[test]
fn other_actions_leave_colours_behind_the_value() {
    let plan = everything(&Action::KeepLast(3));
    check(&plan, "password=hun\x1b[1mter2\x1b[m", "password=****er2\x1b[1m\x1b[m");
    let plan = everything(&Action::Constant("gone".into()));
    check(&plan, "a \x1b[1mann@ex\x1b[mample.org\x1b[2m b", "a \x1b[1mgone\x1b[m\x1b[2m b");
}

#[test]
fn wraps_are_looked_through() {
    let body = alnum(40);
    for (columns, wrap, found) in [
        (80, "\n", true),
        (80, "\r\n", true),
        (80, " \r", true),
        (120, " \r", true),
        (80, " \x08", true),
        // `less` and `vi` go to the next row by its place.
        (80, " \x08\x1b[4;1H", true),
        (80, "\x1b[4;1H", true),
        (100, "\x1b[12H", true),
        (80, "\x1b[4;11H", false),
        (80, "\x1b[4;2H", false),
        (80, "\x1b[4;1f", true),
        (79, "\x1b[4;1H", false),
        (79, "\n", false),
        (81, "\r\n", false),
        (79, " \r", false),
        (80, "\n\n", false),
    ] {
        let before = format!("{} ghp_", "x".repeat(columns - 25));
        let (one, two) = body.split_at(20);
        let input = format!("start\n{before}{one}{wrap}{two} end");
        let expected = format!("start\n{before}{}{wrap}{} end", stars(20), stars(20));
        check(&by_default(), &input, if found { &expected } else { &input });
    }
}

#[test]
fn what_sequences_carry_is_text() {
    let body = alnum(36);
    for (before, after) in [
        ("\x1b]0;", "\x07"),
        ("\x1b]52;c;", "\x1b\\"),
        ("\x1b]8;;https://x/?k=", "\x1b\\link\x1b]8;;\x1b\\"),
        ("\x1bP", "\x1b\\"),
    ] {
        let input = format!("{before}ghp_{body}{after}");
        check(&by_default(), &input, &format!("{before}ghp_{}{after}", stars(36)));
    }
}

/// Sequences, also broken ones, change nothing but that secrets are found through them.
#[test]
fn what_is_no_secret_passes_as_it_is() {
    for input in [
        "\x1b",
        "\x1b[",
        "\x1b[1;2",
        "\x1b[\x1b[m",
        "\x1b[1\nx",
        "\x1b(",
        "a\x08b\x08\x08 \x08",
        " \r \r\n \r",
        &format!("{}\x1b", "x".repeat(80)),
        &format!("{}\r", "x".repeat(80)),
        &format!("{}\n", "x".repeat(80)),
        &format!("{} ", "x".repeat(80)),
        &format!("{} \r", "x".repeat(80)),
        &format!("{} \r\n", "x".repeat(80)),
        &format!("{} \r\r", "x".repeat(80)),
        &format!("{} \x08", "x".repeat(80)),
        &format!("\x1b[{}m", "1;".repeat(100)),
    ] {
        check(&by_default(), input, input);
        check(&everything(&Action::Hash), input, input);
    }
}
