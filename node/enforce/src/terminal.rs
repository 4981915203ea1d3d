//! What was seen of an interactive terminal when a key was pressed that may submit a line.
//!
//! The bytes that are judged, sealed and approved begin with what was seen, so that a recorded
//! line means the same when it is read again. A line is read as a command is, with one thing more
//! that only interactive shells do: they replace `!` and `^` by words of earlier lines. Nothing is
//! read, and nothing is kept of what was typed, while what is typed is not shown.

use proto::reading::{Reading, Terminal};

use crate::shell::{self, OpenWords};

/// The reader of what is no line, and its version.
pub const READER: &str = "terminal/1";
/// What stands before the two bytes' rest: no screen shows it, so no line begins with it.
const MARK: u8 = 0;

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen<'a> {
    /// The terminal is to be opened.
    Opening,
    /// A line.
    Line(&'a [u8]),
    /// A line of which it is not known whether it is what would be submitted; and why not.
    Unclear(&'a [u8], Doubt),
    /// What is typed is not shown.
    EchoOff,
    /// A full-screen program runs.
    FullScreen,
}

/// Why a line on the screen may not be what would be submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It is not what was typed.
    Differs,
    /// The prompt that it stands behind is not there.
    NoPrompt,
    /// Keys were pressed to which the terminal has not answered.
    Unanswered,
    /// It is longer than what is read of a screen.
    TooLong,
}

const DOUBTS: &[(u8, Doubt, &str)] = &[
    (b'd', Doubt::Differs, "the screen does not show what was typed"),
    (b'p', Doubt::NoPrompt, "the line does not stand behind the prompt"),
    (b'a', Doubt::Unanswered, "the terminal has not answered the last keys"),
    (b't', Doubt::TooLong, "the line is longer than what is read of a screen"),
];

impl Seen<'_> {
    /// As it is judged and sealed.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let (tag, line): (u8, &[u8]) = match self {
            Self::Opening => (b'O', &[]),
            Self::EchoOff => (b'E', &[]),
            Self::FullScreen => (b'F', &[]),
            Self::Line(line) => (b'L', line),
            Self::Unclear(line, doubt) => {
                let known = DOUBTS.iter().find(|(_, known, _)| *known == doubt);
                (known.map_or(b'd', |(tag, ..)| *tag), line)
            }
        };
        [&[MARK, tag], line].concat()
    }
}

/// What was seen, out of its bytes. Bytes of no such form are a line, so that they are judged.
fn decode(bytes: &[u8]) -> Seen<'_> {
    let [MARK, tag, line @ ..] = bytes else { return Seen::Line(bytes) };
    match tag {
        b'O' if line.is_empty() => Seen::Opening,
        b'E' if line.is_empty() => Seen::EchoOff,
        b'F' if line.is_empty() => Seen::FullScreen,
        b'L' => Seen::Line(line),
        tag => match DOUBTS.iter().find(|(known, ..)| known == tag) {
            Some((_, doubt, _)) => Seen::Unclear(line, *doubt),
            None => Seen::Line(bytes),
        },
    }
}

/// The line alone: what a regular expression looks at.
pub(crate) fn text(bytes: &[u8]) -> &[u8] {
    match decode(bytes) {
        Seen::Line(line) | Seen::Unclear(line, _) => line,
        Seen::Opening | Seen::EchoOff | Seen::FullScreen => &[],
    }
}

/// What the record and approvers are shown; where there is no line, a comment of a shell.
pub(crate) fn shown(bytes: &[u8]) -> &[u8] {
    match decode(bytes) {
        Seen::Opening => b"# an interactive shell",
        Seen::EchoOff => b"# not read: what is typed is not shown",
        Seen::FullScreen => b"# not read: a full-screen program runs",
        Seen::Line(line) | Seen::Unclear(line, _) => line,
    }
}

/// Reads it, and says of each program which of its words are only known in part.
pub(crate) fn read_open(bytes: &[u8]) -> (Reading, Vec<OpenWords>) {
    let (line, doubt, terminal) = match decode(bytes) {
        Seen::Opening => return nothing(Terminal::Opening),
        Seen::EchoOff => return nothing(Terminal::EchoOff),
        Seen::FullScreen => return nothing(Terminal::FullScreen),
        Seen::Line(line) => (line, None, Terminal::Line),
        Seen::Unclear(line, doubt) => (line, Some(doubt), Terminal::Line),
    };
    let (mut reading, words) = shell::read_open(line);
    reading.terminal = Some(terminal);
    let why = doubt.and_then(|doubt| DOUBTS.iter().find(|(_, known, _)| *known == doubt));
    let history = || takes_from_history(line).then_some("it takes words from earlier lines");
    if let Some(why) = why.map(|(_, _, why)| *why).or_else(history) {
        reading.unreadable.get_or_insert_with(|| why.to_owned());
    }
    (reading, words)
}

fn nothing(terminal: Terminal) -> (Reading, Vec<OpenWords>) {
    let reader = READER.to_owned();
    (Reading { reader, terminal: Some(terminal), ..Reading::default() }, Vec::new())
}

/// Whether an interactive shell may put words of earlier lines into this one: `!` that is neither
/// quoted by `'` or `\` nor before a blank, `=` or `(`; `^` at the start of a line. Double quotes
/// do not help: bash replaces within them. A quote that only looks like one errs to the safe side,
/// since what stands within is looked at once more without it when the quotes do not add up.
fn takes_from_history(line: &[u8]) -> bool {
    let lines = line.split(|byte| *byte == b'\n');
    lines.into_iter().any(|line| line.starts_with(b"^")) || bangs(line)
}

fn bangs(line: &[u8]) -> bool {
    let (mut single, mut double) = (false, false);
    let mut found = false;
    let mut at = 0;
    while let Some(byte) = line.get(at) {
        match byte {
            b'\\' if !single => at += 1,
            b'\'' if !double => single = !single,
            b'"' if !single => double = !double,
            b'!' if !single => {
                let next = line.get(at + 1).copied().unwrap_or(b' ');
                found |= !matches!(next, b' ' | b'\t' | b'\n' | b'\r' | b'=' | b'(');
            }
            _ => {}
        }
        at += 1;
    }
    found || single && line.contains(&b'!')
}

#[cfg(test)]
mod tests;
