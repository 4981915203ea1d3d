//! Promise 7: nothing is allowed later than T after the majority forbade it.
//!
//! To accuse nobody wrongly, what was forbidden counts from when its answer was there (it was in
//! force no later) until something was asked that may permit it again (it was in force at least so
//! long), and what was allowed counts at a moment when it certainly had not happened yet.

use std::time::Duration;

/// Somebody or something that was forbidden, e.g. `person eve`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forbidden {
    /// Who or what.
    pub subject: String,
    /// When the answer was there that a majority has it.
    pub committed: Duration,
    /// When somebody first asked to permit it again; none when nobody did.
    pub lifted: Option<Duration>,
}

/// Something that was allowed: a command that reached its target, or output that reached a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// What it was, for people who read a violation.
    pub what: String,
    /// Everybody and everything that it involved, e.g. `person eve`, `target web-1`, `node gw-1`.
    pub subjects: Vec<String>,
    /// When it was seen by whoever cannot see it too early: the target, or the client.
    pub at: Duration,
}

/// Violations of the bound.
#[must_use]
pub fn violations(forbidden: &[Forbidden], allowed: &[Allowed], bound: Duration) -> Vec<String> {
    let mut violations = Vec::new();
    for forbidding in forbidden {
        let last = forbidding.committed + bound;
        for one in allowed.iter().filter(|one| one.subjects.contains(&forbidding.subject)) {
            let still = forbidding.lifted.is_none_or(|lifted| one.at < lifted);
            if one.at > last && still {
                let (subject, at) = (&forbidding.subject, one.at);
                let late = at - forbidding.committed;
                violations.push(format!(
                    "{} was allowed at {at:?}, {late:?} after {subject} was forbidden",
                    one.what
                ));
            }
        }
    }
    violations
}
