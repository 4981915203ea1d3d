//! Which reader reads a command: the one place that knows.
//!
//! The kind of the target and of the channel say it, and nothing in the command itself does.

use std::sync::Arc;

use proto::reading::{Channel, Program, Reading, Statement};
use proto::target::TargetKind;

use crate::mask::{Finding, MaskPlan, Raw, mask_text};
use crate::shell::{self, NOWHERE, OpenWords};
use crate::sql::{self, Script, SqlCommand};
use crate::terminal;

/// What reads a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A text for a login's shell.
    Shell,
    /// What was seen of a terminal when a key was pressed that may submit a line.
    Terminal,
    /// SQL, perhaps with parameters behind it.
    Sql,
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
}

/// A command as the record and approvers see it.
#[derive(Debug)]
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
            (TargetKind::Postgres, _) => Self::Sql,
            _ => Self::None,
        }
    }

    pub(crate) fn open(self, bytes: &[u8]) -> Opened {
        let (mut words, mut script) = (Vec::new(), Arc::default());
        let reading = match self {
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
            Self::None => Reading { reader: "none/1".to_owned(), ..Reading::default() },
        };
        Opened { reading, words, script }
    }

    /// The texts in a command that a regular expression looks at.
    pub(crate) fn texts(self, bytes: &[u8]) -> Vec<&[u8]> {
        if self == Self::Terminal {
            return vec![terminal::text(bytes)];
        }
        let command = if self == Self::Sql { SqlCommand::parse(bytes) } else { None };
        let Some(command) = command else { return vec![bytes] };
        let values = command.bind.into_iter().flat_map(|bind| bind.values);
        let prepared = command.circumstances.prepared.into_iter().map(|(_, text)| text);
        std::iter::once(command.text).chain(values.flatten()).chain(prepared).collect()
    }

    /// A command as the record and approvers see it.
    #[must_use]
    pub fn shown(self, plan: &Arc<MaskPlan>, bytes: &[u8]) -> Shown {
        match self {
            Self::Sql => sql::shown(plan, bytes),
            Self::Terminal => Shown::of(plan, terminal::shown(bytes)),
            Self::Shell | Self::None => Shown::of(plan, bytes),
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

/// Puts every word of a reading through `mask`: names, arguments, files, tables, columns and
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
    for value in reading.session.values_mut() {
        *value = mask(value);
    }
    for Statement { tables, columns, functions, .. } in &mut reading.statements {
        for name in tables.iter_mut().chain(columns).chain(functions) {
            *name = mask(name);
        }
    }
}
