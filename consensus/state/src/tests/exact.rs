//! What a script cannot say: exact bytes of control events, and behaviour at the limits.

use proto::entry::Entry;
use proto::event::Event;
use proto::ids::Name;

use super::{name, new_state, opening, person, policy, proposal, sha256, target};
use crate::{Denied, Reply, State, limits};

#[test]
fn the_bytes_of_a_control_event() {
    let mut state = new_state();
    state.apply(3, &proposal("c", 1, 0, Entry::Tick));
    let (_, effects) = state.apply(4, &proposal("c", 2, 1_700_000_000, policy("one", None)));
    let first = effects.event.unwrap();
    let digest = sha256("one");
    assert_eq!(
        String::from_utf8(first.bytes.clone()).unwrap(),
        r#"{"specversion":"1.0","id":"0-4","source":"/sallyport/test/control","#.to_owned()
            + r#""type":"io.sallyport.policy.changed.v1","time":"2023-11-14T22:13:20.000000Z","#
            + r#""datacontenttype":"application/json","data":{"chain":"control","epoch":0,"#
            + &format!(r#""seq":4,"prev":"{}","applied":4,"#, "0".repeat(64))
            + &format!(r#""revision":1,"digest":"{digest}","by":"eve"}}}}"#)
    );
    let (_, effects) = state.apply(9, &proposal("c", 3, 0, policy("two", None)));
    let second = Event::read(&effects.event.unwrap().bytes).unwrap();
    assert_eq!(second.id.seq, 9);
    assert_eq!(second.prev, crate::control_chain::sha256(&first.bytes));
    assert_eq!(second.time, state.time(), "time never goes back");
}

#[test]
fn an_index_is_applied_once() {
    let mut state = new_state();
    let start = |request| proposal("c", request, 0, Entry::NodeStarted { node: name("gw") });
    assert_eq!(state.apply(7, &start(1)).0, Reply::Epoch(proto::ids::Epoch(1)));
    let before = state.clone();
    for index in [0, 6, 7] {
        let denied = Denied::OutOfOrder { index, applied: 7 };
        assert_eq!(state.apply(index, &start(2)).0, Reply::Refused(denied));
    }
    assert_eq!(state, before);
}

/// Applies one entry to a state of its own and expects that a limit refuses it, without a trace.
#[track_caller]
fn check_limit(entry: Entry, expected: &Denied) {
    let mut state = new_state();
    let (reply, effects) = state.apply(1, &proposal("c", 1, 0, entry));
    assert_eq!(reply, Reply::Refused(expected.clone()));
    assert_eq!(effects, crate::Effects::default());
    let mut untouched = new_state();
    untouched.applied = 1;
    untouched.time = state.time;
    untouched.replies = state.replies.clone();
    assert_eq!(state, untouched);
}

#[test]
fn limits_refuse() {
    let by = || "x".repeat(limits::BY_BYTES + 1);
    let long_by = Denied::Limit {
        what: "the text that says who changed it in bytes",
        limit: limits::BY_BYTES,
    };
    check_limit(Entry::PeopleSet { people: vec![person("a", &[])], by: by() }, &long_by);
    check_limit(Entry::TargetsSet { targets: vec![target("a", "b")], by: by() }, &long_by);
    let long = "x".repeat(limits::POLICY_DOCUMENT_BYTES + 1);
    let limit = limits::POLICY_DOCUMENT_BYTES;
    check_limit(policy(&long, None), &Denied::Limit { what: "a policy document in bytes", limit });
    let forged = Entry::PolicySet {
        document: "one".into(),
        digest: sha256("two"),
        expected_revision: None,
        by: "eve".into(),
    };
    check_limit(forged, &Denied::DigestDiffers);
    let many = (0..=limits::TARGETS).map(|n| target(&format!("t{n}"), "x")).collect();
    let too_many = Denied::Limit { what: "the number of targets", limit: limits::TARGETS };
    check_limit(Entry::TargetsSet { targets: many, by: "eve".into() }, &too_many);
    let twice = vec![person("a", &[]), person("a", &["b"])];
    let duplicate = Denied::Duplicate { what: "person", name: name("a") };
    check_limit(Entry::PeopleSet { people: twice, by: "eve".into() }, &duplicate);
}

#[test]
fn a_change_too_large_for_one_event_is_refused_and_goes_in_steps() {
    let mut state = new_state();
    let people = |range: std::ops::Range<usize>| {
        let people = range.map(|n| person(&format!("{n:0>64}"), &[])).collect();
        Entry::PeopleSet { people, by: "eve".into() }
    };
    let (reply, effects) = state.apply(1, &proposal("c", 1, 0, people(0..8_000)));
    assert!(matches!(reply, Reply::Refused(Denied::ChangeTooLarge { .. })), "{reply:?}");
    assert_eq!((effects.event, state.people().len()), (None, 0));
    assert_eq!(state.control_head(), proto::event::Head::default());
    assert_eq!(state.apply(2, &proposal("c", 2, 0, people(0..4_000))).0, Reply::Done);
    assert_eq!(state.apply(3, &proposal("c", 3, 0, people(0..8_000))).0, Reply::Done);
    assert_eq!(state.people().len(), 8_000);
}

#[test]
fn at_most_128_replies_of_a_client_are_kept() {
    let mut state = new_state();
    let starts = |request| proposal("c", request, 0, Entry::NodeStarted { node: name("gw") });
    for request in 1..=129 {
        state.apply(request, &starts(request));
    }
    assert_eq!(state.apply(130, &starts(1)).0, Reply::Refused(Denied::RequestExpired));
    assert_eq!(state.apply(131, &starts(2)).0, Reply::Epoch(proto::ids::Epoch(2)));
    assert_eq!(epoch(&state, "gw"), 129);
}

#[test]
fn clients_are_forgotten_only_after_a_week_of_silence() {
    let mut state = new_state();
    let week = i64::try_from(limits::CLIENT_SILENCE.as_secs()).unwrap();
    let tick = |client: usize, at| proposal(&format!("c{client}"), 1, at, Entry::Tick);
    let mut index = 0;
    let mut apply = |state: &mut State, client, at| {
        index += 1;
        state.apply(index, &tick(client, at)).0
    };
    for client in 0..limits::CLIENTS {
        assert_eq!(apply(&mut state, client, 0), Reply::Done);
    }
    let full = Denied::Limit { what: "the number of clients", limit: limits::CLIENTS };
    assert_eq!(apply(&mut state, limits::CLIENTS, week), Reply::Refused(full));
    assert_eq!(apply(&mut state, 3, week), Reply::Refused(Denied::RequestExpired));
    assert_eq!(apply(&mut state, limits::CLIENTS, week + 1), Reply::Done);
}

#[test]
fn session_numbers_stay_used_and_bounded() {
    let mut state = new_state();
    let setup = [
        Entry::NodeStarted { node: name("gw") },
        Entry::PeopleSet { people: vec![person("alice", &[])], by: "eve".into() },
        Entry::TargetsSet { targets: vec![target("web", "deploy")], by: "eve".into() },
        policy("one", None),
    ];
    let mut index = 0;
    let mut apply = |state: &mut State, entry: Entry| {
        index += 1;
        state.apply(index, &proposal("c", index, 0, entry)).0
    };
    for entry in setup {
        apply(&mut state, entry);
    }
    let open = |count| opening("gw", 1, count, "alice", "web");
    // Number 1 is never used; what runs ahead of it is remembered only so far.
    for count in (2..).take(limits::SESSION_NUMBERS_AHEAD) {
        assert_eq!(apply(&mut state, Entry::SessionOpen(open(count))), Reply::SessionOpened);
        apply(&mut state, Entry::SessionClose { session: open(count).session });
    }
    let used = |count| Reply::Refused(Denied::SessionUsed(open(count).session));
    assert_eq!(apply(&mut state, Entry::SessionOpen(open(2))), used(2));
    assert_eq!(apply(&mut state, Entry::SessionOpen(open(1))), Reply::SessionOpened);
    assert_eq!(apply(&mut state, Entry::SessionOpen(open(1))), used(1));
    assert_eq!(state.open_sessions().len(), 1);
    // One more ahead of a gap than is remembered closes the gap: its number may not be given.
    let gap = u64::try_from(limits::SESSION_NUMBERS_AHEAD).unwrap() + 2;
    for count in (gap + 1..).take(limits::SESSION_NUMBERS_AHEAD + 1) {
        assert_eq!(apply(&mut state, Entry::SessionOpen(open(count))), Reply::SessionOpened);
        apply(&mut state, Entry::SessionClose { session: open(count).session });
    }
    assert_eq!(apply(&mut state, Entry::SessionOpen(open(gap))), used(gap));
}

fn epoch(state: &State, node: &str) -> u64 {
    let node: Name = name(node);
    state.epoch_of(&node).map_or(0, |epoch| epoch.0)
}
