//! A policy is compiled once, before it comes into force, and judges only from then on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use consensus_raft::Observer as _;
use consensus_state::{Changed, State};
use node_enforce::policy::Policy;
use proto::entry::{By, Client, ClusterCreation, Entry, NodeAddresses, PolicySetting, Proposal};
use proto::ids::Digest;
use proto::time::Utc;

use super::node::name;
use crate::control::{RaftControl, Seen};

fn sha256(text: &str) -> Digest {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    Digest(digest.as_ref().try_into().expect("32 bytes"))
}

/// What sees a state, with the count of what it compiled.
fn seeing() -> (Arc<Seen>, Arc<AtomicUsize>) {
    let compiled = Arc::new(AtomicUsize::new(0));
    let count = compiled.clone();
    let compile = move |text: &str| {
        count.fetch_add(1, Ordering::Relaxed);
        let parsed = Policy::parse("policy", text, &|_| true);
        parsed.map(|(policy, _)| policy).map_err(|errors| errors.to_string())
    };
    (RaftControl::observe(Box::new(compile), 0), compiled)
}

fn founded() -> State {
    let mut state = State::new(name("test"));
    let address = "127.0.0.1:1".to_owned();
    let creation = ClusterCreation {
        contact_ms: 15_000,
        founder: name("gw-1"),
        addresses: NodeAddresses { cluster: address.clone(), api: address },
        key: Digest([1; 32]),
    };
    apply(&mut state, 1, Entry::ClusterCreated(creation));
    state
}

fn apply(state: &mut State, request: u64, entry: Entry) -> Changed {
    let client = Client { node: name("gw-1"), lane: 0 };
    let (_, effects) = state.apply(Utc(0), &Proposal { client, request, entry });
    effects.changed
}

fn policy(text: &str) -> Entry {
    let (digest, by) = (sha256(text), By::Administrator);
    let document = text.to_owned();
    Entry::PolicySet(PolicySetting { document, digest, expected_revision: None, by })
}

/// The revision that judges.
fn revision(seen: &Seen) -> Option<u64> {
    seen.view().policy.as_ref().map(|(_, reference)| reference.revision)
}

#[test]
fn what_was_foreseen_is_not_compiled_under_the_lock_and_judges_only_when_it_is_in_force() {
    let (seen, compiled) = seeing();
    let mut state = founded();
    seen.foresee("version: 1");
    assert_eq!((compiled.load(Ordering::Relaxed), revision(&seen)), (1, None));
    let changed = apply(&mut state, 2, policy("version: 1"));
    seen.applied(&state, changed, Vec::new());
    assert_eq!((compiled.load(Ordering::Relaxed), revision(&seen)), (1, Some(1)));
    // Another that is foreseen changes nothing before it is applied.
    let other = "version: 1\ndefaults: { unmatched: block }";
    seen.foresee(other);
    seen.foresee("no policy at all: [");
    assert_eq!(revision(&seen), Some(1));
    let before = compiled.load(Ordering::Relaxed);
    let changed = apply(&mut state, 3, policy(other));
    seen.applied(&state, changed, Vec::new());
    assert_eq!((compiled.load(Ordering::Relaxed), revision(&seen)), (before, Some(2)));
}

#[test]
fn what_nobody_foresaw_is_compiled_when_it_is_applied() {
    let (seen, compiled) = seeing();
    let mut state = founded();
    let changed = apply(&mut state, 2, policy("version: 1"));
    seen.applied(&state, changed, Vec::new());
    assert_eq!((compiled.load(Ordering::Relaxed), revision(&seen)), (1, Some(1)));
    // As many as are kept come between: it is compiled anew, and is itself.
    for n in 0..20 {
        seen.foresee(&format!("version: 1 # {n}"));
    }
    seen.applied(&state, Changed::ALL, Vec::new());
    assert_eq!((compiled.load(Ordering::Relaxed), revision(&seen)), (22, Some(1)));
}
