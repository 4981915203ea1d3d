//! What a reader found in a command: all that a decision may depend on.
//!
//! A decision is a function of the policy and this value, and this value is in the event. That is
//! why any decision can be derived again from the record alone.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A command as it was read. Words have been through the masker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reading {
    /// The reader and its version, e.g. `shell/1`.
    pub reader: String,
    /// Every program that the command would run, in the order of its text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<Program>,
    /// Why a part of what runs could not be read; absent when everything could.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
    /// The policy's conditions on raw text that were true, in the policy's own words: `regex:P`,
    /// `shell:{…}` (all programs satisfy it), `shell:{…}@0,2-4` (these do), `unknown:shell:{…}`
    /// (it depends on what is only known when the command runs), `sql:{…}` (a part of these
    /// statements satisfies it), `sql-all:{…}` (all of these statements does), `files:{…}` (these
    /// parts of `files` satisfy it), `forward:{…}` (`forward` satisfies it), `forward-all:{…}` (it
    /// does for sure, wherever its name leads). All others of the pinned policy were false.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matched: Vec<String>,
    /// Names of the detectors that found something in the command's text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detected: Vec<String>,
    /// Parameters of a database's session that change what statements mean, where they are not what
    /// they were when it began: `search_path`, `role`, `session_authorization`; `unknown` when what
    /// they are now cannot be told from what was said.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub session: BTreeMap<String, String>,
    /// Every SQL statement of the command, in the order of its text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<Statement>,
    /// What of an interactive terminal this is; absent for everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal: Option<Terminal>,
    /// What is done with files, as far as the command says it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FilePart>,
    /// What is forwarded; absent for everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<Box<Forward>>,
}

/// A connection, or a place to listen at, that is asked for at the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Forward {
    /// What the target is to do.
    pub operation: ForwardOperation,
    /// Where, in normal form: `HOST:PORT`, or the absolute path of a socket.
    pub address: String,
    /// Where its name led when it was asked for, as the node found it. The target is sent there
    /// and nowhere else; without any it looks the name up itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at: Vec<String>,
    /// Targets of the cluster that are there, or of which that cannot be told; not all of them
    /// where there are many. What is done with them through a forward is in no record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
}

/// What a target is to do for a forward.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ForwardOperation {
    /// It opens a connection, for a client that listens (`ssh -L`, `-D`, `-W`, `-J`).
    Connect,
    /// It listens, for a client that opens connections (`ssh -R`).
    Listen,
}

impl ForwardOperation {
    /// Every one, with its word.
    pub const ALL: &'static [(&'static str, Self)] =
        &[("connect", Self::Connect), ("listen", Self::Listen)];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Listen => "listen",
        }
    }
}

/// One thing that is done with one file or folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FilePart {
    /// What is done with it.
    pub operation: FileOperation,
    /// Its path in normal form: absolute, or beginning with `~/` where it is the login's own and it
    /// is not known where that lies. Symbolic links on the target are not followed in it.
    pub path: String,
    /// Which of the command's programs does it, from 0; absent where no program is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<u64>,
}

/// What is done with a file or a folder.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum FileOperation {
    /// Its content, its names or its attributes are read.
    Read,
    /// It is made, or its content or its attributes are changed.
    Write,
    /// It is removed, or gets another name.
    Remove,
}

impl FileOperation {
    /// Every one, with its word.
    pub const ALL: &'static [(&'static str, Self)] =
        &[("read", Self::Read), ("write", Self::Write), ("remove", Self::Remove)];
}

/// What of an interactive terminal was judged, when a key was pressed that may submit a line. How a
/// line ends is never known: a terminal does not say.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Terminal {
    /// The terminal itself, before it is opened.
    Opening,
    /// A line, as the screen shows it.
    Line,
    /// Nothing: what is typed is not shown, as at a prompt for a password.
    EchoOff,
    /// Nothing: a full-screen program runs. What it is given after this has no event of its own.
    FullScreen,
}

/// One SQL statement, with all that runs inside of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Statement {
    /// PostgreSQL's command tag in lower case, e.g. `drop table`.
    pub tag: String,
    /// What it does; a transaction's begin and end do nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Effect>,
    /// Tables and what is used like them, as written, e.g. `public.orders`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
    /// Columns, as written, e.g. `o.total`, `*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Functions that it calls, as written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<String>,
    /// Whether it changes or deletes all rows of a table, whatever they hold.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unbounded: bool,
    /// Whether it copies rows in or out (COPY): that needs a grant of the channel `copy`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub copies: bool,
}

/// What a SQL statement does.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It reads rows.
    Read,
    /// It changes rows, or locks them for a change.
    Write,
    /// It changes definitions.
    Ddl,
    /// It changes who may do what, or who the session is.
    Privilege,
    /// It runs code that cannot be seen.
    Execute,
    /// It runs a program on the database's machine.
    Program,
    /// It changes the session: parameters, prepared statements, channels that it listens to.
    Session,
    /// It reads or writes files of the database's machine.
    File,
    /// It reaches another server.
    Remote,
    /// It administers the server.
    Admin,
}

impl Effect {
    /// Every one, with its word.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("read", Self::Read),
        ("write", Self::Write),
        ("ddl", Self::Ddl),
        ("privilege", Self::Privilege),
        ("execute", Self::Execute),
        ("program", Self::Program),
        ("session", Self::Session),
        ("file", Self::File),
        ("remote", Self::Remote),
        ("admin", Self::Admin),
    ];
}

/// One program that a command would run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Program {
    /// Basename after quote removal.
    pub name: String,
    /// Its words after quote removal; a word that is only known when it runs is kept as written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// Files that its descriptors are connected to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redirects: Vec<Redirect>,
}

/// One redirect of a program's descriptors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Redirect {
    /// The operator: `<`, `>`, `>>`, `<>`, `>|`, `&>`, `<<`, `<<<`.
    pub operator: String,
    /// The file after quote removal, or the text as written.
    pub to: String,
}

/// What became of a command when it was judged; the later one is the stricter.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It may run.
    Allow,
    /// It waits for another person.
    Hold,
    /// It may not run.
    Block,
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Hold => "hold",
            Self::Block => "block",
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How safely an event is kept before what it records may go on; the later one is the safer.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Accepted by the journal in order, not waited for.
    Queued,
    /// On this node's disk.
    Local,
    /// Also acknowledged by the replicated stream.
    Replicated,
}

/// What a channel of a session can do.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// One command, run by the login's shell.
    Exec,
    /// An interactive terminal.
    Shell,
    /// File transfer.
    Sftp,
    /// Forwarded ports and sockets.
    Forward,
    /// A forwarded key agent.
    Agent,
    /// A forwarded display.
    X11,
    /// SQL statements.
    Query,
    /// COPY in and out.
    Copy,
    /// A replication stream.
    Replication,
}
