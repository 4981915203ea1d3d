//! Requests of a file transfer, as they are judged, sealed, approved and then sent.
//!
//! The bytes that are judged hold all that is sent but what tells one request from another (its
//! number on the wire): paths in normal form, flags, attributes, handles. So what runs is what was
//! judged. A request that names a handle holds the path that it was opened by, too.

use proto::reading::FileOperation::{self, Read, Remove, Write};

use super::{Part, Reach};

/// What stands before everything else: no text that a person writes begins with it.
pub(super) const MARK: u8 = 0;
/// The tag of the opening.
const OPENING: u8 = b'!';
/// The opening as it is shown.
pub(super) const OPENING_WORDS: &[u8] = b"# a file transfer";
/// Between the two paths of a request, as it is shown.
const ARROW: &[u8] = b" -> ";

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Opens a file; `rest` begins with how (four bytes).
    Open,
    /// Opens a folder, to list it.
    OpenDirectory,
    /// Removes a file.
    Remove,
    /// Makes a folder.
    MakeDirectory,
    /// Removes an empty folder.
    RemoveDirectory,
    /// Changes attributes.
    SetAttributes,
    /// Changes attributes of a link itself.
    SetLinkAttributes,
    /// Changes attributes of an open file.
    SetOpenAttributes,
    /// Renames what is not there under the new name yet.
    Rename,
    /// Renames over what is there.
    PosixRename,
    /// Makes a symbolic link: what it leads to, and the link.
    Symlink,
    /// Gives a file another name.
    Hardlink,
    /// Copies from one open file to another on the target.
    CopyData,
    /// Asks for attributes.
    Stat,
    /// Asks for attributes of a link itself.
    LinkStat,
    /// Asks where a link leads.
    ReadLink,
    /// Asks for figures of the file system.
    FileSystem,
}

/// Each with its tag and its word; `open` is shown as what it opens for.
const ACTIONS: &[(Action, u8, &str)] = &[
    (Action::Open, b'o', "open"),
    (Action::OpenDirectory, b'l', "list"),
    (Action::Remove, b'r', "remove"),
    (Action::MakeDirectory, b'm', "mkdir"),
    (Action::RemoveDirectory, b'd', "rmdir"),
    (Action::SetAttributes, b'a', "setstat"),
    (Action::SetLinkAttributes, b'k', "lsetstat"),
    (Action::SetOpenAttributes, b'f', "fsetstat"),
    (Action::Rename, b'n', "rename"),
    (Action::PosixRename, b'p', "posix-rename"),
    (Action::Symlink, b's', "symlink"),
    (Action::Hardlink, b'h', "hardlink"),
    (Action::CopyData, b'c', "copy-data"),
    (Action::Stat, b'S', "stat"),
    (Action::LinkStat, b'L', "lstat"),
    (Action::ReadLink, b'R', "readlink"),
    (Action::FileSystem, b'F', "statvfs"),
];

/// How a file is opened (draft-ietf-secsh-filexfer-02, 6.3): to be read.
const READ: u32 = 0x01;
/// To be written.
const WRITE: u32 = 0x02;
/// All flags that make or change a file: write, append, create, truncate, exclusively.
const CHANGES: u32 = 0x3e;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What it does.
    pub action: Action,
    /// With which paths, one or two, in normal form.
    pub paths: Vec<Vec<u8>>,
    /// What follows on the wire.
    pub rest: Vec<u8>,
}

/// What is judged of a file transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The transfer itself, before it is opened.
    Opening,
    /// A request.
    Request(Request),
}

impl Seen {
    /// As it is judged and sealed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let Self::Request(request) = self else { return vec![MARK, OPENING] };
        let tag = ACTIONS.iter().find(|(action, ..)| *action == request.action);
        let mut bytes = vec![MARK, tag.map_or(OPENING, |(_, tag, _)| *tag)];
        for path in &request.paths {
            // A path is shorter than its limit.
            bytes.extend_from_slice(&u32::try_from(path.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend_from_slice(path);
        }
        bytes.extend_from_slice(&request.rest);
        bytes
    }

    /// Reads it back. Text is taken for a request in words, as the record shows them and as cases
    /// of a policy write them; nothing when it is neither.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let [MARK, tag, rest @ ..] = bytes else {
            let opening = (bytes == OPENING_WORDS).then_some(Self::Opening);
            return opening.or_else(|| Request::of_words(bytes).map(Self::Request));
        };
        if *tag == OPENING {
            return rest.is_empty().then_some(Self::Opening);
        }
        let (action, ..) = ACTIONS.iter().find(|(_, known, _)| known == tag)?;
        let (mut paths, mut rest) = (Vec::new(), rest);
        for _ in 0..action.paths() {
            let (length, behind) = rest.split_first_chunk::<4>()?;
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
            let (path, behind) = behind.split_at_checked(length)?;
            paths.push(path.to_vec());
            rest = behind;
        }
        Some(Self::Request(Request { action: *action, paths, rest: rest.to_vec() }))
    }
}

impl Action {
    /// How many paths it names.
    #[must_use]
    pub fn paths(self) -> usize {
        let two = [Self::Rename, Self::PosixRename, Self::Symlink, Self::Hardlink, Self::CopyData];
        if two.contains(&self) { 2 } else { 1 }
    }

    /// Whether it only looks at what is there: it is judged, and recorded when it is refused.
    #[must_use]
    pub fn only_looks(self) -> bool {
        matches!(self, Self::Stat | Self::LinkStat | Self::ReadLink | Self::FileSystem)
    }

    fn word(self) -> &'static str {
        ACTIONS.iter().find(|(action, ..)| *action == self).map_or("", |(.., word)| *word)
    }
}

impl Request {
    /// What an open file may be used for: reading, writing.
    #[must_use]
    pub fn opens_for(&self) -> (bool, bool) {
        let flags = number(&self.rest).unwrap_or(0);
        // A server that is not told to write opens for reading, whatever else it is told.
        (flags & READ != 0 || flags & WRITE == 0, flags & CHANGES != 0)
    }

    /// What it does with which path. A new name or a link makes content reachable that has another
    /// path, so it counts as reading (a link: and writing) what it is of.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut add = |at: usize, reach: Reach, operations: &[FileOperation]| {
            let Some(path) = self.paths.get(at) else { return };
            let path = String::from_utf8_lossy(path).into_owned();
            parts.extend(operations.iter().map(|operation| Part {
                operation: *operation,
                path: path.clone(),
                reach,
                program: None,
            }));
        };
        match self.action {
            Action::Open => match self.opens_for() {
                (true, true) => add(0, Reach::One, &[Read, Write]),
                (false, _) => add(0, Reach::One, &[Write]),
                (true, false) => add(0, Reach::One, &[Read]),
            },
            Action::OpenDirectory
            | Action::Stat
            | Action::LinkStat
            | Action::ReadLink
            | Action::FileSystem => add(0, Reach::One, &[Read]),
            Action::Remove | Action::RemoveDirectory => add(0, Reach::One, &[Remove]),
            Action::MakeDirectory
            | Action::SetAttributes
            | Action::SetLinkAttributes
            | Action::SetOpenAttributes => add(0, Reach::One, &[Write]),
            Action::Rename | Action::PosixRename => {
                add(0, Reach::Moved, &[Read, Remove]);
                add(1, Reach::Moved, &[Write]);
            }
            Action::Symlink | Action::Hardlink => {
                add(0, Reach::Moved, &[Read, Write]);
                add(1, Reach::One, &[Write]);
            }
            Action::CopyData => {
                add(0, Reach::One, &[Read]);
                add(1, Reach::One, &[Write]);
            }
        }
        parts
    }

    /// As the record shows it.
    pub(crate) fn words(&self) -> Vec<u8> {
        let word = match (self.action, self.opens_for()) {
            (Action::Open, (true, true)) => "read-write",
            (Action::Open, (false, _)) => "write",
            (Action::Open, (true, false)) => "read",
            (action, _) => action.word(),
        };
        let mut words = word.as_bytes().to_vec();
        if let Action::SetAttributes | Action::SetLinkAttributes = self.action {
            words.extend(attributes(&self.rest).into_bytes());
        } else if self.action == Action::SetOpenAttributes {
            let behind = number(&self.rest)
                .and_then(|length| self.rest.get(usize::try_from(length).ok()?.checked_add(4)?..));
            words.extend(attributes(behind.unwrap_or_default()).into_bytes());
        }
        for (at, path) in self.paths.iter().enumerate() {
            words.extend_from_slice(if at == 0 { b" " } else { ARROW });
            words.extend_from_slice(path);
        }
        words
    }

    /// A request in words.
    fn of_words(text: &[u8]) -> Option<Self> {
        let space = text.iter().position(|byte| *byte == b' ')?;
        let (word, mut behind) = (&text[..space], &text[space + 1..]);
        let (action, flags) = match word {
            b"read" => (Action::Open, READ),
            b"write" => (Action::Open, WRITE),
            b"read-write" => (Action::Open, READ | WRITE),
            word => {
                let known = ACTIONS.iter().find(|(.., known)| known.as_bytes() == word);
                (known?.0, 0)
            }
        };
        if !behind.starts_with(b"/")
            && behind.iter().take_while(|byte| **byte != b' ').any(|b| *b == b'=')
        {
            let space = behind.iter().position(|byte| *byte == b' ')?;
            behind = &behind[space + 1..];
        }
        let mut paths = vec![behind.to_vec()];
        if action.paths() == 2 {
            let arrow = behind.windows(ARROW.len()).position(|window| window == ARROW)?;
            paths = vec![behind[..arrow].to_vec(), behind[arrow + ARROW.len()..].to_vec()];
        }
        if paths.iter().any(|path| !path.starts_with(b"/")) {
            return None;
        }
        let paths = paths.iter().map(|path| super::normal(b"/", path)).collect();
        let rest = if action == Action::Open { flags.to_be_bytes().to_vec() } else { Vec::new() };
        Some(Self { action, paths, rest })
    }
}

fn number(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// Attributes in a few words (draft-ietf-secsh-filexfer-02, 5), each behind a blank.
fn attributes(bytes: &[u8]) -> String {
    let Some(flags) = number(bytes) else { return String::new() };
    let mut rest = &bytes[4..];
    let mut next = || {
        let (value, behind) = rest.split_first_chunk::<4>()?;
        rest = behind;
        Some(u32::from_be_bytes(*value))
    };
    let mut said = Vec::new();
    if flags & 0x01 != 0
        && let (Some(high), Some(low)) = (next(), next())
    {
        said.push(format!("size={}", u64::from(high) << 32 | u64::from(low)));
    }
    if flags & 0x02 != 0
        && let (Some(user), Some(group)) = (next(), next())
    {
        said.push(format!("owner={user}:{group}"));
    }
    if flags & 0x04 != 0
        && let Some(permissions) = next()
    {
        said.push(format!("permissions={:04o}", permissions & 0o7777));
    }
    if flags & 0x08 != 0
        && let (Some(_), Some(modified)) = (next(), next())
    {
        said.push(format!("modified={modified}"));
    }
    if said.is_empty() { String::new() } else { format!(" {}", said.join(",")) }
}
