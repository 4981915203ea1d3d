//! O2: no command reaches a target without an earlier durable decision that allows it.
//!
//! The target's own log says what reached it, and, where it was told to look, whether the journal
//! held the command at that moment.

use std::collections::BTreeMap;

use super::Events;
use crate::live::Ran;

/// Violations, given the target's log and what the record says (after recovery, if there was a
/// fault). Commands are compared by their text; those with a secret in it must not be given.
#[must_use]
pub fn violations(ran: &[Ran], record: &Events) -> Vec<String> {
    let mut violations = Vec::new();
    let judged = record.of_kind("command.judged").filter(|data| data["verdict"] == "allow");
    let mut allowed = BTreeMap::new();
    for text in judged.filter_map(|data| data["text"].as_str()) {
        *allowed.entry(text).or_insert(0_usize) += 1;
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
