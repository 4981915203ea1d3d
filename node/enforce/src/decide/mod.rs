//! Deciding: a pure function of the policy, the facts and the reading of a command.
//!
//! Raw text is looked at once, in [`read_command`]; what was true of it is in the reading.
//! [`decide`] never sees it, so a recorded decision can be derived again from its event alone,
//! and comes out the same after the reading's words were masked.

mod judge;
mod told;

#[cfg(test)]
mod tests;

pub use judge::{Decision, decide};
use proto::reading::{Channel, Reading};
use proto::time::Moment;

use crate::mask::MaskRule;
use crate::policy::{
    ColumnMask, Evaluation, Limits, Policy, RecordRules, TargetFacts, Text, Truth, UNKNOWN, Who,
    places,
};
use crate::reader::{Opened, Reader};

/// All that a decision may depend on, beside the policy.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Who asks.
    pub who: Who<'a>,
    /// Of which target.
    pub target: TargetFacts<'a>,
    /// As which login.
    pub login: &'a str,
    /// On what kind of channel.
    pub channel: Channel,
    /// When.
    pub moment: &'a Moment,
    /// What was read in the command; absent when there is no command yet.
    pub reading: Option<&'a Reading>,
}

/// Reads a command: what runs in it, and which of the policy's conditions on text are true.
///
/// The words of the result are raw; mask them before the reading goes anywhere, the decision
/// included. `facts.reading` is not looked at.
#[must_use]
pub fn read_command(policy: &Policy, facts: &Facts<'_>, text: &[u8]) -> Reading {
    let mut reading = read_unbound(policy, facts, text);
    let reader = Reader::of(facts.target.kind, facts.channel);
    if let Some(cut) = reader.cut(text) {
        match_bound(policy, &cut.bound(), &mut reading);
    }
    reading
}

/// Adds to a reading by [`read_unbound`] which conditions are true of what is bound.
pub fn match_bound(policy: &Policy, bound: &[&[u8]], reading: &mut Reading) {
    if bound.is_empty() {
        return;
    }
    let before = reading.matched.len();
    let matched = &mut reading.matched;
    each_condition(policy, &mut |condition| {
        if let Text::Regex(regex) = condition
            && !matched.contains(&regex.key)
            && bound.iter().any(|text| regex.expression.is_match(text))
        {
            matched.push(regex.key.clone());
        }
    });
    if matched.len() > before {
        matched.sort();
    }
}

fn each_condition(policy: &Policy, see: &mut dyn FnMut(Text<'_>)) {
    let checked = policy.checked();
    let rules = checked.rules.iter().map(|rule| &rule.when);
    let records = checked.records.iter().map(|record| &record.when);
    let limits = checked.limits.iter().map(|limited| &limited.when);
    for when in rules.chain(records).chain(limits) {
        when.texts(see);
    }
}

/// Reads a command but for what is bound to its parameters: a function of the policy, the kinds of
/// target and channel, and the bytes before that.
#[must_use]
pub fn read_unbound(policy: &Policy, facts: &Facts<'_>, text: &[u8]) -> Reading {
    let reader = Reader::of(facts.target.kind, facts.channel);
    let Opened { mut reading, words, script, files, forward } = reader.open(text);
    let texts = reader.texts(text);
    let mut matched = Vec::new();
    each_condition(policy, &mut |condition| match condition {
        Text::Regex(regex) => {
            let found = texts.iter().any(|text| regex.expression.is_match(text));
            matched.extend(found.then(|| regex.key.clone()));
        }
        Text::Shell(shell) => {
            let each = reading.programs.iter().zip(&words);
            let truths: Vec<Truth> =
                each.map(|(program, open)| shell.holds(program, open)).collect();
            if truths.contains(&Truth::True) {
                let satisfied: Vec<bool> =
                    truths.iter().map(|truth| *truth == Truth::True).collect();
                matched.push(format!("{}{}", shell.key, places(&satisfied)));
            }
            if truths.contains(&Truth::Unknown) {
                matched.push(format!("{UNKNOWN}{}", shell.key));
            }
        }
        Text::Sql(sql) => matched.extend(sql.matched(&reading.statements, &script.names)),
        Text::Files(condition) => matched.extend(condition.matched(&files)),
        Text::Forward(condition) => {
            matched.extend(forward.iter().flat_map(|asked| condition.matched(asked)));
        }
    });
    matched.sort();
    matched.dedup();
    reading.matched = matched;
    reading
}

impl Policy {
    /// The masks that apply, in the order of the document; those of columns alone are left out.
    #[must_use]
    pub fn masks(&self, facts: &Facts<'_>) -> Vec<MaskRule> {
        let masks = self.checked().masks.iter();
        let applies = masks.filter(|mask| mask.when.judge(facts, Evaluation::WHOLE) == Truth::True);
        applies.filter_map(|mask| mask.rule.clone()).collect()
    }

    /// The masks of columns that apply, in the order of the document.
    #[must_use]
    pub fn columns(&self, facts: &Facts<'_>) -> Vec<ColumnMask> {
        let masks = self.checked().masks.iter();
        let applies = masks.filter(|mask| mask.when.judge(facts, Evaluation::WHOLE) == Truth::True);
        applies.filter_map(|mask| mask.columns.clone()).collect()
    }

    /// How a command is recorded: of all that applies, or may apply, the strictest.
    #[must_use]
    pub fn record(&self, facts: &Facts<'_>) -> RecordRules {
        let records = &self.checked().records;
        let applies =
            records.iter().filter(|one| one.when.judge(facts, Evaluation::WHOLE) != Truth::False);
        let applies: Vec<_> = applies.collect();
        let absent = RecordRules::default();
        let of = applies.iter();
        RecordRules {
            durability: of
                .clone()
                .filter_map(|one| one.durability)
                .max()
                .unwrap_or(absent.durability),
            output: of.clone().filter_map(|one| one.output).max().unwrap_or(absent.output),
            when_stream_down: of
                .clone()
                .filter_map(|one| one.when_stream_down)
                .max()
                .unwrap_or(absent.when_stream_down),
            limit: of.clone().filter_map(|one| one.limit).max().unwrap_or(absent.limit),
            rows: of.clone().any(|one| one.rows),
            ends: self.limits(facts),
        }
    }

    /// What ends a command: of all that applies, or may apply, the strictest.
    #[must_use]
    pub fn limits(&self, facts: &Facts<'_>) -> Limits {
        let each = self.checked().limits.iter();
        let applies = each.filter(|one| one.when.judge(facts, Evaluation::WHOLE) != Truth::False);
        applies.fold(Limits::default(), |all, one| all.and(one.limits))
    }
}
