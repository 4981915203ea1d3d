//! Cases kept beside a policy: who runs what, and what shall become of it.
//!
//! A case is judged as a session's command is, from the grant to the masked reading on, so that
//! what passes here passes there.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::ids::Name;
use proto::reading::{Channel, Verdict};
use proto::target::TargetKind;
use proto::time::{Moment, Utc};
use serde::Deserialize;

use super::errors::{self, PolicyError, PolicyErrors};
use super::places::{At, Place};
use super::{Policy, TargetFacts, Who};
use crate::decide::{Facts, decide, read_command};
use crate::terminal::Seen;

/// Cases that were read.
#[derive(Debug)]
pub struct Cases(Vec<Case>);

/// What came of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Where the case stands.
    pub place: Place,
    /// The case in a few words.
    pub case: String,
    /// The verdict and the deciding rule that came out.
    pub found: String,
    /// What was expected.
    pub expected: String,
    /// Whether they agree.
    pub passed: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    cases: Vec<At<Case>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    who: Person,
    target: Target,
    #[serde(rename = "as")]
    login: String,
    #[serde(default = "exec")]
    channel: Channel,
    command: String,
    at: Option<At<String>>,
    expect: Expected,
    #[serde(skip)]
    place: Place,
    #[serde(skip)]
    moment: Option<Moment>,
}

impl Case {
    /// The command as a session judges it.
    fn bytes(&self) -> Vec<u8> {
        let command = self.command.as_bytes();
        match self.channel {
            Channel::Shell => Seen::Line(command).encode(),
            // Those of a file transfer are in words, as the record shows them: `read /etc/passwd`.
            _ => command.to_vec(),
        }
    }
}

fn exec() -> Channel {
    Channel::Exec
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    name: String,
    #[serde(default)]
    groups: Vec<Name>,
    #[serde(default)]
    claims: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    name: String,
    #[serde(default = "ssh")]
    kind: TargetKind,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

fn ssh() -> TargetKind {
    TargetKind::Ssh
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    verdict: Verdict,
    rule: Option<String>,
}

impl Cases {
    /// Reads a document of cases.
    ///
    /// # Errors
    /// What is wrong in it, with line and column.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, PolicyErrors> {
        let document: Document = errors::document(file_name, text)?;
        let (mut cases, mut wrong) = (Vec::new(), Vec::new());
        for At { value: mut case, place } in document.cases {
            case.place = place;
            match case.at.as_ref().map(|at| (at.place, moment(&at.value))) {
                None => {}
                Some((_, Some(moment))) => case.moment = Some(moment),
                Some((place, None)) => {
                    let what = "expected a time such as 2026-01-31T09:30:00+01:00".to_owned();
                    wrong.push(PolicyError { file: file_name.to_owned(), place, what });
                }
            }
            cases.push(case);
        }
        if wrong.is_empty() { Ok(Self(cases)) } else { Err(PolicyErrors(wrong)) }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// An instant with its offset from UTC, which is taken for the node's local time.
fn moment(text: &str) -> Option<Moment> {
    let utc: Utc = text.parse().ok()?;
    let zone = if text.ends_with(['Z', 'z']) { "Z" } else { text.get(text.len() - 6..)? };
    let offset_minutes = super::words::offset(&zone.to_ascii_uppercase())?;
    Some(Moment { utc, offset_minutes, elapsed: Duration::ZERO })
}

/// Runs all cases against a policy, in their order. A case without `at` runs at noon UTC of
/// Wednesday, 2025-01-01.
#[must_use]
pub fn run(policy: &Policy, cases: &Cases) -> Vec<Outcome> {
    cases.0.iter().map(|case| run_one(policy, case)).collect()
}

const NOON: Moment =
    Moment { utc: Utc(1_735_732_800_000_000), offset_minutes: 0, elapsed: Duration::ZERO };

fn run_one(policy: &Policy, case: &Case) -> Outcome {
    let moment = case.moment.unwrap_or(NOON);
    let mut facts = Facts {
        who: Who { name: &case.who.name, groups: &case.who.groups, claims: &case.who.claims },
        target: TargetFacts {
            name: &case.target.name,
            kind: case.target.kind,
            labels: &case.target.labels,
        },
        login: &case.login,
        channel: case.channel,
        moment: &moment,
        reading: None,
    };
    let reading = read_command(policy, &facts, &case.bytes());
    facts.reading = Some(&reading);
    let decision = decide(policy, &facts);
    let deciding = &decision.rules[..decision.deciding];
    let rule = deciding.first().map(AsRef::as_ref);
    let expected_rule = case.expect.rule.as_deref();
    let passed = decision.verdict == case.expect.verdict
        && expected_rule.is_none_or(|name| deciding.iter().any(|rule| **rule == *name));
    let shown = |verdict: Verdict, rule: Option<&str>| match rule {
        Some(rule) => format!("{verdict} by {rule}"),
        None => verdict.to_string(),
    };
    Outcome {
        place: case.place,
        case: format!("{} {}@{}: {}", case.who.name, case.login, case.target.name, case.command),
        found: shown(decision.verdict, rule),
        expected: shown(case.expect.verdict, expected_rule),
        passed,
    }
}
