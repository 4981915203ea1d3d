//! What of a database's answers is not shown because columns are masked: kept beside the
//! conversation, statement by statement. Pure; it knows no policy and reads no SQL.
//!
//! Where columns are masked, an answer of which nothing is known is not shown.

use std::collections::HashMap;
use std::sync::Arc;

use node_enforce::mask::Form;
use node_enforce::sql::lineage::{CopyForm, Lineage, Output, Outputs, Says, Shown};

use crate::codec::places::{Finder, Malformed};
use crate::codec::read::{self, Column};
use crate::surroundings::Surroundings;
use crate::types;

/// How many cursors, and how many statements of SQL's own PREPARE, are remembered.
const NAMES: usize = 1024;
/// How a change of the application's name begins.
const NAME: &[u8] = b"application_name\0";

/// What is known of one statement that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    pub(crate) lineage: Lineage,
    /// The name of the cursor that it makes.
    pub(crate) cursor: Option<String>,
    /// The name and text that it prepares.
    pub(crate) prepares: Option<(String, Arc<str>)>,
}

/// What is not shown of a connection.
#[derive(Debug)]
pub(crate) struct Veil {
    /// Whether any column is masked in the session.
    pub(crate) drawn: bool,
    pub(crate) surroundings: Surroundings,
    /// Definitions that were committed by this connection.
    pub(crate) defined: bool,
    sights: Arc<[Sight]>,
    at: usize,
    /// The strictest of what is running, or ran in the transaction.
    says: Says,
    cursors: HashMap<String, Outputs>,
    prepared: HashMap<String, Arc<str>>,
    /// Lines of a copy that were passed.
    lines: u64,
}

/// How the values of the result that comes are shown.
#[derive(Clone, Copy, Debug)]
pub(crate) enum View<'a> {
    /// No column is masked in it.
    Plain,
    /// Nothing of it is shown.
    Hidden,
    /// By column; as many as there are.
    Columns(&'a [Output]),
}

impl Veil {
    pub(crate) fn new() -> Self {
        Self {
            drawn: false,
            surroundings: Surroundings::default(),
            defined: false,
            sights: Arc::default(),
            at: 0,
            says: Says::Plain,
            cursors: HashMap::new(),
            prepared: HashMap::new(),
            lines: 0,
        }
    }

    /// The text that SQL prepared under a name.
    pub(crate) fn prepared(&self, name: &str) -> Option<Arc<str>> {
        self.prepared.get(name).cloned()
    }

    /// Something of which this is known is sent: from now on its errors may come.
    pub(crate) fn expect(&mut self, sights: &[Sight]) {
        let says = sights.iter().map(|sight| sight.lineage.says).max();
        self.says = self.says.max(says.unwrap_or(Says::Plain));
    }

    /// It runs: from now on its rows may come.
    pub(crate) fn run(&mut self, sights: Arc<[Sight]>) {
        (self.sights, self.at, self.lines) = (sights, 0, 0);
    }

    fn outputs(&self) -> &Outputs {
        match self.sights.get(self.at).map(|sight| &sight.lineage.outputs) {
            Some(Outputs::Cursor(name)) => self.cursors.get(name).unwrap_or(&Outputs::Hidden),
            Some(outputs) => outputs,
            None => &Outputs::Hidden,
        }
    }

    /// How the values of a result are shown whose columns the database describes like this; it
    /// describes nothing of some.
    pub(crate) fn view(&self, origins: &[(u32, i16)]) -> View<'_> {
        if !self.drawn {
            return View::Plain;
        }
        match self.outputs() {
            Outputs::Plain => View::Plain,
            Outputs::Hidden | Outputs::Cursor(_) => View::Hidden,
            Outputs::Columns(columns) => {
                // Were it described otherwise, it would be another query than the one looked at.
                let same = columns.len() == origins.len()
                    && columns.iter().zip(origins).all(|(one, origin)| one.origin == *origin);
                if same || origins.is_empty() { View::Columns(columns) } else { View::Hidden }
            }
        }
    }

    /// Finds the values in what is copied out.
    pub(crate) fn copied(
        &mut self,
        body: &[u8],
        mut finder: Finder<'_>,
        binary: bool,
    ) -> Result<(), Malformed> {
        self.lines += 1;
        let form = self.sights.get(self.at).and_then(|sight| sight.lineage.copy);
        match (self.view(&[]), form) {
            (view, _) if binary => finder.tuple(body, view),
            (view, _) if view.is_plain() => finder.all(body),
            (_, Some(CopyForm::Lines { header: true, .. })) if self.lines == 1 => finder.all(body),
            (view, Some(CopyForm::Lines { csv, delimiter, .. })) => {
                finder.line(body, view, (csv, delimiter))
            }
            // Nobody knows how it is written: then nobody knows what is in it.
            (_, Some(CopyForm::Binary) | None) => Err(Malformed(b'd')),
        }
    }

    /// Finds the texts in an error, a notice, a notification or a setting that changed.
    pub(crate) fn said(
        &self,
        kind: u8,
        body: &[u8],
        mut finder: Finder<'_>,
    ) -> Result<(), Malformed> {
        match kind {
            // Somebody may have made it of masked values, whoever that was.
            b'A' if self.drawn => finder.silent_behind(kind, body, 4),
            b'A' => finder.texts(kind, body, 4),
            // The one of them that may be any text, and that a function may have made.
            b'S' if self.drawn && self.says == Says::Nothing && body.starts_with(NAME) => {
                finder.silent_behind(kind, body, 0)
            }
            b'S' => finder.texts(kind, body, 0),
            _ if self.hides(body) => finder.silent(kind, body),
            _ => finder.fields(kind, body),
        }
    }

    /// Whether an error or notice is not shown. What is wrong with names and grammar (class 42 of
    /// PostgreSQL's documentation, appendix A) and points into the statement's own text was found
    /// before any value was read. Without a place it may be of a value: of `ssn::regclass`.
    pub(crate) fn hides(&self, body: &[u8]) -> bool {
        let about_names = || {
            let state = read::field(body, b'C').unwrap_or_default();
            state.starts_with(b"42") && read::field(body, b'P').is_some()
        };
        match self.says {
            _ if !self.drawn => false,
            Says::Plain => false,
            Says::Names => !about_names(),
            Says::Nothing => true,
        }
    }

    /// A statement is over.
    pub(crate) fn completed(&mut self, tag: &[u8]) {
        self.surroundings.completed(tag);
        if tag.starts_with(b"DEALLOCATE") || tag.starts_with(b"DISCARD ALL") {
            self.prepared.clear();
        }
        let Some(sight) = self.sights.get(self.at) else { return };
        if let Some(name) = &sight.cursor
            && tag == b"DECLARE CURSOR"
        {
            if self.cursors.len() >= NAMES {
                self.cursors.clear();
            }
            self.cursors.insert(name.clone(), sight.lineage.outputs.clone());
        }
        if let Some((name, text)) = &sight.prepares
            && tag == b"PREPARE"
        {
            if self.prepared.len() >= NAMES {
                self.prepared.clear();
            }
            self.prepared.insert(name.clone(), text.clone());
        }
        (self.at, self.lines) = (self.at + 1, 0);
    }

    pub(crate) fn failed(&mut self) {
        self.surroundings.failed();
    }

    pub(crate) fn ready(&mut self, is_idle: bool) {
        self.defined |= self.surroundings.ready(is_idle);
        if is_idle {
            self.says = Says::Plain;
        }
    }
}

impl View<'_> {
    /// How one value is replaced; none when only what is found in it is.
    pub(crate) fn form(self, index: usize, column: Column, described: bool) -> Option<Form> {
        let shown = match self {
            View::Plain => return None,
            View::Hidden => Shown::Hidden,
            // A row that is longer than its result is no row of it.
            View::Columns(columns) => columns.get(index).map_or(Shown::Hidden, |one| one.shown),
        };
        match shown {
            Shown::Plain => None,
            Shown::Hidden => Some(Form::Fixed(None)),
            Shown::Replaced { rule, kind } => {
                let kind = if described { column.kind } else { kind };
                Some(match types::is_text(kind) {
                    true => Form::Masked(rule),
                    false if described => Form::Fixed(types::blank(kind, column.binary)),
                    false => Form::Fixed(None),
                })
            }
        }
    }

    /// As [`View::form`], within a line of so many values.
    pub(crate) fn within(
        self,
        index: usize,
        count: usize,
        csv: bool,
        delimiter: u8,
    ) -> Option<Form> {
        let shown = match self {
            View::Plain => return None,
            View::Columns(columns) if columns.len() == count => columns[index].shown,
            View::Columns(_) | View::Hidden => Shown::Hidden,
        };
        let rule = match shown {
            Shown::Plain => return None,
            Shown::Replaced { rule, kind } if types::is_text(kind) => Some(rule),
            Shown::Replaced { .. } | Shown::Hidden => None,
        };
        Some(Form::Line { rule, csv, delimiter })
    }

    /// Whether everything is shown.
    pub(crate) fn is_plain(self) -> bool {
        match self {
            View::Plain => true,
            View::Hidden => false,
            View::Columns(columns) => columns.iter().all(|one| one.shown == Shown::Plain),
        }
    }
}
