//! Conditions on files.
//!
//! Like all conditions on text they are judged once, when a command is read; the outcome is in the
//! reading under the condition's own words: `files:…` names the parts that satisfy it,
//! `files-all:…` those of which it is sure that all in them does, and `unknown:files:…` says that
//! more may.

use globset::{Glob, GlobMatcher};
use proto::reading::{FileOperation, Reading};

use super::check::Checker;
use super::compile::sorted;
use super::condition::Part as On;
use super::condition::{Evaluation, Truth, UNKNOWN, covers, places};
use super::places::At;
use super::{PATTERN_LIMIT, raw};
use crate::files::{PUSH_READER, Part, Parts, READER, Reach};
use crate::forward;

/// A name that no pattern has in it: what a pattern means below a folder.
const ANYTHING: &str = "/\u{10fffd}";

/// A condition on one thing that is done with a file.
#[derive(Debug)]
pub(crate) struct Files {
    /// `files:` or `files-all:` and the condition's own words.
    any: String,
    all: String,
    paths: Vec<Pattern>,
    operations: Vec<FileOperation>,
}

/// Folders in which no login begins (Filesystem Hierarchy Standard): what is there is not in `~`.
const NO_HOMES: &[&str] = &[
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/tmp",
    "/usr",
];

/// A pattern on a path.
#[derive(Debug)]
struct Pattern {
    glob: GlobMatcher,
    /// How every path that it matches starts.
    start: String,
    text: String,
}

impl Pattern {
    /// Whether it may match something below a path.
    fn reaches_below(&self, path: &str) -> bool {
        let folder = if path.ends_with('/') { path.to_owned() } else { format!("{path}/") };
        folder.starts_with(&self.start) || self.start.starts_with(&folder)
    }

    /// Whether it may match something below a path because of what the path itself is called, so
    /// that it does not under another name.
    fn depends_on(&self, path: &str) -> bool {
        if !self.start.is_empty() {
            return self.reaches_below(path);
        }
        if self.glob.is_match(format!("{}{ANYTHING}", path.trim_end_matches('/'))) {
            return true;
        }
        // Behind the star: names, of which the last ones of the path may be the first.
        let Some(tail) = self.text.strip_prefix('*') else { return true };
        let tail = tail.trim_start_matches('*').trim_start_matches('/');
        let Some((folders, _)) = tail.rsplit_once('/') else { return false };
        if folders.contains(SPECIAL) {
            return true;
        }
        let names: Vec<_> = folders.split('/').collect();
        let path: Vec<_> = path.split('/').collect();
        (1..=names.len()).any(|count| path.ends_with(&names[..count]))
    }

    /// Whether it may match a path in the login's own folder, of which only that name is known.
    fn may_be_at_home(&self, path: &str) -> bool {
        let under = |folder: &str| {
            let rest = self.start.strip_prefix(folder);
            rest.is_some_and(|rest| rest.starts_with('/')) || self.text == folder
        };
        let of_home = path == "~" || path.starts_with("~/");
        of_home && !self.start.starts_with('~') && !NO_HOMES.iter().any(|folder| under(folder))
            // One that begins with a star means the same whatever stands before.
            && !self.text.starts_with('*')
    }
}

/// What is no letter of a name.
const SPECIAL: [char; 5] = ['*', '?', '[', '{', '\\'];

impl Files {
    /// The outcome for what is done, as a reading keeps it.
    pub(crate) fn matched(&self, parts: &Parts) -> Vec<String> {
        let truths: Vec<Truth> = parts.known.iter().map(|part| self.holds(part)).collect();
        let outcome = |key: &str, satisfied: Vec<bool>| {
            satisfied.contains(&true).then(|| format!("{key}{}", places(&satisfied)))
        };
        let any = truths.iter().map(|truth| *truth == Truth::True).collect();
        let all = parts.known.iter().map(|part| self.holds_all(part)).collect();
        let open = parts.open || truths.contains(&Truth::Unknown);
        let open = open.then(|| format!("{UNKNOWN}{}", self.any));
        outcome(&self.any, any).into_iter().chain(outcome(&self.all, all)).chain(open).collect()
    }

    /// Whether it holds for what is named, or may hold for what lies below.
    fn holds(&self, part: &Part) -> Truth {
        if !self.means(part.operation) {
            return Truth::False;
        }
        if self.paths.is_empty() || self.paths.iter().any(|one| one.glob.is_match(&part.path)) {
            return Truth::True;
        }
        let below = |one: &Pattern| match part.reach {
            Reach::One => false,
            Reach::Tree => one.reaches_below(&part.path),
            Reach::Moved => one.depends_on(&part.path),
            // What a pattern means wherever it lies is not within a repository.
            Reach::Repository => !one.start.is_empty() && one.reaches_below(&part.path),
        };
        let unknown = |one: &Pattern| below(one) || one.may_be_at_home(&part.path);
        if self.paths.iter().any(unknown) { Truth::Unknown } else { Truth::False }
    }

    /// Whether it holds for all that is named, and all that may lie below.
    fn holds_all(&self, part: &Part) -> bool {
        let below = || format!("{}{ANYTHING}", part.path.trim_end_matches('/'));
        let all = |one: &Pattern| {
            one.glob.is_match(&part.path)
                && (part.reach == Reach::One || one.glob.is_match(below()))
        };
        self.means(part.operation) && (self.paths.is_empty() || self.paths.iter().any(all))
    }

    fn means(&self, operation: FileOperation) -> bool {
        self.operations.is_empty() || self.operations.contains(&operation)
    }

    pub(super) fn judge(&self, reading: &Reading, on: Evaluation) -> Truth {
        if forward::is_one(reading) {
            // It does nothing with files, so it does nothing with others either.
            return (on.all && on.part == On::Whole).into();
        }
        let of_transfer = reading.reader == READER || reading.reader == PUSH_READER;
        if !of_transfer && !reading.reader.starts_with("shell/") {
            return Truth::False;
        }
        let key = if on.all { &self.all } else { &self.any };
        let recorded = reading.matched.iter().find_map(|entry| entry.strip_prefix(&**key));
        let holds = |at: usize| recorded.is_some_and(|places| covers(places, at));
        let open = || {
            let mut entries = reading.matched.iter();
            entries.any(|entry| entry.strip_prefix(UNKNOWN) == Some(&*self.any))
        };
        let each = || 0..reading.files.len();
        let unread = reading.unreadable.is_some() || open();
        match on.part {
            On::One(at) if of_transfer => holds(at).into(),
            // A program that serves a client: all that it does.
            On::One(at) => {
                let of_program = |file: &usize| reading.files[*file].program == Some(at as u64);
                let mut its = each().filter(of_program).peekable();
                (its.peek().is_some() && !open() && its.all(holds)).into()
            }
            On::Unread => Truth::Unknown,
            On::Whole if on.all && !each().all(holds) => Truth::False,
            // What does nothing with files does nothing else with them either. Without a program
            // nothing is known to be done at all.
            On::Whole if on.all && !of_transfer && reading.programs.is_empty() => Truth::False,
            On::Whole if on.all && unread => Truth::Unknown,
            On::Whole if on.all => Truth::True,
            On::Whole if each().any(holds) => Truth::True,
            On::Whole if unread => Truth::Unknown,
            On::Whole => Truth::False,
        }
    }
}

/// Compiles a condition.
pub(super) fn compile(raw: &At<raw::Files>, checker: &mut Checker<'_>) -> Files {
    let (place, raw) = (raw.place, &raw.value);
    if raw.paths.0.is_empty() && raw.operations.0.is_empty() {
        checker.error(place, "`files` needs paths or operations");
    }
    let key = serde_json::json!({
        "operations": sorted(&raw.operations),
        "paths": sorted(&raw.paths),
    });
    let words = raw.operations.0.iter();
    Files {
        any: format!("files:{key}"),
        all: format!("files-all:{key}"),
        operations: words.filter_map(|word| checker.word(word, FileOperation::ALL)).collect(),
        paths: raw.paths.0.iter().filter_map(|written| pattern(written, checker)).collect(),
    }
}

fn pattern(written: &At<String>, checker: &mut Checker<'_>) -> Option<Pattern> {
    let text = written.value.as_str();
    if text.len() > PATTERN_LIMIT {
        checker.error(written.place, format!("a pattern has at most {PATTERN_LIMIT} bytes"));
        return None;
    }
    if !text.starts_with(['/', '*', '?', '[', '{']) && !text.starts_with("~/") && text != "~" {
        let what = "expected a pattern on whole paths: one that begins with /, ~/ or *";
        checker.error(written.place, format!("found `{text}`, {what}"));
        return None;
    }
    let named = text.split('/').skip(1);
    let ends = text.len() > 1 && text.ends_with('/');
    if ends || text.contains("//") || named.into_iter().any(|part| part == "." || part == "..") {
        let what = "no path in normal form has `//`, `/.`, `/..` or a slash at its end";
        checker.error(written.place, format!("found `{text}`, but {what}"));
        return None;
    }
    let glob = Glob::new(text).inspect_err(|error| {
        checker.error(written.place, format!("not a pattern: {}", error.kind()));
    });
    let start = text.split(SPECIAL).next().unwrap_or_default().to_owned();
    Some(Pattern { glob: glob.ok()?.compile_matcher(), start, text: text.to_owned() })
}
