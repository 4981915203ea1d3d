//! Judges recorded commands by another policy: pure, from events alone.
//!
//! With the raw text of a command the answer is the one that the policy would have given. Without
//! it the masked text is read; where something in it was masked, the answer is counted as inexact.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use node_enforce::decide::{Decision, Facts, decide, read_command};
use node_enforce::policy::{Policy, TargetFacts, Who};
use node_enforce::sql::without_parameters;
use proto::event::JudgedGlance;
use proto::reading::Verdict;
use proto::time::Moment;
use serde::Serialize;

use crate::readings::Readings;

/// How many examples are kept of each change of each rule.
const EXAMPLES_LIMIT: usize = 5;

/// How many people, targets and rules are counted apart; more are counted together.
const COUNTED_LIMIT: usize = 10_000;

/// How much of a command's text an example has, in characters.
const EXAMPLE_TEXT: usize = 200;

/// The name that further people, targets or rules are counted under.
const OTHERS: &str = "(others)";

/// How many commands got which verdicts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// Judged.
    pub(crate) commands: u64,
    /// Judged otherwise than they were.
    pub(crate) changed: u64,
    /// Allowed, and would be held or blocked.
    pub(crate) stricter: u64,
    /// Held or blocked, and would be let through further.
    pub(crate) looser: u64,
    /// Of those that changed, so many are inexact: something in their text was masked.
    pub(crate) inexact: u64,
}

/// A command whose verdict would be another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Example {
    /// The event that judged it.
    pub(crate) id: String,
    /// Who.
    pub(crate) person: String,
    /// On what.
    pub(crate) target: String,
    /// Its masked text, cut.
    pub(crate) text: String,
    /// What was decided.
    pub(crate) was: String,
    /// What would be.
    pub(crate) would_be: String,
    /// Whether something in its text was masked.
    pub(crate) inexact: bool,
}

/// What a policy would have changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Backtest {
    /// All together.
    pub(crate) all: Counts,
    /// By the rule that would decide, or that did and would not any more.
    pub(crate) rules: BTreeMap<String, Counts>,
    /// By person.
    pub(crate) people: BTreeMap<String, Counts>,
    /// By target.
    pub(crate) targets: BTreeMap<String, Counts>,
    /// Some of those that change.
    pub(crate) examples: Vec<Example>,
    /// Commands whose text was masked, and was not opened.
    pub(crate) inexact: u64,
    /// Commands that their event says too little about.
    pub(crate) underivable: u64,
    #[serde(skip)]
    shown: BTreeMap<(String, &'static str), usize>,
    #[serde(skip)]
    readings: Readings,
}

impl Backtest {
    /// Judges one command; `raw` is its text when it was opened, `masked` what the record shows.
    pub(crate) fn command(
        &mut self,
        policy: &Policy,
        judged: &JudgedGlance<'_>,
        raw: Option<&[u8]>,
        masked: &str,
    ) {
        let (Some(person), Some(target)) = (&judged.person, &judged.target) else {
            self.underivable += 1;
            return;
        };
        // The lines of its parameters are how the record shows them, and no SQL.
        let is_sql = judged.reader.starts_with("sql/");
        let shown = if is_sql { without_parameters(masked) } else { masked };
        let moment = Moment {
            utc: judged.time,
            offset_minutes: judged.offset_minutes,
            elapsed: Duration::ZERO,
        };
        let facts = Facts {
            who: Who::new(person, &judged.groups),
            target: TargetFacts { name: &target.name, kind: target.kind, labels: &target.labels },
            login: &target.login,
            channel: judged.channel,
            moment: &moment,
            reading: None,
        };
        let reading = match raw {
            Some(raw) => Arc::new(read_command(policy, &facts, raw)),
            None => self.readings.of(policy, &facts, shown.as_bytes()),
        };
        let facts = Facts { reading: Some(&reading), ..facts };
        let Decision { rules, verdict: after, .. } = decide(policy, &facts);
        let hidden = shown.len() < masked.len() || judged.detected || masked.contains('\u{fffd}');
        let inexact = raw.is_none() && hidden;
        self.inexact += u64::from(inexact);
        let before = judged.verdict;
        let changed = before != after;
        let rule = if changed && after == Verdict::Allow {
            deciding(&judged.rules)
        } else {
            deciding(&rules)
        };
        let change = Change { before, after, inexact };
        count(&mut self.all, change);
        for (of, name) in [
            (&mut self.rules, rule),
            (&mut self.people, &**person),
            (&mut self.targets, &*target.name),
        ] {
            count(entry(of, name), change);
        }
        if changed {
            let (was, would_be) = (words(before, &judged.rules), words(after, &rules));
            let text = masked.chars().take(EXAMPLE_TEXT).collect();
            let (person, target) = (person.to_string(), target.name.to_string());
            let id = judged.event();
            let example = Example { id, person, target, text, was, would_be, inexact };
            self.show(rule.to_owned(), if after > before { "stricter" } else { "looser" }, example);
        }
    }

    fn show(&mut self, rule: String, way: &'static str, example: Example) {
        if self.shown.len() >= COUNTED_LIMIT {
            return;
        }
        let shown = self.shown.entry((rule, way)).or_default();
        if *shown < EXAMPLES_LIMIT {
            *shown += 1;
            self.examples.push(example);
        }
    }
}

#[derive(Clone, Copy)]
struct Change {
    before: Verdict,
    after: Verdict,
    inexact: bool,
}

fn count(counts: &mut Counts, change: Change) {
    let Change { before, after, inexact } = change;
    counts.commands += 1;
    counts.changed += u64::from(before != after);
    counts.stricter += u64::from(after > before);
    counts.looser += u64::from(after < before);
    counts.inexact += u64::from(inexact && before != after);
}

fn entry<'a>(of: &'a mut BTreeMap<String, Counts>, name: &str) -> &'a mut Counts {
    if !of.contains_key(name) {
        let name = if of.len() < COUNTED_LIMIT { name } else { OTHERS };
        return of.entry(name.to_owned()).or_default();
    }
    of.get_mut(name).expect("it is there")
}

/// The rule that decided; the first is the deciding one.
fn deciding<T: AsRef<str>>(rules: &[T]) -> &str {
    rules.first().map_or("(no rule)", AsRef::as_ref)
}

fn words<T: AsRef<str>>(verdict: Verdict, rules: &[T]) -> String {
    if rules.is_empty() {
        return verdict.to_string();
    }
    let rules: Vec<_> = rules.iter().map(AsRef::as_ref).collect();
    format!("{verdict} by {}", rules.join(", "))
}
