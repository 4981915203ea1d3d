//! O1 of the whole record: each event is in the stream by its chain, epoch and place, with the
//! exact bytes that its node's journal has; chains have no gaps, and nobody else's words are in
//! them.
//!
//! After a loss events are published again behind later ones, so the stream may hold an event more
//! than once, and in any order; copies must be equal. Journals grow while they are read: what they
//! held before the stream was read must be in it, what is in it must be in them after.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Events, chain};

/// How many violations of a kind are listed; the rest is counted.
const LISTED: usize = 5;

/// A message of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Streamed {
    /// Where in the stream.
    pub sequence: u64,
    /// Its subject.
    pub subject: String,
    /// The exact bytes.
    pub bytes: Vec<u8>,
}

/// Where an event belongs: chain, epoch, place.
type Place = (String, u64, u64);

/// Violations, given the journals of all nodes before the stream was read and after.
#[must_use]
pub fn violations(before: &Events, stream: &[Streamed], after: &Events) -> Vec<String> {
    let mut violations = Vec::new();
    for name in after.chains().keys() {
        let broken = chain::broken(name, after.of_chain(name));
        violations.extend(broken.map(|broken| format!("the journal of {name}: {broken}")));
    }
    let (mut by_place, mut foreign): (BTreeMap<Place, &Streamed>, Vec<_>) = Default::default();
    for message in stream {
        let Some(place) = place(message) else {
            foreign.push(format!("message {} is no event of its subject", message.sequence));
            continue;
        };
        match by_place.get(&place) {
            Some(first) if first.bytes != message.bytes => foreign.push(format!(
                "messages {} and {} both are {place:?}, and differ",
                first.sequence, message.sequence
            )),
            Some(_) => {}
            None => _ = by_place.insert(place, message),
        }
    }
    list(&mut violations, foreign);
    let streamed: BTreeSet<&[u8]> = by_place.values().map(|one| one.bytes.as_slice()).collect();
    let kept: BTreeSet<&[u8]> = after.exact().map(str::as_bytes).collect();
    let missing = before.exact().filter(|line| !streamed.contains(line.as_bytes()));
    list(&mut violations, missing.map(|line| format!("not in the stream: {line}")).collect());
    let unknown = by_place.iter().filter(|(_, one)| !kept.contains(one.bytes.as_slice()));
    let unknown = unknown
        .map(|(place, one)| format!("message {} at {place:?} is in no journal", one.sequence));
    list(&mut violations, unknown.collect());
    violations
}

/// Which event a message is; none when it is none, or not one of the chain that its subject names.
fn place(message: &Streamed) -> Option<Place> {
    let event: Value = serde_json::from_slice(&message.bytes).ok()?;
    let data = &event["data"];
    let chain = data["chain"].as_str()?.to_owned();
    let of_subject = message.subject.rsplit('.').next() == Some(chain.as_str());
    of_subject.then_some((chain, data["epoch"].as_u64()?, data["seq"].as_u64()?))
}

fn list(violations: &mut Vec<String>, mut found: Vec<String>) {
    let more = found.len().saturating_sub(LISTED);
    found.truncate(LISTED);
    violations.append(&mut found);
    if more > 0 {
        violations.push(format!("… and {more} more like it"));
    }
}
