//! Any sequence of proposals, replayed, gives the same state, replies and event bytes, and keeps
//! what must always hold.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proto::entry::{Entry, Proposal};
use proto::event::Event;
use proto::ids::Digest;

use super::{name, new_state, opening, person, policy, proposal, target};
use crate::{Denied, Effects, Reply, State};

const NAMES: [&str; 3] = ["ann", "bob", "cat"];

fn any_entry() -> impl Strategy<Value = Entry> {
    let a_name = || prop::sample::select(&NAMES[..]);
    let subset = || prop::sample::subsequence(&NAMES[..], 0..=NAMES.len());
    prop_oneof![
        a_name().prop_map(|node| Entry::NodeStarted { node: name(node) }),
        (a_name(), prop::option::of(0_u64..4)).prop_map(|(text, seen)| policy(text, seen)),
        (subset(), subset()).prop_map(|(people, groups)| {
            let people = people.into_iter().map(|text| person(text, &groups)).collect();
            Entry::PeopleSet { people, by: "eve".to_owned() }
        }),
        (subset(), a_name()).prop_map(|(targets, login)| {
            let targets = targets.into_iter().map(|text| target(text, login)).collect();
            Entry::TargetsSet { targets, by: "eve".to_owned() }
        }),
        (a_name(), 0_u64..3, 0_u64..6, a_name(), a_name(), 0_u64..4, 0_u32..3).prop_map(
            |(node, epoch, count, person, target, policy_revision, per_person)| {
                let mut opening = opening(node, epoch, count, person, target);
                (opening.policy_revision, opening.per_person) = (policy_revision, per_person);
                Entry::SessionOpen(opening)
            }
        ),
        (a_name(), 0_u64..3, 0_u64..6).prop_map(|(node, epoch, count)| Entry::SessionClose {
            session: opening(node, epoch, count, "ann", "ann").session
        }),
        Just(Entry::Tick),
    ]
}

fn any_proposal() -> impl Strategy<Value = Proposal> {
    (prop::sample::select(&NAMES[..]), 0_u64..12, 0_i64..1_500, any_entry())
        .prop_map(|(client, request, seconds, entry)| proposal(client, request, seconds, entry))
}

type Run = (State, Vec<(Reply, Effects)>);

fn run(proposals: &[Proposal]) -> Run {
    let mut state = new_state();
    let answers = (1..).zip(proposals).map(|(index, proposal)| state.apply(index, proposal));
    let answers = answers.collect();
    (state, answers)
}

proptest! {
    #[test]
    fn a_replay_is_equal(proposals in prop::collection::vec(any_proposal(), 0..60)) {
        let (state, answers) = run(&proposals);
        // The way through bytes is the way of a log that is read again.
        let kept = proposals.iter().map(|proposal| proposal.to_bytes().unwrap());
        let read: Vec<_> = kept.map(|bytes| Proposal::from_bytes(&bytes).unwrap()).collect();
        prop_assert_eq!(&run(&read), &(state.clone(), answers.clone()));
        check_invariants(&state, &proposals, &answers);
    }
}

fn check_invariants(state: &State, proposals: &[Proposal], answers: &[(Reply, Effects)]) {
    let mut performed = BTreeMap::new();
    let mut prev = Digest::ZERO;
    let mut time = None;
    for (proposal, (reply, effects)) in proposals.iter().zip(answers) {
        // One effect for each request, however often it comes.
        let request = (&proposal.client, proposal.request);
        if *reply != Reply::Refused(Denied::RequestExpired) {
            if performed.contains_key(&request) {
                assert_eq!((performed.get(&request), effects), (Some(&reply), &Effects::default()));
            }
            performed.insert(request, reply);
        }
        if matches!(reply, Reply::Refused(_)) {
            assert_eq!(*effects, Effects::default());
        }
        if let Some(stamped) = &effects.event {
            let event = Event::read(&stamped.bytes).unwrap();
            assert_eq!((event.prev, &event.id), (prev, &stamped.id));
            assert!(Some(event.time) >= time, "time went back");
            time = Some(event.time);
            prev = crate::control_chain::sha256(&stamped.bytes);
        }
    }
    let mut counts = BTreeMap::new();
    for session in state.open_sessions() {
        let opening = &session.opening;
        assert_eq!(state.epoch_of(&opening.node), Some(opening.epoch));
        *counts.entry(opening.person.clone()).or_insert(0) += 1;
    }
    for text in NAMES {
        let person = name(text);
        assert_eq!(state.sessions_of(&person), counts.get(&person).copied().unwrap_or(0));
    }
}
