//! O7: healed within a bound once faults stop: every part serves again, and goes on to.

use std::collections::BTreeMap;
use std::time::Duration;

/// The bound, from when the last fault was lifted.
pub const WITHIN: Duration = Duration::from_secs(30);

/// One attempt to be served, after faults stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// By what, e.g. `gw-1 writes`.
    pub part: String,
    /// When it was tried.
    pub invoked: Duration,
    /// When the answer was there.
    pub returned: Duration,
    /// Nothing when it was served, else what was said.
    pub failed: Option<String>,
}

/// Violations: parts that were not served within the bound, or not any more after it.
#[must_use]
pub fn violations(stopped: Duration, probes: &[Probe], parts: &[String]) -> Vec<String> {
    let mut of_part: BTreeMap<&str, Vec<&Probe>> = BTreeMap::new();
    for probe in probes {
        of_part.entry(&probe.part).or_default().push(probe);
    }
    let last = stopped + WITHIN;
    let mut violations = Vec::new();
    for part in parts {
        let probes = of_part.remove(part.as_str()).unwrap_or_default();
        if !probes.iter().any(|probe| probe.failed.is_none() && probe.returned <= last) {
            let said = probes.iter().filter_map(|probe| probe.failed.as_deref()).next_back();
            violations.push(format!("{part}: not within {WITHIN:?}; last it said {said:?}"));
        }
        let again = probes.iter().filter(|probe| probe.invoked > last);
        for (probe, said) in again.filter_map(|probe| Some((probe, probe.failed.as_ref()?))) {
            let after = probe.invoked.saturating_sub(stopped);
            violations.push(format!("{part}: fails {after:?} after the faults: {said}"));
        }
    }
    violations
}
