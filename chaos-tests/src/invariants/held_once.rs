//! O3: a held command runs once or never: behind each one that went to its target there is exactly
//! one consumed approval, earlier, by enough others, in time, of the same bytes.
//!
//! The control chain says what was asked, ruled and spent, in its own order; node chains say what
//! was held and what was handed to a target; the target's own log says what reached it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Events;
use crate::live::Ran;

/// The control chain, by what happened to each approval.
#[derive(Default)]
struct Approvals<'a> {
    requested: BTreeMap<u64, &'a Value>,
    ruled: BTreeMap<u64, Vec<&'a Value>>,
    consumed: BTreeMap<u64, Vec<&'a Value>>,
    /// When anything happened, in the cluster's time, by number in the chain.
    times: BTreeMap<u64, &'a str>,
    /// Digests of the policies that came into force, by number in the chain.
    policies: BTreeMap<u64, &'a Value>,
}

impl<'a> Approvals<'a> {
    fn read(record: &'a Events) -> Self {
        let mut all = Self::default();
        for data in record.of_kind("approval.requested") {
            all.requested.insert(number(data, "approval"), data);
        }
        for data in record.of_kind("approval.ruled") {
            all.ruled.entry(number(data, "approval")).or_default().push(data);
        }
        for data in record.of_kind("approval.consumed") {
            all.consumed.entry(number(data, "approval")).or_default().push(data);
        }
        for event in record.all().filter(|event| event["data"]["chain"] == "control") {
            let time = event["time"].as_str().unwrap_or_default();
            all.times.insert(number(&event["data"], "seq"), time);
        }
        let changes = record.of_kind("policy.changed");
        all.policies.extend(changes.map(|data| (number(data, "seq"), &data["digest"])));
        all
    }

    fn time(&self, data: &Value) -> &str {
        self.times.get(&number(data, "seq")).copied().unwrap_or_default()
    }

    /// The policy that was in force when something happened.
    fn policy(&self, data: &Value) -> Option<&Value> {
        self.policies.range(..number(data, "seq")).next_back().map(|(_, digest)| *digest)
    }
}

/// Violations, given the target's log and the record of all nodes, each event once.
#[must_use]
pub fn violations(ran: &[Ran], record: &Events) -> Vec<String> {
    let approvals = Approvals::read(record);
    let mut violations = Vec::new();
    for (id, consumptions) in &approvals.consumed {
        let Some(request) = approvals.requested.get(id) else {
            violations.push(format!("approval {id} was spent and never asked for"));
            continue;
        };
        if consumptions.len() > 1 && !covers_session(request) {
            violations.push(format!("approval {id} was spent {} times", consumptions.len()));
        }
        for consumption in consumptions {
            let wrong = wrong_with(&approvals, request, consumption);
            violations.extend(wrong.map(|wrong| format!("approval {id} was spent {wrong}")));
        }
    }
    violations.extend(started_without(&approvals, record));
    violations.extend(ran_too_often(&approvals, ran, record));
    violations
}

/// What is wrong with spending an approval, if anything is.
fn wrong_with(approvals: &Approvals<'_>, request: &Value, spent: &Value) -> Option<String> {
    let asker = request["person"].as_str().unwrap_or_default();
    let rulings = approvals.ruled.get(&number(request, "approval"));
    let earlier = |ruling: &&&Value| number(ruling, "seq") < number(spent, "seq");
    let mut approvers = BTreeSet::new();
    for ruling in rulings.into_iter().flatten().filter(earlier) {
        let person = ruling["person"].as_str().unwrap_or_default();
        match ruling["ruling"].as_str() {
            Some("approve") if person == asker => return Some("on a word of who asked".into()),
            Some("approve") => _ = approvers.insert(person),
            _ => return Some(format!("although {person} denied it")),
        }
    }
    let rules = request["rules"].as_array().map_or(&[][..], Vec::as_slice);
    if rules.is_empty() {
        return Some("although no rule asked for it".into());
    }
    for rule in rules {
        let may = rule["approvers"].as_array().cloned().unwrap_or_default();
        let counted = approvers.iter().filter(|person| may.iter().any(|one| one == **person));
        let (counted, needed) = (counted.count() as u64, number(rule, "count").max(1));
        if counted < needed {
            return Some(format!("with {counted} of {needed} words for {}", rule["rule"]));
        }
    }
    if !covers_session(request) && approvals.policy(request) != approvals.policy(spent) {
        return Some("under another policy than it was asked under".into());
    }
    // Times of the control chain have one form, so that they compare as text.
    let expires = request["expires"].as_str().unwrap_or_default();
    if !covers_session(request) && moment(approvals.time(spent)) > moment(expires) {
        return Some(format!("at {}, after {expires}", approvals.time(spent)));
    }
    let command = &request["command"];
    if command.is_null() || covers_session(request) {
        let same = command["session"] == spent["by_session"] || command.is_null();
        return (!same).then(|| "by another session".into());
    }
    let same = command["session"] == spent["by_session"]
        && command["command"] == spent["by_command"]
        && command["digest"] == spent["digest"];
    (!same).then(|| "by another command".into())
}

/// Held commands that were handed to a target without what they needed.
fn started_without(approvals: &Approvals<'_>, record: &Events) -> Vec<String> {
    let mut violations = Vec::new();
    let started = by_command(record, "command.started");
    let released = by_command(record, "command.released");
    for held in record.of_kind("command.judged").filter(|data| data["verdict"] == "hold") {
        let command = key(held);
        let of = |all: &BTreeMap<String, Vec<&Value>>| all.get(&command).map_or(0, Vec::len);
        match (of(&started), of(&released)) {
            (0, 0 | 1) => continue,
            (1, 1) => {}
            (starts, releases) => {
                let what = format!("{command} was released {releases} times, started {starts}");
                violations.push(what);
                continue;
            }
        }
        let released = released[&command][0];
        let id = number(released, "approval");
        let covers = approvals.requested.get(&id).is_some_and(|request| covers_session(request));
        let mine = |spent: &&&Value| {
            let exact = spent["by_command"] == held["command"] && spent["digest"] == held["digest"];
            let earlier = number(spent, "applied") <= number(released, "applied");
            spent["by_session"] == held["session"] && earlier && (exact || covers)
        };
        let spent = approvals.consumed.get(&id).into_iter().flatten();
        if spent.filter(mine).count() == 0 || released["digest"] != held["digest"] {
            violations.push(format!("{command} was started and not approved"));
        }
    }
    violations
}

fn key(data: &Value) -> String {
    format!("{} {}", data["session"], data["command"])
}

fn by_command<'a>(record: &'a Events, kind: &str) -> BTreeMap<String, Vec<&'a Value>> {
    let mut by_command: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for data in record.of_kind(kind) {
        by_command.entry(key(data)).or_default().push(data);
    }
    by_command
}

/// Commands that the target saw more often than they were approved, or allowed without.
fn ran_too_often(approvals: &Approvals<'_>, ran: &[Ran], record: &Events) -> Vec<String> {
    let mut may: BTreeMap<&str, usize> = BTreeMap::new();
    let mut held = BTreeSet::new();
    let (mut sessions_spent, mut counted) = (BTreeSet::new(), BTreeSet::new());
    for spent in approvals.consumed.values().flatten() {
        sessions_spent.insert(spent["by_session"].to_string());
    }
    for judged in record.of_kind("command.judged") {
        let text = judged["text"].as_str().unwrap_or_default();
        let approved = sessions_spent.contains(&judged["session"].to_string());
        match judged["verdict"].as_str() {
            Some("hold") => {
                held.insert(text);
                // Judged again while it waits, it is still one command.
                let counts = approved && counted.insert(key(judged));
                *may.entry(text).or_default() += usize::from(counts);
            }
            Some("allow") => *may.entry(text).or_default() += 1,
            _ => {}
        }
    }
    let mut violations = Vec::new();
    for text in held {
        let runs = ran.iter().filter(|ran| ran.command == text).count();
        let allowed = may.get(text).copied().unwrap_or_default();
        if runs > allowed {
            violations.push(format!("{text:?} ran {runs} times and might {allowed} times"));
        }
    }
    violations
}

fn covers_session(request: &Value) -> bool {
    !request["for_ms"].is_null()
}

fn number(data: &Value, field: &str) -> u64 {
    data[field].as_u64().unwrap_or_default()
}

/// A time in microseconds, as far as it matters here: all texts are UTC in one form, but for
/// trailing zeroes of the fraction.
fn moment(text: &str) -> String {
    let text = text.trim_end_matches('Z');
    let (second, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{second}.{fraction:0<9}")
}
