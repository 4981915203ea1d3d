//! All oracles over a world that has ended.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::invariants::chain::Kept;
use crate::invariants::linearizable::{self, Approvals, Locks, Policies};
use crate::invariants::{Events, chain, forbidden_after_t, healed, held_once};
use crate::world::stage::Stage;

/// Violations; `healing` began when everything was mended, since the beginning.
pub(crate) fn judge(stage: &Stage, healing: Duration) -> Vec<String> {
    let told = stage.told.all();
    let mut violations = told.violations.clone();
    violations.extend(stage.promises.violations());
    violations.extend(stage.applied.violations());

    let all: Vec<_> = stage.machines.lock().values().cloned().collect();
    let kept = all.iter().map(|machine| {
        let lines = machine.record.lines();
        Kept { node: machine.name.to_string(), lines }
    });
    let kept: Vec<_> = kept.collect();
    violations.extend(chain::violations(&kept));
    let longest = kept.into_iter().max_by_key(|kept| kept.lines.len());
    let lines = longest.map(|kept| kept.lines).unwrap_or_default();
    let control = Events::read(lines.iter().map(String::as_str));
    let record = Events::read(lines.iter().chain(&told.events).map(String::as_str));
    match (control, record) {
        (Ok(control), Ok(record)) => {
            violations.extend(held_once::violations(&told.ran, &record));
            violations.extend(once(&told.acknowledged, &control));
        }
        (Err(bad), _) | (_, Err(bad)) => violations.push(format!("no event: {bad:?}")),
    }

    let approvals = linearizable::violations_by_key(&Approvals, &None, &told.approvals);
    let locks = linearizable::violations_by_key(&Locks, &None, &told.locks);
    let first = (0, String::new());
    let policies = linearizable::violations(&Policies, first, &told.policies);
    violations.extend(approvals.into_iter().chain(locks).chain(policies));

    let forbidden: Vec<_> = told.forbidden.into_values().collect();
    let bound = stage.options.contact();
    violations.extend(forbidden_after_t::violations(&forbidden, &told.allowed, bound));
    let parts: Vec<_> =
        stage.machines().iter().map(|machine| format!("{} writes", machine.name)).collect();
    violations.extend(healed::violations(healing, &told.probes, &parts));
    violations
}

/// What was acknowledged is in the chain once; what was not is there once or not at all.
fn once<'a>(
    acknowledged: impl IntoIterator<Item = &'a String>,
    control: &Events,
) -> impl Iterator<Item = String> {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    let kinds = [
        ("lock.set", "reason"),
        ("policy.changed", "digest"),
        ("approval.requested", "approval"),
        ("approval.consumed", "approval"),
    ];
    for (kind, field) in kinds {
        for data in control.of_kind(kind) {
            *times.entry(format!("{kind} {}", word(&data[field]))).or_default() += 1;
        }
    }
    let held = control.of_kind("approval.requested").map(|data| &data["command"]);
    for command in held {
        let key = format!("held {} {}", word(&command["session"]), word(&command["command"]));
        *times.entry(key).or_default() += 1;
    }
    for what in acknowledged {
        times.entry(what.clone()).or_insert(0);
    }
    let wrong = times.into_iter().filter(|(_, times)| *times != 1);
    wrong.map(|(what, times)| format!("{what} happened {times} times"))
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
