//! What a database says of itself, as far as lineage needs it: relations and their columns, which
//! of them are masked, functions and whether they can be seen into.

use std::collections::{BTreeSet, HashMap, HashSet};

use globset::{Glob, GlobMatcher};

use crate::mask::{Action, strength};
use crate::policy::{ColumnMask, Derived, Predicates};
use crate::sql::functions::{Special, special};

/// Numbers below this are the server's own objects, the same in every database.
const FIRST_OF_USERS: u32 = 16_384;
/// What the planner knows of values: `pg_statistic.stavalues1` to `5`, and the values of extended
/// statistics (`pg_statistic_ext_data`): as good as the columns themselves.
const STATISTICS: u32 = 2619;
const STATISTICS_VALUES: std::ops::RangeInclusive<i16> = 27..=31;
const EXTENDED_STATISTICS: u32 = 3429;

/// How a masked column is shown, and what may be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mask {
    /// Which mask of the plan replaces its values; none: there is nothing but null for them.
    pub(super) rule: Option<u16>,
    pub(super) derived: Derived,
    pub(super) predicates: Predicates,
}

/// A relation, as the catalog has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relation {
    /// Its number.
    pub oid: u32,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its columns: number, name, and the comment on it.
    pub columns: Vec<(i16, String, String)>,
}

/// A function, as the catalog has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Function {
    /// Its number.
    pub oid: u32,
    /// Its schema and its name.
    pub name: [String; 2],
    /// `pg_proc.prokind`.
    pub kind: char,
    /// `pg_language.lanname`.
    pub language: String,
    /// `pg_proc.provolatile`.
    pub volatility: char,
}

/// The rows of a catalog.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Tables, views and their like, but for the server's own and temporary ones.
    pub relations: Vec<Relation>,
    /// Children and their parents.
    pub inherits: Vec<(u32, u32)>,
    /// Views and materialized views, and what they read.
    pub reads: Vec<(u32, u32)>,
    /// Generated columns: the table, the column, a column that it is made of.
    pub generated: Vec<(u32, i16, i16)>,
    /// All functions.
    pub functions: Vec<Function>,
    /// Operators and their functions.
    pub operators: Vec<(u32, u32)>,
    /// Materialized views, whose rows are kept apart from what they were read from.
    pub kept_views: Vec<u32>,
}

/// Whether a function can be seen into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// It computes, and does nothing else.
    Pure,
    /// It does something with what it is given, and gives nothing that it was not given.
    Acts,
    /// It may read anything.
    Opaque {
        /// And keep it somewhere.
        acts: bool,
    },
}

/// A catalog with masks on it.
#[derive(Debug, Default)]
pub struct Catalog {
    names: HashMap<String, Vec<(String, u32)>>,
    columns: HashMap<u32, Vec<(i16, String)>>,
    masked: HashMap<(u32, i16), Mask>,
    bearing: HashSet<u32>,
    functions: HashMap<u32, Sight>,
    function_names: HashMap<String, bool>,
    operators: HashMap<u32, u32>,
    kept_views: Vec<u32>,
    every_mask: Option<Mask>,
}

impl Catalog {
    /// A catalog as it is, with the masks that apply.
    #[must_use]
    pub fn new(rows: Rows, masks: &[ColumnMask]) -> Self {
        let mut catalog = Self { every_mask: strictest(masks), ..Self::default() };
        let matchers: Vec<_> = masks.iter().map(Matcher::of).collect();
        for relation in &rows.relations {
            for (number, name, comment) in &relation.columns {
                if let Some(mask) = mask_of(masks, &matchers, relation, name, comment) {
                    catalog.masked.insert((relation.oid, *number), mask);
                }
            }
        }
        for relation in rows.relations {
            let named = catalog.names.entry(relation.name).or_default();
            named.push((relation.schema, relation.oid));
            let columns = relation.columns.into_iter().map(|(number, name, _)| (number, name));
            catalog.columns.insert(relation.oid, columns.collect());
        }
        catalog.learn_functions(&rows.functions);
        catalog.operators = rows.operators.into_iter().collect();
        catalog.spread(&rows.inherits, &rows.generated);
        catalog.bear(&rows.reads);
        catalog.kept_views = rows.kept_views;
        catalog.kept_views.retain(|view| catalog.bearing.contains(view));
        catalog
    }

    fn learn_functions(&mut self, functions: &[Function]) {
        for function in functions {
            let sight = sight_of(function);
            let pure = self.function_names.entry(function.name[1].clone()).or_insert(true);
            *pure &= !matches!(sight, Sight::Opaque { .. });
            // Of the server's own, only what is no plain computation is remembered.
            if function.oid >= FIRST_OF_USERS || sight != Sight::Pure {
                self.functions.insert(function.oid, sight);
            }
        }
    }

    /// Masks go on from tables to their partitions and children and back, since either is read
    /// through the other, and to columns that are made of masked ones.
    fn spread(&mut self, inherits: &[(u32, u32)], generated: &[(u32, i16, i16)]) {
        loop {
            let before = self.masked.len();
            for (child, parent) in inherits {
                self.go_on(*parent, *child);
                self.go_on(*child, *parent);
            }
            for (table, column, from) in generated {
                if let Some(mask) = self.masked.get(&(*table, *from)).copied() {
                    let made = Mask { rule: None, ..mask };
                    self.masked.entry((*table, *column)).or_insert(made);
                }
            }
            if self.masked.len() == before {
                return;
            }
        }
    }

    /// Masks columns of a table as those of the same names of another are.
    fn go_on(&mut self, from: u32, to: u32) {
        let (Some(sources), Some(own)) = (self.columns.get(&from), self.columns.get(&to)) else {
            return;
        };
        for (number, name) in sources {
            let Some(mask) = self.masked.get(&(from, *number)).copied() else { continue };
            if let Some((number, _)) = own.iter().find(|(_, known)| known == name) {
                self.masked.entry((to, *number)).or_insert(mask);
            }
        }
    }

    /// What has masked columns, or reads what has.
    fn bear(&mut self, reads: &[(u32, u32)]) {
        self.bearing.extend(self.masked.keys().map(|(table, _)| *table));
        loop {
            let more = reads.iter().filter(|(_, from)| self.bearing.contains(from));
            let more: Vec<u32> = more.map(|(view, _)| *view).collect();
            let before = self.bearing.len();
            self.bearing.extend(more);
            if self.bearing.len() == before {
                return;
            }
        }
    }

    /// Whether any column is masked here.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.masked.is_empty()
    }

    /// Materialized views that read masked columns: their own columns are to be told by
    /// [`Catalog::mask_view`].
    #[must_use]
    pub fn kept_views(&self) -> &[u32] {
        &self.kept_views
    }

    /// Masks the columns of a materialized view as those of its query are; all of them when that
    /// is not known. Whether that changed anything.
    pub fn mask_view(&mut self, view: u32, query: Option<&super::Lineage>) -> bool {
        let Some(every) = self.every_mask else { return false };
        let before = self.masked.len();
        let columns = self.columns.get(&view).cloned().unwrap_or_default();
        for (at, (number, _)) in columns.into_iter().enumerate() {
            let shown = match query.map(|query| &query.outputs) {
                Some(super::Outputs::Plain) => continue,
                Some(super::Outputs::Columns(outputs)) => outputs.get(at).map(|one| one.shown),
                Some(super::Outputs::Hidden | super::Outputs::Cursor(_)) | None => None,
            };
            let rule = match shown {
                Some(super::Shown::Plain) => continue,
                Some(super::Shown::Replaced { rule, .. }) => Some(rule),
                Some(super::Shown::Hidden) | None => None,
            };
            self.masked.entry((view, number)).or_insert(Mask { rule, ..every });
        }
        self.masked.len() != before
    }

    pub(super) fn mask(&self, relation: u32, column: i16) -> Option<Mask> {
        if let Some(mask) = self.masked.get(&(relation, column)) {
            return Some(*mask);
        }
        let statistics = relation == STATISTICS && STATISTICS_VALUES.contains(&column)
            || relation == EXTENDED_STATISTICS;
        self.every_mask.filter(|_| statistics).map(|mask| Mask { rule: None, ..mask })
    }

    /// The masked columns of a relation.
    pub(super) fn masks(&self, relation: u32) -> BTreeSet<Mask> {
        if relation < FIRST_OF_USERS {
            return STATISTICS_VALUES.filter_map(|column| self.mask(relation, column)).collect();
        }
        let columns = self.columns.get(&relation).into_iter().flatten();
        columns.filter_map(|(number, _)| self.mask(relation, *number)).collect()
    }

    /// What is to be taken for known of a view's own rows, which only its triggers give.
    pub(super) fn view(&self, relation: u32) -> Option<Mask> {
        self.every_mask.filter(|_| self.bearing.contains(&relation))
    }

    /// Whether a relation was there when the catalog was read.
    pub(super) fn knows(&self, relation: u32) -> bool {
        relation < FIRST_OF_USERS || self.columns.contains_key(&relation)
    }

    pub(super) fn function(&self, oid: u32) -> Sight {
        let unknown = if oid < FIRST_OF_USERS { Sight::Pure } else { Sight::Opaque { acts: true } };
        self.functions.get(&oid).copied().unwrap_or(unknown)
    }

    pub(super) fn operator(&self, oid: u32) -> Sight {
        match self.operators.get(&oid) {
            Some(function) => self.function(*function),
            None => Sight::Opaque { acts: true },
        }
    }

    /// Whether no function of a name can read what it was not given.
    pub(super) fn sees_nothing(&self, parts: &[String]) -> bool {
        let known = parts.last().and_then(|name| self.function_names.get(name));
        known.copied().unwrap_or(false)
    }

    /// Whether a name may mean something with masked columns in it; yes for one that is unknown.
    pub(super) fn may_bear(&self, parts: &[String]) -> bool {
        let Some((name, before)) = parts.split_last() else { return false };
        let schema = before.last();
        match schema.map(String::as_str) {
            Some("information_schema") => return false,
            Some("pg_catalog") => return name.starts_with("pg_stat"),
            _ => {}
        }
        let found = self.names.get(name).into_iter().flatten();
        let mut found = found.filter(|(known, _)| schema.is_none_or(|schema| schema == known));
        match found.next() {
            Some((_, first)) => {
                self.bearing.contains(first) || found.any(|(_, oid)| self.bearing.contains(oid))
            }
            None => true,
        }
    }

    /// Whether a name surely means something with masked columns in it, or that reads such.
    pub(super) fn bears(&self, parts: &[String]) -> bool {
        let Some((name, before)) = parts.split_last() else { return false };
        let schema = before.last();
        let found = self.names.get(name).into_iter().flatten();
        let mut found = found.filter(|(known, _)| schema.is_none_or(|schema| schema == known));
        found.any(|(_, oid)| self.bearing.contains(oid))
    }

    /// What everything is taken for of which nothing is known.
    pub(super) fn every_mask(&self) -> Option<Mask> {
        self.every_mask
    }
}

fn sight_of(function: &Function) -> Sight {
    let volatile = function.volatility == 'v';
    let own = function.oid < FIRST_OF_USERS;
    let seen = own || matches!(function.language.as_str(), "internal" | "c");
    let users_aggregate = function.kind == 'a' && !own;
    match special(&function.name[1..]).or_else(|| special(&function.name)) {
        // They wait, count or lock, with what they are given.
        Some(Special::Sets) => Sight::Acts,
        Some(Special::Does(effects)) if effects.iter().all(is_quiet) => Sight::Acts,
        Some(_) => Sight::Opaque { acts: true },
        None if !seen || users_aggregate => Sight::Opaque { acts: volatile },
        None if volatile => Sight::Acts,
        None => Sight::Pure,
    }
}

/// Effects by which nothing is read.
fn is_quiet(effect: &proto::reading::Effect) -> bool {
    use proto::reading::Effect::{Session, Write};
    matches!(effect, Session | Write)
}

/// The mask that forbids whatever any of them forbids.
fn strictest(masks: &[ColumnMask]) -> Option<Mask> {
    let derived = masks.iter().map(|mask| mask.derived).max()?;
    let predicates = masks.iter().map(|mask| mask.predicates).max()?;
    Some(Mask { rule: None, derived, predicates })
}

/// Which columns a mask is about.
struct Matcher {
    patterns: Vec<[GlobMatcher; 3]>,
    tags: Vec<String>,
}

impl Matcher {
    fn of(mask: &ColumnMask) -> Self {
        let glob = |part: &str| Glob::new(part).ok().map(|glob| glob.compile_matcher());
        let (mut patterns, mut tags) = (Vec::new(), Vec::new());
        for written in &mask.columns {
            if let Some(tag) = written.strip_prefix("tag:") {
                tags.push(format!("[{tag}]"));
                continue;
            }
            let parts: Vec<&str> = written.split('.').collect();
            if let [schema, table, column] = parts[..]
                && let (Some(schema), Some(table), Some(column)) =
                    (glob(schema), glob(table), glob(column))
            {
                patterns.push([schema, table, column]);
            }
        }
        Self { patterns, tags }
    }

    fn is_about(&self, relation: &Relation, column: &str, comment: &str) -> bool {
        let means = |[schema, table, name]: &[GlobMatcher; 3]| {
            schema.is_match(&relation.schema)
                && table.is_match(&relation.name)
                && name.is_match(column)
        };
        self.patterns.iter().any(means) || self.tags.iter().any(|tag| comment.contains(tag))
    }
}

/// The mask of a column: of all that are about it the strongest, with all that any forbids.
fn mask_of(
    masks: &[ColumnMask],
    matchers: &[Matcher],
    relation: &Relation,
    column: &str,
    comment: &str,
) -> Option<Mask> {
    let mut best: Option<(u8, Mask)> = None;
    for (at, (mask, matcher)) in masks.iter().zip(matchers).enumerate() {
        if !matcher.is_about(relation, column, comment) {
            continue;
        }
        let own = (strength(&mask.action), u16::try_from(at).ok());
        let own_rule = own.1.filter(|_| mask.action != Action::Null);
        let (mut strong, mut all) = best.unwrap_or((
            0,
            Mask { rule: own_rule, derived: mask.derived, predicates: mask.predicates },
        ));
        if own.0 > strong {
            (strong, all.rule) = (own.0, own_rule);
        }
        all.derived = all.derived.max(mask.derived);
        all.predicates = all.predicates.max(mask.predicates);
        best = Some((strong, all));
    }
    best.map(|(_, mask)| mask)
}
