//! O1: an acknowledged event exists exactly once after recovery, byte for byte as it was.
//!
//! Acknowledged is what somebody was told: an event that a reader was served, and the verdict of a
//! command whose output a client saw. What nobody was told may be there or not.

use std::collections::{BTreeMap, BTreeSet};

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
    let judged = after.of_kind("command.judged");
    let texts: Vec<_> = judged.filter_map(|data| data["text"].as_str()).collect();
    for marker in &acknowledged.markers {
        let count = texts.iter().filter(|text| text.contains(marker.as_str())).count();
        if count != 1 {
            violations.push(format!("the verdict on {marker} exists {count} times"));
        }
    }
    violations
}
