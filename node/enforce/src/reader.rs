//! Which reader reads a command: the one place that knows.
//!
//! The kind of the target and of the channel say it, and nothing in the command itself does.

use std::borrow::Cow;
use std::sync::Arc;

use proto::reading::{Channel, FilePart, Program, Reading, Statement};
use proto::target::TargetKind;

use crate::files::{self, Parts};
use crate::forward::{self, Asked};
use crate::mask::{Finding, MaskPlan, Raw, mask_text};
use crate::shell::{self, NOWHERE, OpenWords};
use crate::sql::{self, Circumstances, Script, SqlCommand};
use crate::terminal;

/// What reads a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A text for a login's shell; or what a push asks, which runs beside its command.
    Shell,
    /// What was seen of a terminal when a key was pressed that may submit a line.
    Terminal,
    /// SQL, perhaps with parameters behind it.
    Sql,
    /// Requests of a file transfer.
    Files,
    /// What is asked for forwards.
    Forward,
    /// Nobody.
    None,
}

/// A command that was read, with what only conditions of a policy look at.
pub(crate) struct Opened {
    pub(crate) reading: Reading,
    /// Of each program, its words that are only known in part.
    pub(crate) words: Vec<OpenWords>,
    /// The SQL, with the names in each statement.
    pub(crate) script: Arc<Script>,
    /// What is done with files.
    pub(crate) files: Parts,
    /// What is forwarded.
    pub(crate) forward: Option<Asked>,
}

/// A command with the place where what is bound to its parameters begins.
#[derive(Debug)]
pub struct Cut<'a> {
    command: SqlCommand<'a>,
    before: &'a [u8],
}

impl<'a> Cut<'a> {
    /// All that stands before what is bound: a command by itself, which is read as the whole is.
    #[must_use]
    pub fn before(&self) -> &'a [u8] {
        self.before
    }

    /// What is bound.
    #[must_use]
    pub fn bound(&self) -> Vec<&'a [u8]> {
        let bind = self.command.bind.iter();
        bind.flat_map(|bind| bind.values.iter().copied().flatten()).collect()
    }

    /// What of it is shown above and below the lines of what is bound.
    #[must_use]
    pub fn around(&self, plan: &Arc<MaskPlan>) -> (Shown, Shown) {
        let mut below = Shown { text: String::new(), findings: Vec::new(), exact: true };
        self.command.circumstances.show(plan, &mut below);
        (Shown::of(plan, self.command.text), below)
    }

    /// The whole command as it is shown, given what is around what is bound.
    #[must_use]
    pub fn shown(&self, plan: &Arc<MaskPlan>, (above, below): (&Shown, &Shown)) -> Shown {
        let mut shown = above.clone();
        self.command.show_bound(plan, &mut shown);
        shown.text.push_str(&below.text);
        shown.findings.extend(below.findings.iter().cloned());
        shown.exact &= below.exact;
        shown
    }
}

/// A command as the record and approvers see it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The masked text.
    pub text: String,
    /// What was found in it.
    pub findings: Vec<Finding>,
    /// Whether nothing of it was masked, cut or changed.
    pub exact: bool,
}

impl Shown {
    /// Masks a text of its own.
    pub(crate) fn of(plan: &Arc<MaskPlan>, bytes: &[u8]) -> Self {
        let (masked, findings) = mask_text(plan, Raw::new(bytes));
        let text = String::from_utf8_lossy(masked.bytes()).into_owned();
        let exact = findings.is_empty() && text.as_bytes() == masked.bytes();
        Self { text, findings, exact }
    }
}

impl Reader {
    /// The reader of a session's commands.
    #[must_use]
    pub fn of(kind: TargetKind, channel: Channel) -> Self {
        match (kind, channel) {
            (TargetKind::Ssh, Channel::Exec) => Self::Shell,
            (TargetKind::Ssh, Channel::Shell) => Self::Terminal,
            (TargetKind::Ssh, Channel::Sftp) => Self::Files,
            (TargetKind::Ssh, channel) if forward::is_forwarded(channel) => Self::Forward,
            (TargetKind::Postgres, _) => Self::Sql,
            _ => Self::None,
        }
    }

    pub(crate) fn open(self, bytes: &[u8]) -> Opened {
        let (mut words, mut script) = (Vec::new(), Arc::default());
        let (mut files, mut forward) = (Parts::default(), None);
        let mut reading = match self {
            Self::Shell if files::is_push(bytes) => {
                let (reading, words, files) = files::read_push(bytes);
                return Opened { reading, words, script, files, forward };
            }
            Self::Shell => {
                let (reading, open) = shell::read_open(bytes);
                words = open;
                reading
            }
            Self::Terminal => {
                let (reading, open) = terminal::read_open(bytes);
                words = open;
                reading
            }
            Self::Sql => {
                let (read, reading) = read_sql(bytes);
                script = read;
                reading
            }
            Self::Files => {
                let (reading, parts) = files::read_open(bytes);
                files = parts;
                reading
            }
            Self::Forward => {
                let (reading, asked) = forward::read_open(bytes);
                forward = asked;
                reading
            }
            Self::None => Reading { reader: "none/1".to_owned(), ..Reading::default() },
        };
        if matches!(self, Self::Shell | Self::Terminal) {
            let is_push = self == Self::Shell && files::pushes_to(bytes).is_some();
            files = files::of_programs(&reading.programs, &words, is_push);
            reading.files = files.recorded();
        }
        Opened { reading, words, script, files, forward }
    }

    /// The texts in a command that a regular expression looks at, but for what is bound.
    pub(crate) fn texts(self, bytes: &[u8]) -> Vec<Cow<'_, [u8]>> {
        match self {
            Self::Terminal => return vec![terminal::text(bytes).into()],
            Self::Shell if !files::is_push(bytes) => {}
            Self::Shell | Self::Files => {
                return files::texts(bytes).into_iter().map(Cow::Owned).collect();
            }
            Self::Sql | Self::Forward | Self::None => {}
        }
        let command = if self == Self::Sql { SqlCommand::parse(bytes) } else { None };
        let Some(command) = command else { return vec![bytes.into()] };
        let prepared = command.circumstances.prepared.into_iter().map(|(_, text)| text);
        std::iter::once(command.text).chain(prepared).map(Cow::Borrowed).collect()
    }

    /// Cuts a command where what is bound to its parameters begins; nothing when this reader knows
    /// of no such place, or what stands there cannot be read.
    #[must_use]
    pub fn cut(self, bytes: &[u8]) -> Option<Cut<'_>> {
        let command = if self == Self::Sql { SqlCommand::parse(bytes)? } else { return None };
        let bound = command.bind.as_ref().map_or(0, |_| {
            let (_, said) = Circumstances::cut(bytes).unwrap_or_default();
            said.len() - command.text.len()
        });
        Some(Cut { before: &bytes[..bytes.len() - bound], command })
    }

    /// A command as the record and approvers see it.
    #[must_use]
    pub fn shown(self, plan: &Arc<MaskPlan>, bytes: &[u8]) -> Shown {
        match self {
            Self::Sql => sql::shown(plan, bytes),
            Self::Terminal => Shown::of(plan, terminal::shown(bytes)),
            Self::Shell if files::is_push(bytes) => Shown::of(plan, &files::shown(bytes)),
            Self::Files => Shown::of(plan, &files::shown(bytes)),
            // What is asked for a forward is in words already.
            Self::Shell | Self::Forward | Self::None => Shown::of(plan, bytes),
        }
    }
}

fn read_sql(bytes: &[u8]) -> (Arc<Script>, Reading) {
    let whole = |script: Arc<Script>| {
        let reading = script.reading.clone();
        (script, reading)
    };
    let Some(command) = SqlCommand::parse(bytes) else {
        return whole(Arc::new(sql::unreadable("its parameters are not of the protocol's form")));
    };
    let Ok(text) = std::str::from_utf8(command.text) else {
        return whole(Arc::new(sql::unreadable("it is not UTF-8")));
    };
    let said_in = &command.circumstances;
    let options = sql::Options::default();
    let script = if said_in.prepared.is_empty() {
        sql::read(text, options)
    } else {
        Arc::new(sql::read_with(text, options, &|name| said_in.text_of(name)))
    };
    let (script, mut reading) = whole(script);
    reading.session = said_in.session();
    (script, reading)
}

/// Puts every word of a reading through `mask`: names, arguments, files, paths, tables, columns and
/// functions; all but `/dev/null`, which decisions ask about and which is no secret.
pub fn mask_words(reading: &mut Reading, mask: &mut dyn FnMut(&str) -> String) {
    for Program { name, arguments, redirects } in &mut reading.programs {
        *name = mask(name);
        for argument in arguments {
            *argument = mask(argument);
        }
        for redirect in redirects.iter_mut().filter(|redirect| redirect.to != NOWHERE) {
            redirect.to = mask(&redirect.to);
        }
    }
    for FilePart { path, .. } in &mut reading.files {
        *path = mask(path);
    }
    if let Some(forward) = &mut reading.forward {
        forward.address = mask(&forward.address);
        forward.at.iter_mut().for_each(|address| *address = mask(address));
    }
    for value in reading.session.values_mut() {
        *value = mask(value);
    }
    for Statement { tables, columns, functions, .. } in &mut reading.statements {
        for name in tables.iter_mut().chain(columns).chain(functions) {
            *name = mask(name);
        }
    }
}
