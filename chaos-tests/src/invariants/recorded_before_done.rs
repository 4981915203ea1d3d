//! O2: no command reaches a target without an earlier durable decision that allows it, or that
//! held it until an approval was spent on it.
//!
//! The target's own log says what reached it, and, where it was told to look, whether the journal
//! held the command at that moment.

use std::collections::{BTreeMap, BTreeSet};

use super::Events;
use crate::live::Ran;

/// Violations, given the target's log and what the record says (after recovery, if there was a
/// fault). Commands are compared by their text; those with a secret in it must not be given.
#[must_use]
pub fn violations(ran: &[Ran], record: &Events) -> Vec<String> {
    let mut violations = Vec::new();
    let spent = record.of_kind("approval.consumed").map(|data| data["by_session"].to_string());
    let spent: BTreeSet<_> = spent.collect();
    let judged = record.of_kind("command.judged").filter(|data| {
        let approved = || spent.contains(&data["session"].to_string());
        data["verdict"] == "allow" || (data["verdict"] == "hold" && approved())
    });
    // A command that was judged again while it waited is one command.
    let (mut allowed, mut counted) = (BTreeMap::new(), BTreeSet::new());
    for data in judged {
        let text = data["text"].as_str().unwrap_or_default();
        if counted.insert(format!("{} {} {text}", data["session"], data["command"])) {
            *allowed.entry(text).or_insert(0_usize) += 1;
        }
    }
    for command in ran {
        // Each decision allows one run.
        match allowed.get_mut(command.command.as_str()) {
            Some(left) if *left > 0 => *left -= 1,
            _ => violations.push(format!("ran and was not allowed: {:?}", command.command)),
        }
        if command.was_recorded == Some(false) {
            violations.push(format!("ran before it was recorded: {:?}", command.command));
        }
    }
    violations
}
