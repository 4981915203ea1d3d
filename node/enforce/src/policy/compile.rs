//! Compiles the conditions of a document: sorted lists, regular expressions, globs.

use globset::Glob;
use proto::target::TargetKind;

use super::check::Checker;
use super::condition::{Pattern, Shell, TargetSet, TextCondition, When, WhoSet, Window};
use super::places::{Any, At, Map};
use super::raw;
use super::{COMPILED_LIMIT, NOT_LIMIT, PATTERN_COUNT_LIMIT, PATTERN_LIMIT, words};

const KINDS: &[(&str, TargetKind)] = &[
    ("ssh", TargetKind::Ssh),
    ("postgres", TargetKind::Postgres),
    ("kubernetes", TargetKind::Kubernetes),
];

pub(super) fn sorted(list: &Any<String>) -> Vec<String> {
    let mut values: Vec<String> = list.0.iter().map(|item| item.value.clone()).collect();
    values.sort();
    values.dedup();
    values
}

fn sorted_map(map: &Map<Any<String>>) -> Vec<(String, Vec<String>)> {
    map.0.iter().map(|(key, values)| (key.clone(), sorted(values))).collect()
}

pub(super) fn who(raw: &raw::Who) -> WhoSet {
    WhoSet {
        users: sorted(&raw.users),
        groups: sorted(&raw.groups),
        claims: sorted_map(&raw.claims),
    }
}

pub(super) fn targets(raw: &raw::Targets, checker: &mut Checker<'_>) -> TargetSet {
    TargetSet {
        names: sorted(&raw.names),
        kinds: raw.kind.0.iter().filter_map(|kind| checker.word(kind, KINDS)).collect(),
        labels: sorted_map(&raw.labels),
    }
}

/// Compiles a condition; `depth` counts the `not` around it.
pub(super) fn when(raw: &raw::When, checker: &mut Checker<'_>, depth: usize) -> When {
    if let Some(kubernetes) = &raw.kubernetes {
        let expected = "expected who, targets, time, regex, shell, sql, files, forward or not";
        let what = format!("`kubernetes` is not in this version, {expected}");
        checker.error(kubernetes.place, what);
    }
    let mut not = None;
    if let Some(inner) = &raw.not {
        if depth == NOT_LIMIT {
            checker.error(inner.place, format!("more than {NOT_LIMIT} `not` in each other"));
        } else {
            not = Some(Box::new(when(&inner.value, checker, depth + 1)));
        }
    }
    let regex = raw.regex.0.iter().filter_map(|written| {
        let key = format!("regex:{}", written.value);
        expression(written, checker).map(|expression| TextCondition { key, expression })
    });
    When {
        regex: regex.collect(),
        who: raw.who.as_ref().map(who),
        targets: raw.targets.as_ref().map(|raw| targets(raw, checker)),
        time: raw.time.as_ref().and_then(|raw| window(raw, checker)),
        shell: raw.shell.as_ref().map(|raw| shell(raw, checker)),
        sql: raw.sql.as_ref().map(|raw| super::sql::compile(raw, checker)),
        files: raw.files.as_ref().map(|raw| super::files::compile(raw, checker)),
        forward: raw.forward.as_ref().map(|raw| super::forward::compile(raw, checker)),
        not,
    }
}

/// A regular expression within the limits.
pub(super) fn expression(
    written: &At<String>,
    checker: &mut Checker<'_>,
) -> Option<regex::bytes::Regex> {
    checker.expressions += 1;
    if checker.expressions > PATTERN_COUNT_LIMIT {
        if checker.expressions == PATTERN_COUNT_LIMIT + 1 {
            let what = format!("more than {PATTERN_COUNT_LIMIT} regular expressions");
            checker.error(written.place, what);
        }
        return None;
    }
    if written.value.is_empty() || written.value.len() > PATTERN_LIMIT {
        let what = format!("a regular expression has 1 to {PATTERN_LIMIT} bytes");
        checker.error(written.place, what);
        return None;
    }
    let compiled =
        regex::bytes::RegexBuilder::new(&written.value).size_limit(COMPILED_LIMIT).build();
    compiled
        .inspect_err(|error| {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            checker.error(written.place, format!("not a regular expression: {reason}"));
        })
        .ok()
}

fn window(raw: &At<raw::Time>, checker: &mut Checker<'_>) -> Option<Window> {
    let (place, raw) = (raw.place, &raw.value);
    let mut bits = 0;
    for written in &raw.days.0 {
        bits |= checker.form(written, words::days, "a day or days such as sat or mon-fri")?;
    }
    let mut minute = |written: &Option<At<String>>, absent| match written {
        Some(written) => checker.form(written, words::time_of_day, "a time such as 08:00"),
        None => Some(absent),
    };
    let (from, to) = (minute(&raw.from, 0)?, minute(&raw.to, 24 * 60)?);
    if from == to {
        checker.error(place, "`from` and `to` are the same time");
    }
    let zone = match &raw.zone {
        Some(written) => {
            Some(checker.form(written, words::offset, "Z or an offset such as +02:00")?)
        }
        None => None,
    };
    Some(Window { days: if raw.days.0.is_empty() { 0x7f } else { bits }, from, to, zone })
}

/// Operators that a redirect pattern may begin with, the longer ones first.
const OPERATORS: [&str; 12] =
    ["&>>", "<<<", "&>", ">>", "<>", ">|", "<<", ">&", "<&", ">", "<", "&"];

fn shell(raw: &At<raw::Shell>, checker: &mut Checker<'_>) -> Shell {
    let (place, raw) = (raw.place, &raw.value);
    if raw.programs.0.is_empty() && raw.arguments.0.is_empty() && raw.redirects.0.is_empty() {
        checker.error(place, "`shell` needs programs, arguments or redirects");
    }
    for program in raw.programs.0.iter().filter(|program| program.value.contains('/')) {
        let what = "a path, expected the name of a program: its part behind the last /";
        checker.error(program.place, what);
    }
    let key = serde_json::json!({
        "arguments": sorted(&raw.arguments),
        "programs": sorted(&raw.programs),
        "redirects": sorted(&raw.redirects),
    });
    Shell {
        key: format!("shell:{key}"),
        programs: sorted(&raw.programs),
        arguments: raw
            .arguments
            .0
            .iter()
            .filter_map(|word| glob(word, &word.value, checker))
            .collect(),
        redirects: raw
            .redirects
            .0
            .iter()
            .filter_map(|written| {
                let text = written.value.as_str();
                let operator = OPERATORS.iter().find(|operator| text.starts_with(**operator));
                let pattern = text[operator.map_or(0, |operator| operator.len())..].trim_start();
                let operator = operator.map(|operator| (*operator).to_owned());
                Some((operator, glob(written, pattern, checker)?))
            })
            .collect(),
    }
}

fn glob(written: &At<String>, pattern: &str, checker: &mut Checker<'_>) -> Option<Pattern> {
    if pattern.len() > PATTERN_LIMIT {
        checker.error(written.place, format!("a pattern has at most {PATTERN_LIMIT} bytes"));
        return None;
    }
    let compiled = Glob::new(pattern).inspect_err(|error| {
        checker.error(written.place, format!("not a pattern: {}", error.kind()));
    });
    // What a backslash or an alternative means for the ends is not worth knowing.
    let ends = if pattern.contains(['\\', '{', '}', '[', ']']) { "*" } else { pattern };
    let special = |letter: char| matches!(letter, '*' | '?');
    Some(Pattern {
        glob: compiled.ok()?.compile_matcher(),
        start: ends.split(special).next().unwrap_or_default().to_owned(),
        end: ends.rsplit(special).next().unwrap_or_default().to_owned(),
    })
}
