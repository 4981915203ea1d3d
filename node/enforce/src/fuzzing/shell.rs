//! The text of a command, before its reader.

use proto::reading::{Program, Reading};

use crate::reader::Reader;
use crate::shell::{READING_LIMIT, forget, read};

/// A word that is written nowhere else; no reason may quote it.
pub const MARKER: &str = "zqMarker7";
/// The longest reason, in bytes.
const REASON_BYTES: usize = 120;
/// A command of one program, and its reading.
const PLAIN: &str = "printenv";
const TOO_MANY: &str = "it has more than 4096 words";

/// Puts the text of a command through all that reads it.
///
/// # Panics
/// When something is not as it must be.
pub fn shell(text: &[u8]) {
    let reading = read(text);
    forget();
    assert_eq!(read(text), reading, "what was read before changes nothing");
    for reader in [Reader::Shell, Reader::Terminal] {
        let opened = reader.open(text);
        assert_eq!(opened.words.len(), opened.reading.programs.len(), "{reader:?}");
        let within = |at: u64| at < opened.reading.programs.len() as u64;
        assert!(opened.reading.files.iter().filter_map(|file| file.program).all(within));
    }
    bounded(&reading);
    beside(text, &reading);
}

/// Is as small as the limits of the reader say, and quotes nothing.
fn bounded(reading: &Reading) {
    let words = |program: &Program| {
        let files = program.redirects.iter().map(|redirect| redirect.to.len());
        let arguments = program.arguments.iter().map(String::len);
        arguments.chain(files).sum::<usize>()
    };
    let kept: usize = reading.programs.iter().map(words).sum();
    assert!(kept <= READING_LIMIT, "{kept} bytes are kept");
    if let Some(why) = &reading.unreadable {
        assert!(!why.is_empty() && why.len() <= REASON_BYTES, "{why}");
        assert!(!why.contains(MARKER), "a reason quotes: {why}");
    }
}

/// A plain line before it, and behind it, changes nothing but itself.
fn beside(text: &[u8], reading: &Reading) {
    let line = PLAIN.as_bytes();
    let mut expected = reading.programs.clone();
    expected.push(Program { name: PLAIN.to_owned(), arguments: vec![], redirects: vec![] });
    same(&[line, b"\n", text], reading, &expected);
    // A document that is not ended takes the line in.
    if reading.unreadable.is_none() && !text.windows(2).any(|two| two == b"<<") {
        same(&[text, b"\n", line], reading, &expected);
    }
}

/// A text is read as `reading` was, and runs the same and a plain program, in whichever order: what
/// is in a test is found last.
fn same(parts: &[&[u8]], reading: &Reading, expected: &[Program]) {
    let text = parts.concat();
    let found = read(&text);
    if found.unreadable.as_deref() == Some(TOO_MANY) {
        return;
    }
    let shown = String::from_utf8_lossy(&text);
    let (one, other) = (&found.unreadable, &reading.unreadable);
    assert_eq!(one.is_none(), other.is_none(), "{one:?} {other:?}: {shown}");
    if reading.unreadable.is_none() {
        assert_eq!(in_order(&found.programs), in_order(expected), "{shown}");
    }
}

fn in_order(programs: &[Program]) -> Vec<&Program> {
    let mut programs: Vec<_> = programs.iter().collect();
    programs.sort_by_key(|program| (&program.name, &program.arguments));
    programs
}
