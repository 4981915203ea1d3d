//! One control chain: what nodes keep of it is the same, byte for byte, without a gap.
//!
//! A node may be behind; then what it has is the beginning of what another one has.

use ring::digest::{SHA256, digest};
use serde_json::Value;

/// The `prev` of the first event.
const NOTHING_BEFORE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What the control chain is called.
const CONTROL: &str = "control";

/// What one node keeps of the control chain.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The node.
    pub node: String,
    /// Exact events of the control chain, in the node's order.
    pub lines: Vec<String>,
}

/// Violations within each chain, and between them.
#[must_use]
pub fn violations(chains: &[Kept]) -> Vec<String> {
    let mut violations: Vec<_> = chains.iter().flat_map(within).collect();
    // Prefixes of the longest are prefixes of each other.
    let Some(longest) = chains.iter().max_by_key(|chain| chain.lines.len()) else {
        return violations;
    };
    for chain in chains {
        let mut pairs = chain.lines.iter().zip(&longest.lines);
        if let Some(at) = pairs.position(|(one, other)| one != other) {
            violations.push(format!(
                "{} and {} differ at {}: {} and {}",
                chain.node,
                longest.node,
                at + 1,
                chain.lines[at],
                longest.lines[at]
            ));
        }
    }
    violations
}

fn within(kept: &Kept) -> Vec<String> {
    let lines = kept.lines.iter().map(String::as_str);
    broken(CONTROL, lines).map(|broken| format!("{}: {broken}", kept.node)).into_iter().collect()
}

/// Where the exact lines of a chain have a gap, a repetition or a broken link first, if anywhere.
pub(super) fn broken<'a>(chain: &str, lines: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut before = NOTHING_BEFORE.to_owned();
    for (line, seq) in lines.zip(1_u64..) {
        let event: Value = serde_json::from_str(line).unwrap_or_default();
        let data = &event["data"];
        if data["chain"] != chain || data["seq"] != seq {
            return Some(format!("not number {seq} of the chain: {line}"));
        }
        if data["prev"] != before.as_str() {
            return Some(format!("number {seq} does not follow: {line}"));
        }
        before = digest(&SHA256, line.as_bytes()).as_ref().iter().fold(String::new(), hex);
    }
    None
}

fn hex(text: String, byte: &u8) -> String {
    format!("{text}{byte:02x}")
}
