//! Conditions on SQL statements.
//!
//! Like all conditions on text they are judged once, when a command is read; the outcome is in the
//! reading under the condition's own words: `sql:…` names the statements of which some part
//! satisfies it, `sql-all:…` those of which every part does.

use globset::{Glob, GlobMatcher};
use proto::reading::{Effect, Reading, Statement};

use super::check::Checker;
use super::compile::sorted;
use super::condition::{Evaluation, Part, Truth, covers, places};
use super::places::{Any, At};
use super::{PATTERN_LIMIT, raw};
use crate::sql::{Names, Parts, all_tags, inherent};

/// A condition on one statement.
#[derive(Debug)]
pub(crate) struct Sql {
    /// `sql:` or `sql-all:` and the condition's own words.
    any: String,
    all: String,
    tags: Vec<String>,
    effects: Vec<Effect>,
    tables: Vec<Pattern>,
    functions: Vec<Pattern>,
    unbounded: Option<bool>,
}

/// A pattern on a name that may be qualified.
#[derive(Debug)]
struct Pattern {
    schema: Option<GlobMatcher>,
    name: GlobMatcher,
}

impl Pattern {
    /// Whether it means a name. A name without a schema may be in any: `sure` asks whether it is
    /// surely meant.
    fn means(&self, parts: &Parts, sure: bool) -> bool {
        let Some((name, before)) = parts.split_last() else { return false };
        let in_schema = match (&self.schema, before.last()) {
            (None, _) => true,
            (Some(_), None) => !sure,
            (Some(schema), Some(written)) => schema.is_match(written),
        };
        in_schema && self.name.is_match(name)
    }
}

/// What an allow rule lets a statement do that does not say which effects: nothing that leaves
/// the database or its rights.
const ORDINARY: [Effect; 3] = [Effect::Read, Effect::Write, Effect::Ddl];

impl Sql {
    /// The outcome for these statements, as a reading keeps it.
    pub(crate) fn matched(&self, statements: &[Statement], names: &[Names]) -> Vec<String> {
        let outcome = |key: &str, holds: &dyn Fn(&Statement, &Names) -> bool| {
            let each = statements.iter().zip(names);
            let satisfied: Vec<bool> = each.map(|(one, names)| holds(one, names)).collect();
            satisfied.contains(&true).then(|| format!("{key}{}", places(&satisfied)))
        };
        let any = outcome(&self.any, &|one, names| self.holds(one, names));
        let all = outcome(&self.all, &|one, names| self.holds_all(one, names));
        any.into_iter().chain(all).collect()
    }

    /// Whether some part of a statement satisfies each key.
    fn holds(&self, one: &Statement, names: &Names) -> bool {
        let any = |patterns: &[Pattern], names: &[Parts]| {
            patterns.is_empty()
                || names.iter().any(|name| patterns.iter().any(|one| one.means(name, false)))
        };
        self.about(one)
            && (self.effects.is_empty() || one.effects.iter().any(|it| self.effects.contains(it)))
            && any(&self.tables, &names.tables)
            && any(&self.functions, &names.functions)
    }

    /// Whether all of a statement satisfies each key.
    fn holds_all(&self, one: &Statement, names: &Names) -> bool {
        let all = |patterns: &[Pattern], names: &[Parts]| {
            let means = |name: &Parts| patterns.iter().any(|one| one.means(name, true));
            patterns.is_empty() || !names.is_empty() && names.iter().all(means)
        };
        let inherent = if self.tags.is_empty() { None } else { inherent(&one.tag) };
        let inherent = inherent.unwrap_or_default();
        let meant = |effect: &Effect| match &self.effects[..] {
            [] => ORDINARY.contains(effect) || inherent.contains(effect),
            effects => effects.contains(effect),
        };
        self.about(one)
            && one.effects.iter().all(meant)
            && all(&self.tables, &names.tables)
            && all(&self.functions, &names.functions)
    }

    fn about(&self, one: &Statement) -> bool {
        (self.tags.is_empty() || self.tags.contains(&one.tag))
            && self.unbounded.is_none_or(|unbounded| unbounded == one.unbounded)
    }

    pub(super) fn judge(&self, reading: &Reading, on: Evaluation) -> Truth {
        if !reading.reader.starts_with("sql/") {
            return Truth::False;
        }
        let key = if on.all { &self.all } else { &self.any };
        let recorded = reading.matched.iter().find_map(|entry| entry.strip_prefix(&**key));
        let holds = |at: usize| recorded.is_some_and(|places| covers(places, at));
        let unread = reading.unreadable.is_some();
        let mut each = 0..reading.statements.len();
        match on.part {
            Part::One(at) => holds(at).into(),
            Part::Unread => Truth::Unknown,
            Part::Whole if on.all && !each.clone().all(holds) => Truth::False,
            Part::Whole if on.all && unread => Truth::Unknown,
            Part::Whole if on.all => Truth::True,
            Part::Whole if each.any(holds) => Truth::True,
            Part::Whole if unread => Truth::Unknown,
            Part::Whole => Truth::False,
        }
    }
}

/// Compiles a condition.
pub(super) fn compile(raw: &At<raw::Sql>, checker: &mut Checker<'_>) -> Sql {
    let (place, raw) = (raw.place, &raw.value);
    let lists = [&raw.statements, &raw.effects, &raw.tables, &raw.functions];
    if raw.unbounded.is_none() && lists.iter().all(|list| list.0.is_empty()) {
        let expected = "statements, effects, tables, functions or unbounded";
        checker.error(place, format!("`sql` needs {expected}"));
    }
    let key = serde_json::json!({
        "effects": sorted(&raw.effects),
        "functions": sorted(&raw.functions),
        "statements": sorted(&raw.statements),
        "tables": sorted(&raw.tables),
        "unbounded": raw.unbounded,
    });
    let effects = raw.effects.0.iter().filter_map(|word| checker.word(word, Effect::ALL)).collect();
    Sql {
        any: format!("sql:{key}"),
        all: format!("sql-all:{key}"),
        tags: tags(&raw.statements, checker),
        effects,
        tables: patterns(&raw.tables, "table", checker),
        functions: patterns(&raw.functions, "function", checker),
        unbounded: raw.unbounded,
    }
}

/// The tags that are meant: each pattern must mean one at least.
fn tags(written: &Any<String>, checker: &mut Checker<'_>) -> Vec<String> {
    let known = all_tags();
    let mut meant = Vec::new();
    for word in &written.0 {
        if !word.value.contains(['*', '?']) {
            let words: Vec<(&str, &String)> = known.iter().map(|tag| (tag.as_str(), tag)).collect();
            meant.extend(checker.word(word, &words).cloned());
            continue;
        }
        let Some(glob) = glob(word, &word.value, checker) else { continue };
        let before = meant.len();
        meant.extend(known.iter().filter(|tag| glob.is_match(tag)).cloned());
        if meant.len() == before {
            let what = format!(
                "`{}` is no command tag's pattern, expected one such as drop *",
                word.value
            );
            checker.error(word.place, what);
        }
    }
    meant
}

fn patterns(written: &Any<String>, what: &str, checker: &mut Checker<'_>) -> Vec<Pattern> {
    let mut patterns = Vec::new();
    for word in &written.0 {
        let parts: Vec<&str> = word.value.split('.').collect();
        let (schema, name) = match parts[..] {
            [name] if !name.is_empty() => (None, name),
            [schema, name] if !schema.is_empty() && !name.is_empty() => (Some(schema), name),
            _ => {
                let text = format!("found `{}`, expected {what} or schema.{what}", word.value);
                checker.error(word.place, text);
                continue;
            }
        };
        let schema = schema.map(|schema| glob(word, schema, checker));
        let (schema, Some(name)) = (schema, glob(word, name, checker)) else { continue };
        match schema {
            Some(None) => {}
            Some(Some(schema)) => patterns.push(Pattern { schema: Some(schema), name }),
            None => patterns.push(Pattern { schema: None, name }),
        }
    }
    patterns
}

fn glob(written: &At<String>, pattern: &str, checker: &mut Checker<'_>) -> Option<GlobMatcher> {
    if pattern.len() > PATTERN_LIMIT {
        checker.error(written.place, format!("a pattern has at most {PATTERN_LIMIT} bytes"));
        return None;
    }
    let glob = Glob::new(pattern).inspect_err(|error| {
        checker.error(written.place, format!("not a pattern: {}", error.kind()));
    });
    Some(glob.ok()?.compile_matcher())
}
