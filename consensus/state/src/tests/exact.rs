//! What a script cannot say: exact bytes of control events, and what is over a limit.

use proto::entry::*;
use proto::event::{Event, Head};

use super::*;
use crate::{Denied, limits};

#[test]
fn the_bytes_of_a_control_event() {
    let mut state = State::new(name("test"));
    state.apply(seconds(0), &proposal("gw-1", 0, 1, creation("gw-1")));
    state.apply(seconds(0), &proposal("gw-1", 0, 2, Entry::Tick(Passing { node: name("gw-1") })));
    let before = state.control_head();
    let (_, effects) = state.apply(seconds(1_700_000_000), &proposal("gw-1", 0, 3, policy("one")));
    let first = &effects.events[0];
    let digest = sha256("one");
    assert_eq!(
        String::from_utf8(first.bytes.clone()).unwrap(),
        r#"{"specversion":"1.0","id":"0-2","source":"/sallyport/test/control","#.to_owned()
            + r#""type":"io.sallyport.policy.changed.v1","time":"2023-11-14T22:13:20.000000Z","#
            + r#""datacontenttype":"application/json","data":{"chain":"control","epoch":0,"#
            + &format!(r#""seq":2,"prev":"{}","applied":3,"#, before.hash.unwrap())
            + &format!(r#""revision":1,"digest":"{digest}","by":"eve"}}}}"#)
    );
    let (_, effects) = state.apply(seconds(0), &proposal("gw-1", 0, 4, policy("two")));
    let second = Event::read(&effects.events[0].bytes).unwrap();
    assert_eq!(second.id.seq, 3, "numbers of the chain have no gaps, whatever the index is");
    assert_eq!(second.prev, crate::control_chain::sha256(&first.bytes));
    assert_eq!(second.time, state.time(), "time never goes back");
    let hash = Some(crate::control_chain::sha256(&effects.events[0].bytes));
    assert_eq!(state.control_head(), Head { seq: 3, hash });
    assert_eq!(state.unpublished().last(), effects.events.last());
    assert_eq!(state.unpublished().len(), 3);
}

/// Applies one entry and expects that it is refused without a trace, but for the index and the
/// reply.
#[track_caller]
fn check_denied(cluster: &mut Cluster, entry: Entry, expected: &Denied) {
    let before = cluster.state.clone();
    let (reply, effects) = cluster.apply(entry);
    assert_eq!(reply, Reply::Refused(expected.clone()));
    assert_eq!(effects, Effects::default());
    let mut untouched = before;
    untouched.applied += 1;
    untouched.replies = cluster.state.replies.clone();
    assert_eq!(cluster.state, untouched);
}

fn over(what: &str, limit: usize) -> Denied {
    Denied::Limit { what: what.to_owned(), limit: limit as u64 }
}

#[test]
fn documents_over_a_limit_are_refused() {
    let mut cluster = Cluster::new();
    let long = "x".repeat(limits::POLICY_DOCUMENT_BYTES + 1);
    let expected = over("a policy document in bytes", limits::POLICY_DOCUMENT_BYTES);
    check_denied(&mut cluster, policy(&long), &expected);
    let mut forged = setting("one", None, "eve");
    forged.digest = sha256("two");
    check_denied(&mut cluster, Entry::PolicySet(forged), &Denied::DigestDiffers);
    let many = (0..=limits::TARGETS).map(|n| target(&format!("t{n}"), "x")).collect();
    let expected = over("the number of targets", limits::TARGETS);
    check_denied(&mut cluster, targets(many), &expected);
    let many = (0..=limits::PEOPLE).map(|n| person(&format!("p{n}"), &[])).collect();
    let expected = over("the number of people", limits::PEOPLE);
    check_denied(&mut cluster, people(many), &expected);
}

#[test]
fn a_change_too_large_for_one_event_is_refused_and_goes_in_steps() {
    let mut cluster = Cluster::new();
    let head = cluster.state.control_head();
    let many = |range: std::ops::Range<usize>| {
        people(range.map(|n| person(&format!("{n:0>64}"), &[])).collect())
    };
    let (reply, effects) = cluster.apply(many(0..8_000));
    assert!(matches!(reply, Reply::Refused(Denied::ChangeTooLarge { .. })), "{reply:?}");
    assert_eq!((effects, cluster.state.people().len()), (Effects::default(), 5));
    assert_eq!(cluster.state.control_head(), head);
    assert_eq!(cluster.reply(many(0..4_000)), Reply::People(2));
    assert_eq!(cluster.reply(many(0..7_500)), Reply::People(3));
    assert_eq!(cluster.state.people().len(), 7_500);
}

#[test]
fn a_request_over_a_limit_is_refused() {
    let mut cluster = Cluster::new();
    cluster.open(1);
    let base = request(1, 1, &["bob"]);
    let mut check = |change: &dyn Fn(&mut ApprovalRequest), what: &str, limit: usize| {
        let mut request = base.clone();
        change(&mut request);
        check_denied(&mut cluster, Entry::ApprovalRequested(request), &over(what, limit));
    };
    let text = limits::APPROVAL_TEXT_BYTES;
    let long_text = |request: &mut ApprovalRequest| request.text = "x".repeat(text + 1);
    check(&long_text, "a command's text in bytes", text);
    let rules = limits::RULES_ASKED;
    let many = |request: &mut ApprovalRequest| {
        let rule = |n| AskedRule { rule: format!("r{n}"), ..base.rules[0].clone() };
        request.rules = (0..=rules).map(rule).collect();
    };
    check(&many, "the number of rules", rules);
    let bytes = limits::RULE_NAME_BYTES;
    let long = |request: &mut ApprovalRequest| request.rules[0].rule = "x".repeat(bytes + 1);
    check(&long, "the name of a rule in bytes", bytes);
    let people = limits::APPROVERS;
    let crowd = |request: &mut ApprovalRequest| {
        request.rules[0].approvers = (0..=people).map(|n| name(&format!("p{n}"))).collect();
    };
    check(&crowd, "the approvers of a rule", people);
}

#[test]
fn reasons_logins_addresses_secrets_and_names_over_a_limit_are_refused() {
    let mut cluster = Cluster::new();
    cluster.open(1);
    let approval = cluster.ask(&request(1, 1, &["bob"]));
    let reason = "x".repeat(limits::REASON_BYTES + 1);
    let long_reason = over("a reason in bytes", limits::REASON_BYTES);
    let (by, lock) = (by("bob"), LockScope::All);
    for entry in [
        Entry::ApprovalRuled(ApprovalRuling {
            approval,
            by: by.clone(),
            ruling: Ruling::Deny,
            reason: reason.clone(),
        }),
        Entry::ApprovalRevoked(ApprovalRevocation {
            approval,
            by: by.clone(),
            reason: reason.clone(),
        }),
        Entry::LockSet(LockSetting {
            scope: lock,
            for_ms: None,
            reason: reason.clone(),
            by: by.clone(),
        }),
        Entry::LockLifted(LockLift { lock: approval, reason: reason.clone(), by: by.clone() }),
    ] {
        check_denied(&mut cluster, entry, &long_reason);
    }
    let mut opening = opening("gw-1", 1, 2, "alice", "web-1");
    opening.login = "x".repeat(limits::LOGIN_BYTES + 1);
    let expected = over("a login in bytes", limits::LOGIN_BYTES);
    check_denied(&mut cluster, Entry::SessionOpen(opening), &expected);
    let mut started = start("gw-1", 1, 1, 8);
    started.addresses.api = "x".repeat(limits::ADDRESS_BYTES + 1);
    let expected = over("an address in bytes", limits::ADDRESS_BYTES);
    check_denied(&mut cluster, Entry::NodeStarted(started), &expected);
    let mut started = start("gw-1", 1, 1, 8);
    started.version = "x".repeat(limits::PROGRAM_VERSION_BYTES + 1);
    let expected = over("a program's version in bytes", limits::PROGRAM_VERSION_BYTES);
    check_denied(&mut cluster, Entry::NodeStarted(started), &expected);
    let secret = |name_of: &str, length| {
        let (name, wrapped, by) = (name(name_of), vec![0; length], by.clone());
        Entry::SecretSet(SecretSetting { name, wrapped, generation: 1, by })
    };
    let expected = over("a wrapped secret in bytes", limits::SECRET_BYTES);
    check_denied(&mut cluster, secret("key", limits::SECRET_BYTES + 1), &expected);
    for n in 0..limits::SECRETS {
        assert_eq!(cluster.reply(secret(&format!("key-{n}"), 1)), Reply::Done);
    }
    let expected = over("the number of secrets", limits::SECRETS);
    check_denied(&mut cluster, secret("key", 1), &expected);
}

#[test]
fn a_cluster_with_a_senseless_bound_of_contact_is_not_created() {
    let check = |contact_ms, good: bool| {
        let mut state = State::new(name("test"));
        let Entry::ClusterCreated(mut creation) = creation("gw-1") else { unreachable!() };
        creation.contact_ms = contact_ms;
        let proposal = proposal("gw-1", 0, 1, Entry::ClusterCreated(creation));
        let (reply, _) = state.apply(seconds(0), &proposal);
        let malformed = Denied::Malformed { what: "the bound of contact".to_owned() };
        let bad = Reply::Refused(malformed);
        assert_eq!(reply, if good { Reply::Joined { raft_id: 1 } } else { bad }, "{contact_ms}");
        assert_eq!(state.contact().as_millis(), u128::from(if good { contact_ms } else { 0 }));
    };
    check(0, false);
    check(99, false);
    check(100, true);
    check(15_000, true);
    check(600_000, true);
    check(600_001, false);
    check(u64::MAX, false);
}

#[test]
fn an_entry_that_not_all_understand_is_refused() {
    let mut cluster = Cluster::new();
    // No kind of this version is newer than the first; so the cluster is made older.
    cluster.state.version = 0;
    let tick = Entry::Tick(Passing { node: name("gw-1") });
    check_denied(&mut cluster, tick, &Denied::NotYet { needs: 1, version: 0 });
}
