//! Reading SQL: what each statement of a text does, to which tables, by which functions.
//!
//! The grammar is PostgreSQL's own. What cannot be known before it runs makes the reading
//! `unreadable`; a guess is never made in favour of the command. Reasons never quote the command:
//! they are shown unmasked. What a function does inside, or what a name means under another
//! `search_path`, cannot be seen here.

mod cache;
mod circumstances;
mod command;
mod found;
mod functions;
mod handling;
pub mod lineage;
mod parse;
mod reads;
mod statement;
mod tags;
mod tree;
mod values;
mod walk;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use proto::reading::Reading;

pub use circumstances::{CIRCUMSTANCES, Circumstances};
pub(crate) use command::shown;
pub use command::{Bind, SqlCommand, without_parameters};
use found::Found;
pub(crate) use found::Parts;
pub use handling::{CopyWay, Handling, Prepared, Setting, To, Transaction};
pub use reads::only_reads;
pub(crate) use tags::{all as all_tags, inherent};
use tree::Tree;
use walk::Walk;

/// The reader and its version, as readings name it. A change of what is found needs a new number.
pub const READER: &str = "sql/2";
/// The longest text that is read, in bytes.
pub const TEXT_LIMIT: usize = 1024 * 1024;
/// The most statements in one text.
pub const STATEMENT_LIMIT: usize = 1000;
/// How deep texts may lie in texts: prepared statements, functions that run SQL.
pub const DEPTH_LIMIT: usize = 4;
/// The most tables, and the most functions, of one statement.
const NAME_LIMIT: usize = 256;
/// The most columns that are told of one statement.
const COLUMN_LIMIT: usize = 64;

/// How the session takes text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether a backslash in `'…'` is only a backslash.
    pub standard_conforming_strings: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { standard_conforming_strings: true }
    }
}

/// The text of a prepared statement, by its name.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// A text that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// What decisions depend on, but for the policy's conditions. Words are raw.
    pub reading: Reading,
    /// What each statement means for the protocol, in the order of the reading's statements.
    pub handling: Vec<Handling>,
    /// Prepared statements that it executes and does not prepare itself, by name.
    pub executes: Vec<String>,
    /// The names in each statement, taken apart.
    pub(crate) names: Vec<Names>,
}

/// The names in one statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) tables: Vec<Parts>,
    pub(crate) functions: Vec<Parts>,
}

/// Reads a text of SQL as PostgreSQL would. A prepared statement that it executes is known only if
/// the text itself prepares it.
#[must_use]
pub fn read(text: &str, options: Options) -> Arc<Script> {
    static CACHE: OnceLock<cache::Cache> = OnceLock::new();
    let cache = CACHE.get_or_init(cache::Cache::default);
    let key = cache::Key::of(text, options);
    if let Some(script) = cache.get(&key) {
        return script;
    }
    let script = Arc::new(read_anew(text, options));
    cache.put(key, text.len(), script.clone());
    script
}

/// Reads a text of SQL without looking at what was read before.
#[must_use]
pub fn read_anew(text: &str, options: Options) -> Script {
    read_with(text, options, &|_| None)
}

/// Reads a text of SQL; `lookup` gives the text of a prepared statement by its name. Reads the same
/// text only to the same result while `lookup` gives the same, so nothing is kept.
#[must_use]
pub fn read_with(text: &str, options: Options, lookup: &Lookup<'_>) -> Script {
    let trees = match parse::trees(text, options) {
        Ok(trees) => trees,
        Err(why) => return unreadable(why),
    };
    let mut script = unreadable("");
    script.reading.unreadable = None;
    // What this text itself prepares, and forgets.
    let mut own: BTreeMap<String, Option<&Tree>> = BTreeMap::new();
    for (tree, place) in &trees {
        let (tag, mut found) = one(tree, options, lookup, &own);
        remember(tree, &found.handling, &mut own);
        if let Some(Prepared::Prepare(_)) = &found.handling.prepared {
            let own = text.get(place.clone()).map(|text| text.trim().to_owned());
            found.handling.prepares = own;
        }
        for name in std::mem::take(&mut found.executes) {
            if !script.executes.contains(&name) {
                script.executes.push(name);
            }
        }
        if let Some(why) = found.unreadable {
            script.reading.unreadable.get_or_insert_with(|| why.to_owned());
        }
        script.reading.statements.push(found.statement(&tag));
        script.handling.push(found.handling);
        script.names.push(Names { tables: found.tables, functions: found.functions });
    }
    script
}

/// A text of which nothing is known but why.
pub(crate) fn unreadable(why: &str) -> Script {
    let unreadable = Some(why.to_owned());
    let reading = Reading { reader: READER.to_owned(), unreadable, ..Reading::default() };
    Script { reading, ..Script::default() }
}

fn one(
    tree: &Tree,
    options: Options,
    lookup: &Lookup<'_>,
    own: &BTreeMap<String, Option<&Tree>>,
) -> (String, Found) {
    let mut walk = Walk::new(lookup, options, 0);
    match own.get(tree.get("name").text()) {
        Some(prepared) if tree.kind() == "ExecuteStmt" => {
            match prepared {
                Some(query) => walk.walk(query),
                None => walk.found.doubt("it executes a prepared statement that it forgets before"),
            }
            walk.all(tree.get("params").list());
            walk.found.runs = prepared.and_then(statement::tag);
        }
        _ => walk.top(tree),
    }
    let mut found = walk.found;
    let mut tag = statement::tag(tree).unwrap_or_default();
    statement::handling(tree, &tag, &mut found.handling);
    if tag == "select" && found.into {
        "select into".clone_into(&mut tag);
        found.handling.returns_rows = false;
    }
    // What executes something by name is judged as what it executes.
    let runs = found.runs.take().filter(|_| tree.kind() == "ExecuteStmt");
    (runs.unwrap_or(tag), found)
}

fn remember<'t>(tree: &'t Tree, handling: &Handling, own: &mut BTreeMap<String, Option<&'t Tree>>) {
    match &handling.prepared {
        Some(Prepared::Prepare(name)) => {
            own.insert(name.clone(), Some(tree.get("query")));
        }
        Some(Prepared::Deallocate(name)) => {
            own.insert(name.clone(), None);
        }
        Some(Prepared::DeallocateAll) => own.values_mut().for_each(|query| *query = None),
        Some(Prepared::Execute(_)) | None => {}
    }
}
