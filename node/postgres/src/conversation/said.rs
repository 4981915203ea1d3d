//! What statements do to names and parameters of the session once they are done, and what a text
//! is said in because of that. SQL's `PREPARE` and the protocol's `Parse` share one namespace.

use std::sync::Arc;

use node_enforce::sql::{self, CIRCUMSTANCES, Circumstances, Handling, Prepared, Script};

use super::names::key;
use super::{Conversation, Passed, Statement};
use crate::codec::read::Reader;
use crate::surroundings::Lookup;

/// How many prepared statements a text may execute, those that they execute counted too.
const EXECUTED: usize = 16;
/// What is bound to a text's parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameters<'a> {
    /// The body of the `Bind`.
    pub(crate) bind: &'a [u8],
    /// Their types, as [`Statement::known_types`] has them.
    pub(crate) types: &'a [u8],
}

/// The numbers of types as messages have them, behind their count; nothing when none was said.
fn numbers(types: &[u8]) -> Option<Vec<u32>> {
    let (_, numbers) = types.split_first_chunk::<2>()?;
    let numbers: Vec<u32> = numbers
        .chunks_exact(4)
        .map(|number| number.iter().fold(0, |sum, byte| (sum << 8) | u32::from(*byte)))
        .collect();
    numbers.iter().any(|number| *number != 0).then_some(numbers)
}

/// A text as it is read; of one that is not UTF-8, nothing is known.
pub(crate) fn script(text: &[u8]) -> Arc<Script> {
    match std::str::from_utf8(text) {
        Ok(text) => sql::read(text, sql::Options::default()),
        Err(_) => Arc::default(),
    }
}

/// Whether a text could be taken for something that is not text.
pub(crate) fn is_no_text(text: &[u8]) -> bool {
    text.first() == Some(&CIRCUMSTANCES)
}

impl Conversation {
    /// The bytes that are judged for a text, with its parameters if it has any; and how it is
    /// read, as far as what it does to names and parameters can be told.
    pub(crate) fn command(
        &self,
        script: &Arc<Script>,
        text: &[u8],
        parameters: Option<Parameters<'_>>,
    ) -> (Vec<u8>, Arc<Script>) {
        let mut said_in = Circumstances::default();
        let bind = parameters.as_ref().map(|parameters| parameters.bind);
        said_in.types =
            parameters.and_then(|parameters| numbers(parameters.types)).unwrap_or_default();
        for (name, value) in self.tracked.values() {
            said_in.settings.push((name.as_bytes(), value.as_bytes()));
        }
        let script = self.executed_by(script, &mut said_in);
        let mut command = Vec::with_capacity(text.len() + bind.map_or(0, |bind| bind.len() + 1));
        said_in.write(&mut command);
        command.extend_from_slice(text);
        if let Some(bind) = bind {
            command.push(0);
            command.extend_from_slice(bind);
        }
        (command, script)
    }

    /// How names are looked up in what is judged now, as far as that is known.
    pub(crate) fn lookup(&self) -> Option<Lookup> {
        self.tracked.lookup()
    }

    /// Whether they are, whatever becomes of the transaction.
    pub(crate) fn is_settled(&self) -> bool {
        self.tracked.is_settled()
    }

    /// Finds what is executed by name, and what that executes. What is not found stays away: then
    /// the text cannot be read.
    fn executed_by<'a>(
        &'a self,
        script: &Arc<Script>,
        found: &mut Circumstances<'a>,
    ) -> Arc<Script> {
        let mut names: Vec<String> = script.executes.clone();
        let mut is_seen = true;
        while let Some(name) = names.pop() {
            let name = name.as_bytes();
            let is_found = found.prepared.iter().any(|(known, _)| *known == key(name));
            let Some((known, statement)) = self.kept(name).filter(|_| !is_found) else { continue };
            if found.prepared.len() == EXECUTED {
                found.prepared.clear();
                break;
            }
            is_seen &= only_runs(&statement.script);
            names.extend(statement.script.executes.iter().cloned());
            found.prepared.push((known, &statement.definition));
        }
        // What is done to names by way of another statement may be done before the next one runs.
        if !is_seen && script.handling.len() > 1 {
            found.prepared.clear();
        }
        // What it does to names and transactions by way of another statement is not counted.
        if is_seen { script.clone() } else { Arc::default() }
    }

    /// A statement of a text has done what it does.
    pub(super) fn done(&mut self, script: &Script, at: usize, tag: &[u8]) {
        match script.handling.get(at) {
            Some(handling) => {
                self.renamed(handling);
                self.tracked.done(handling, tag);
            }
            None => self.done_unread(tag),
        }
    }

    /// Settings without which the gateway does not read what the database reads.
    pub(super) fn status(&mut self, body: &[u8]) -> Passed {
        let mut reader = Reader::new(body);
        let (name, value) = (reader.name().unwrap_or_default(), reader.name().unwrap_or_default());
        self.tracked.told(name, value);
        match name {
            b"client_encoding" if value != b"UTF8" => Passed::Unfit("client_encoding is not UTF8"),
            b"standard_conforming_strings" if value != b"on" => {
                Passed::Unfit("standard_conforming_strings is off")
            }
            _ => Passed::On,
        }
    }

    fn renamed(&mut self, handling: &Handling) {
        match (&handling.prepared, &handling.prepares) {
            (Some(Prepared::Prepare(name)), Some(text)) if self.has_room(text.len()) => {
                let statement = Statement::prepared_by_sql(name, text);
                self.keep(key(name.as_bytes()).into(), statement);
            }
            // What there is no room for is not known, and is not executed by its name.
            (Some(Prepared::Prepare(name) | Prepared::Deallocate(name)), _) => {
                self.forget(b'S', name.as_bytes())
            }
            (Some(Prepared::DeallocateAll), _) => self.forget_statements(),
            _ => {}
        }
    }

    /// What it was that nobody could read may have changed whatever its tag is about.
    fn done_unread(&mut self, tag: &[u8]) {
        if [&b"PREPARE"[..], b"DEALLOCATE", b"DISCARD"].iter().any(|word| tag.starts_with(word)) {
            self.forget_statements();
        }
        self.tracked.done_unread();
    }

    /// SQL takes all names away; what has none of its own stays with the protocol.
    fn forget_statements(&mut self) {
        self.statements.retain(|name, _| name.is_empty());
        self.count_texts();
    }
}

/// Whether a prepared statement does nothing to names, parameters and transactions.
fn only_runs(script: &Script) -> bool {
    let is_prepared = |one: &Handling| {
        // What SQL prepared stands here by the statement that did so; to run it prepares nothing.
        matches!(one.prepared, None | Some(Prepared::Execute(_) | Prepared::Prepare(_)))
    };
    let only =
        |one: &Handling| is_prepared(one) && one.transaction.is_none() && one.settings.is_empty();
    !script.handling.is_empty() && script.handling.iter().all(only)
}

impl Statement {
    /// What SQL's `PREPARE` made: to run it is to execute it by its name.
    fn prepared_by_sql(name: &str, text: &str) -> Self {
        let execute = format!("EXECUTE \"{}\"", name.replace('"', "\"\""));
        let script = script(execute.as_bytes());
        let definition = text.as_bytes().into();
        let (text, types) = (execute.into_bytes().into(), Arc::default());
        Self { text, definition, script, types, described: None, shape: None }
    }
}
