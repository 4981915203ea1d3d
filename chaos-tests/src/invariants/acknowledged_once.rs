//! O1: an acknowledged event exists exactly once after recovery, byte for byte as it was.
//!
//! Acknowledged is what somebody was told: an event that a reader was served, and the verdict of a
//! command whose output a client saw. What nobody was told may be there or not.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Events;

/// What was acknowledged before the fault.
#[derive(Clone, Debug, Default)]
pub struct Acknowledged {
    /// Exact lines that a reader was served.
    pub lines: BTreeSet<String>,
    /// Markers in the text of commands whose output a client saw.
    pub markers: BTreeSet<String>,
}

/// Violations in what was read after recovery.
#[must_use]
pub fn violations(acknowledged: &Acknowledged, after: &Events) -> Vec<String> {
    let mut violations = Vec::new();
    let lines: BTreeSet<&str> = after.exact().collect();
    let lost = acknowledged.lines.iter().filter(|line| !lines.contains(line.as_str()));
    violations.extend(lost.map(|line| format!("lost or changed: {line}")));
    let mut times = BTreeMap::new();
    for id in after.ids() {
        *times.entry(id).or_insert(0_usize) += 1;
    }
    let often = times.into_iter().filter(|(_, count)| *count > 1);
    violations.extend(often.map(|(id, count)| format!("{id} exists {count} times")));
    let judged: Vec<_> = after.of_kind("command.judged").collect();
    for marker in &acknowledged.markers {
        let text = |data: &Value| data["text"].as_str().unwrap_or_default().contains(marker);
        let count = verdicts(judged.iter().copied().filter(|data| text(data)));
        if count != 1 {
            violations.push(format!("the verdict on {marker} exists {count} times"));
        }
    }
    violations
}

/// How many verdicts there are. One that only held its command is none when the same command was
/// judged again.
fn verdicts<'a>(judged: impl Iterator<Item = &'a Value>) -> usize {
    let (mut count, mut holds) = (0, BTreeSet::new());
    for data in judged {
        let command = format!("{} {}", data["session"], data["command"]);
        count += usize::from(!holds.remove(&command));
        if data["verdict"] == "hold" {
            holds.insert(command);
        }
    }
    count
}
