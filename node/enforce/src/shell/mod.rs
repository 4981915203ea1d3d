//! Reading a shell command: which programs would run, with which words and files.
//!
//! The words are read here, the grammar is brush-parser's. What cannot be known before it runs
//! makes the reading `unreadable`; so does what shells read differently. A guess is never made in
//! favour of the command. Reasons never quote the command: they are shown unmasked.

mod ansi;
mod arithmetic;
mod escapes;
mod expansion;
mod found;
mod grammar;
mod input;
mod interpreters;
mod lex;
mod run;
mod sed;
mod tables;
mod variables;
mod walk;
mod word;
mod wrapper_table;
mod wrappers;

#[cfg(test)]
mod tests;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use grammar::forget;
use proto::reading::Reading;

/// The reader and its version, as readings name it. A change of what is found needs a new number.
pub const READER: &str = "shell/1";
/// The longest command that is read, in bytes.
pub const TEXT_LIMIT: usize = 256 * 1024;
/// The most words in one command, with all texts inside of it.
pub const WORD_LIMIT: usize = 4096;
/// How deep texts may lie in texts: substitutions, `sh -c`, wrappers of wrappers.
pub const DEPTH_LIMIT: usize = 16;
/// How deep groups, conditionals and loops may lie in each other.
pub const GROUP_LIMIT: usize = 32;

/// The most bytes of arguments and files in one reading. A file of a group is one of each program
/// in it, so there may be far more of them than in the text; wrappers in wrappers never reach it.
pub const READING_LIMIT: usize = 2 * DEPTH_LIMIT * TEXT_LIMIT;

/// A word that is only known in part before it runs: how it starts and how it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OpenWord {
    pub(crate) start: String,
    pub(crate) end: String,
    /// It becomes names of files in or below the working directory.
    pub(crate) relative: bool,
}

/// The words of one program that are only known in part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OpenWords {
    pub(crate) arguments: Vec<OpenWord>,
    /// Each with its operator.
    pub(crate) redirects: Vec<(String, OpenWord)>,
}

/// Reads the text of a command as a POSIX shell, bash or a shell like them would.
///
/// Words in the result are raw: mask them with [`crate::reader::mask_words`] before they go
/// anywhere. `matched` and `detected` are empty. Time and memory are bounded by the limits of this
/// module.
#[must_use]
pub fn read(text: &[u8]) -> Reading {
    read_open(text).0
}

/// Reads a command, and says of each program which of its words are only known in part.
pub(crate) fn read_open(text: &[u8]) -> (Reading, Vec<OpenWords>) {
    let mut found = found::Found::default();
    match readable(text) {
        Ok(text) => {
            if text.as_bytes().windows(2).any(|two| may_join(two[0], two[1])) {
                found.doubt("shells disagree about what stands behind a letter that is not ASCII");
            }
            walk::text(text, 0, &mut found);
        }
        Err(why) => found.doubt(why),
    }
    if found.arithmetic.is_doubtful() {
        found.doubt("it evaluates a value that may be more than a number");
    }
    let (programs, open) = found.programs.into_iter().unzip();
    let unreadable = found.unreadable;
    (Reading { reader: READER.to_owned(), programs, unreadable, ..Reading::default() }, open)
}

fn readable(text: &[u8]) -> Result<&str, &'static str> {
    if text.len() > TEXT_LIMIT {
        return Err("it is longer than 256 KiB");
    }
    if text.contains(&0) {
        return Err("it contains a NUL byte");
    }
    std::str::from_utf8(text).map_err(|_| "it is not UTF-8")
}

/// Whether a shell in another locale may take two bytes for one letter and lose what the second
/// one means: second bytes of GBK, Big5 and Shift JIS reach from 0x40 to 0x7E. Letters and digits
/// have no meaning to lose.
fn may_join(first: u8, second: u8) -> bool {
    !first.is_ascii() && matches!(second, b'['..=b'`' | b'{'..=b'~')
}

/// The file that takes everything and keeps nothing.
pub(crate) const NOWHERE: &str = "/dev/null";
