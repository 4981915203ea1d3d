//! What is done with files: through a file transfer's own requests, and by the programs that copy
//! files when a client runs them on its behalf (`scp`, `rsync`, git).
//!
//! A path is judged in normal form: absolute, without `.`, `..` and empty parts. Nothing here sees
//! the target, so symbolic links on it are not followed: `/srv/link/x` is `/srv/link/x`, wherever
//! it leads. What a client may make of links and names is judged instead (see [`Request::parts`]).

mod path;
mod programs;
mod push;
mod request;

use proto::reading::{FileOperation, FilePart, Program, Reading};

pub use path::{PATH_LIMIT, normal};
pub use push::{Ask, LENGTH_DIGITS, Push, ask, packet_length};
pub use request::{Action, Request, Seen};

use crate::shell::OpenWords;

/// The reader of requests for files, and its version.
pub const READER: &str = "files/1";
/// The reader of what a push asks, and its version.
pub const PUSH_READER: &str = "push/1";

/// One thing that is done with files, with its raw path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) operation: FileOperation,
    pub(crate) path: String,
    pub(crate) reach: Reach,
    pub(crate) program: Option<usize>,
}

/// How much lies in a path that is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// What is named.
    One,
    /// If it is a folder, all below it gets another name, but keeps its names from there on.
    Moved,
    /// Names that are no paths of the target.
    Repository,
    /// All below it too.
    Tree,
}

/// What is done with files, and whether that is all that may be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) known: Vec<Part>,
    /// Whether more may be done than what is known.
    pub(crate) open: bool,
}

impl Parts {
    /// As a reading keeps them; paths are raw.
    pub(crate) fn recorded(&self) -> Vec<FilePart> {
        let one = |part: &Part| FilePart {
            operation: part.operation,
            path: part.path.clone(),
            program: part.program.map(|at| at as u64),
        };
        self.known.iter().map(one).collect()
    }
}

/// What programs of a shell command do with files: those that serve a copying client.
pub(crate) fn of_programs(programs: &[Program], words: &[OpenWords], is_push: bool) -> Parts {
    programs::read(programs, words, is_push)
}

/// The repository that a command serves a push to, in normal form: when it is git's own call,
/// letter by letter. Anything else could read what was judged otherwise, or something else.
#[must_use]
pub fn pushes_to(command: &[u8]) -> Option<String> {
    let command = std::str::from_utf8(command).ok()?;
    let path = command.strip_prefix("git-receive-pack '")?.strip_suffix('\'')?;
    let is_plain = !path.is_empty() && !path.starts_with('-') && !path.contains('\'');
    if !is_plain || path.contains(char::is_control) { None } else { path::of_login(path) }
}

/// Whether a command serves a fetch from a git repository: git's own call, letter by letter.
#[must_use]
pub fn is_fetch(command: &[u8]) -> bool {
    let quoted =
        command.strip_prefix(b"git-upload-pack '").and_then(|path| path.strip_suffix(b"'"));
    quoted.is_some_and(|path| !path.contains(&b'\''))
}

/// Whether what a command says is the content of files, for a client that copies them: masked, it
/// would be damaged.
#[must_use]
pub fn gives_files(command: &[u8]) -> bool {
    let has = |name: &[u8]| command.windows(name.len()).any(|window| window == name);
    // Only what may be one is read once more.
    (has(b"scp") || has(b"rsync")) && programs::give(&crate::shell::read(command).programs)
}

/// Whether bytes are what a push asks, and no command.
pub(crate) fn is_push(bytes: &[u8]) -> bool {
    bytes.starts_with(&[request::MARK, push::TAG])
}

/// Reads a request of a file transfer.
pub(crate) fn read_open(bytes: &[u8]) -> (Reading, Parts) {
    let mut reading = Reading { reader: READER.to_owned(), ..Reading::default() };
    let parts = match Seen::decode(bytes) {
        Some(Seen::Opening) => Parts::default(),
        Some(Seen::Request(request)) => Parts { known: request.parts(), open: false },
        None => Parts { known: Vec::new(), open: true },
    };
    keep(&mut reading, &parts);
    (reading, parts)
}

/// Reads what a push asks, with the program that serves it.
pub(crate) fn read_push(bytes: &[u8]) -> (Reading, Vec<OpenWords>, Parts) {
    let push = Push::decode(bytes);
    let command = push.as_ref().map(Push::command).unwrap_or_default();
    let (mut reading, words) = crate::shell::read_open(command.as_bytes());
    PUSH_READER.clone_into(&mut reading.reader);
    let parts = push.map_or(Parts { known: Vec::new(), open: true }, |push| push.parts());
    keep(&mut reading, &parts);
    (reading, words, parts)
}

fn keep(reading: &mut Reading, parts: &Parts) {
    if parts.open {
        reading.unreadable = Some("it asks for what is not known here".to_owned());
    }
    reading.files = parts.recorded();
}

/// What the record and approvers are shown.
pub(crate) fn shown(bytes: &[u8]) -> Vec<u8> {
    if let Some(push) = Push::decode(bytes) {
        return push.words().into_bytes();
    }
    match Seen::decode(bytes) {
        Some(Seen::Opening) => request::OPENING_WORDS.to_vec(),
        Some(Seen::Request(request)) => request.words(),
        None => bytes.to_vec(),
    }
}

/// What a regular expression looks at: each path by itself.
pub(crate) fn texts(bytes: &[u8]) -> Vec<Vec<u8>> {
    if let Some(push) = Push::decode(bytes) {
        return vec![push.command().into_bytes(), push.words().into_bytes()];
    }
    match Seen::decode(bytes) {
        Some(Seen::Opening) => vec![Vec::new()],
        Some(Seen::Request(request)) => request.paths,
        None => vec![bytes.to_vec()],
    }
}

/// Whether a reading is that of a file transfer that is to be opened.
pub(crate) fn opens(reading: &Reading) -> bool {
    reading.reader == READER && reading.files.is_empty() && reading.unreadable.is_none()
}

#[cfg(test)]
mod tests;
