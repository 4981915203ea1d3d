//! What was found so far in one statement and in all that runs inside of it.

use std::collections::BTreeSet;

use proto::reading::{Effect, Statement};

use super::handling::Handling;
use super::{COLUMN_LIMIT, NAME_LIMIT};

/// A name and what qualifies it, the name last.
pub(crate) type Parts = Vec<String>;

/// What was found so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) effects: BTreeSet<Effect>,
    pub(super) tables: Vec<Parts>,
    pub(super) columns: Vec<String>,
    pub(super) functions: Vec<Parts>,
    pub(super) unbounded: bool,
    /// Whether it is, or runs, a COPY.
    pub(super) copies: bool,
    pub(super) unreadable: Option<&'static str>,
    pub(super) handling: Handling,
    /// The tag of what an `EXECUTE` runs, when that is known.
    pub(super) runs: Option<String>,
    /// Prepared statements that were asked for by name.
    pub(super) executes: Vec<String>,
    /// Whether a `SELECT` makes a table.
    pub(super) into: bool,
}

impl Found {
    /// Notes why a part of what runs is not known; the first reason stays.
    pub(super) fn doubt(&mut self, why: &'static str) {
        self.unreadable.get_or_insert(why);
    }

    pub(super) fn does(&mut self, effects: &[Effect]) {
        self.effects.extend(effects);
    }

    pub(super) fn table(&mut self, parts: Parts) {
        if parts.is_empty() || self.tables.contains(&parts) {
            return;
        }
        if self.tables.len() == NAME_LIMIT {
            return self.doubt("it names more than 256 tables");
        }
        self.tables.push(parts);
    }

    pub(super) fn function(&mut self, parts: Parts) {
        if parts.is_empty() || self.functions.contains(&parts) {
            return;
        }
        if self.functions.len() == NAME_LIMIT {
            return self.doubt("it calls more than 256 functions");
        }
        self.functions.push(parts);
    }

    /// Columns are told and decide nothing: those over the limit are left out.
    pub(super) fn column(&mut self, name: String) {
        if !name.is_empty() && self.columns.len() < COLUMN_LIMIT && !self.columns.contains(&name) {
            self.columns.push(name);
        }
    }

    /// As a reading tells it.
    pub(super) fn statement(&self, tag: &str) -> Statement {
        Statement {
            tag: tag.to_owned(),
            effects: self.effects.iter().copied().collect(),
            tables: self.tables.iter().map(|parts| written(parts)).collect(),
            columns: self.columns.clone(),
            functions: self.functions.iter().map(|parts| written(parts)).collect(),
            unbounded: self.unbounded,
            copies: self.copies,
        }
    }
}

/// A name as one would write it; a part that has a dot or a quote in it is quoted.
fn written(parts: &[String]) -> String {
    let part = |part: &String| {
        if part.contains(['.', '"']) {
            format!("\"{}\"", part.replace('"', "\"\""))
        } else {
            part.clone()
        }
    };
    parts.iter().map(part).collect::<Vec<_>>().join(".")
}
