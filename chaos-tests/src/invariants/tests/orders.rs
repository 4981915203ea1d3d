//! The linearizability checker: small histories with and without an order, and a random register
//! against every order there is.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::invariants::history::{Operation, Outcome};
use crate::invariants::linearizable::{
    Approvals, Asked, Calls, LockCall, Locks, Model, Policies, PolicyCall, PolicyReply, Seen, Told,
    violations, violations_by_key,
};

fn operation<C, R>(times: (u64, u64), call: C, outcome: Outcome<R>) -> Operation<C, R> {
    let (invoked, returned) = (Duration::from_secs(times.0), Duration::from_secs(times.1));
    Operation { client: "c".into(), invoked, returned, call, outcome }
}

fn done<C, R>(invoked: u64, returned: u64, call: C, reply: R) -> Operation<C, R> {
    operation((invoked, returned), call, Outcome::Done(reply))
}

fn lost<C, R>(invoked: u64, call: C) -> Operation<C, R> {
    operation((invoked, invoked), call, Outcome::Unknown)
}

fn refused<C, R>(invoked: u64, call: C) -> Operation<C, R> {
    operation((invoked, invoked + 1), call, Outcome::Refused)
}

#[track_caller]
fn check_policy(calls: &Calls<Policies>, good: bool) {
    let found = violations(&Policies, (0, String::new()), calls);
    assert_eq!(found.is_empty(), good, "{found:?}");
}

fn set(expected: u64, document: &str) -> PolicyCall {
    PolicyCall::Set { expected: Some(expected), document: document.into() }
}

fn force(document: &str) -> PolicyCall {
    PolicyCall::Set { expected: None, document: document.into() }
}

fn is(revision: u64, document: &str) -> PolicyReply {
    PolicyReply::InForce { revision, document: document.into() }
}

#[test]
fn policy_revisions() {
    use PolicyCall::Read;
    use PolicyReply::Stale;
    check_policy(&vec![], true);
    check_policy(&vec![done(0, 1, set(0, "a"), is(1, "a")), done(2, 3, Read, is(1, "a"))], true);
    // A read that misses what was acknowledged before it began.
    check_policy(&vec![done(0, 1, set(0, "a"), is(1, "a")), done(2, 3, Read, is(0, ""))], false);
    check_policy(&vec![done(0, 4, set(0, "a"), is(1, "a")), done(2, 3, Read, is(0, ""))], true);
    // Two that were seen side by side cannot both have replaced the same revision.
    let both = vec![done(0, 5, set(0, "a"), is(1, "a")), done(0, 5, set(0, "b"), is(1, "b"))];
    check_policy(&both, false);
    let one = vec![done(0, 5, set(0, "a"), is(1, "a")), done(0, 5, set(0, "b"), Stale)];
    check_policy(&one, true);
    // Stale is only said when somebody else was first.
    check_policy(&vec![done(0, 1, set(0, "a"), Stale)], false);
    check_policy(
        &vec![done(0, 1, force("a"), is(1, "a")), done(2, 3, force("b"), is(2, "b"))],
        true,
    );
    check_policy(&vec![done(0, 1, force("a"), is(2, "a"))], false);
    // Unknown may have happened, or not, or happen much later, but not before it was asked.
    check_policy(&vec![lost(0, set(0, "a")), done(5, 6, Read, is(0, ""))], true);
    check_policy(&vec![lost(0, set(0, "a")), done(5, 6, Read, is(1, "a"))], true);
    let late =
        vec![lost(0, force("a")), done(1, 2, force("b"), is(1, "b")), done(5, 6, Read, is(2, "a"))];
    check_policy(&late, true);
    check_policy(&vec![done(1, 2, Read, is(1, "a")), lost(5, set(0, "a"))], false);
    // It happens once.
    let twice =
        vec![lost(0, force("a")), done(1, 2, Read, is(1, "a")), done(3, 4, Read, is(2, "a"))];
    check_policy(&twice, false);
    // Refused never happens.
    check_policy(&vec![refused(0, set(0, "a")), done(5, 6, Read, is(1, "a"))], false);
    check_policy(&vec![refused(0, set(0, "a")), done(5, 6, Read, is(0, ""))], true);
    // What was seen cannot be unseen.
    let back = vec![lost(0, force("a")), done(1, 2, Read, is(1, "a")), done(3, 4, Read, is(0, ""))];
    check_policy(&back, false);
}

#[track_caller]
fn check_approval(calls: &Calls<Approvals>, good: bool) {
    let found = violations(&Approvals, None, calls);
    assert_eq!(found.is_empty(), good, "{found:?}");
}

fn by(person: &str) -> Asked {
    Asked::Approve(person.into())
}

fn asked(count: usize) -> Operation<Asked, Told> {
    done(0, 1, Asked::Request { count }, Told::Stands(Seen::Open))
}

#[test]
fn one_approval() {
    use Told::{AlreadyRuled, Over, Stands};
    let approved = || done(2, 3, by("bob"), Stands(Seen::Approved));
    let spent = |from, to| done(from, to, Asked::Consume, Stands(Seen::Consumed));
    check_approval(&vec![asked(1), approved(), spent(4, 5)], true);
    // Spent on two sides: one wins.
    check_approval(&vec![asked(1), approved(), spent(4, 9), spent(4, 9)], false);
    check_approval(
        &vec![asked(1), approved(), spent(4, 9), done(4, 9, Asked::Consume, Over)],
        true,
    );
    check_approval(&vec![asked(1), approved(), spent(4, 5), lost(4, Asked::Consume)], true);
    // Spent without a word, or before it.
    check_approval(&vec![asked(1), spent(4, 5)], false);
    check_approval(
        &vec![asked(1), spent(1, 2), done(4, 5, by("bob"), Stands(Seen::Approved))],
        false,
    );
    check_approval(&vec![asked(1), lost(2, by("bob")), spent(4, 5)], true);
    check_approval(&vec![asked(1), refused(2, by("bob")), spent(4, 5)], false);
    check_approval(&vec![approved(), spent(4, 5)], false); // never asked
    // Two must approve, and one person is one.
    let first = || done(2, 3, by("bob"), Stands(Seen::Open));
    check_approval(&vec![asked(2), first(), spent(8, 9)], false);
    let second = |who| done(4, 5, by(who), Stands(Seen::Approved));
    check_approval(&vec![asked(2), first(), second("carol"), spent(8, 9)], true);
    check_approval(&vec![asked(2), first(), second("bob"), spent(8, 9)], false);
    check_approval(&vec![asked(2), first(), done(4, 5, by("bob"), AlreadyRuled)], true);
    check_approval(&vec![asked(2), first(), lost(4, by("bob")), spent(8, 9)], false);
    // Denied, ended, expired.
    let denied = || done(2, 3, Asked::Deny("bob".into()), Stands(Seen::Denied));
    check_approval(&vec![asked(1), denied(), spent(4, 5)], false);
    check_approval(&vec![asked(1), denied(), done(4, 5, by("carol"), Over)], true);
    check_approval(&vec![asked(1), done(4, 5, by("carol"), Over)], false); // nothing ended it
    check_approval(&vec![asked(1), lost(2, Asked::End), done(4, 5, by("carol"), Over)], true);
    check_approval(&vec![asked(1), lost(9, Asked::End), done(4, 5, by("carol"), Over)], false);
    let ended = || done(4, 5, Asked::End, Stands(Seen::Ended));
    check_approval(&vec![asked(1), approved(), ended(), spent(6, 7)], false);
    check_approval(&vec![asked(1), approved(), done(4, 5, Asked::Read, Stands(Seen::Open))], false);
    let no = |from, stands| done(from, from + 1, Asked::Deny("carol".into()), Stands(stands));
    check_approval(&vec![asked(1), approved(), no(4, Seen::Denied)], true);
    check_approval(&vec![asked(1), approved(), no(4, Seen::Denied), spent(6, 7)], false);
    check_approval(&vec![asked(1), approved(), spent(4, 5), no(6, Seen::Denied)], false);
    let ruled = |from, who| done(from, from + 1, by(who), Told::Ruled);
    check_approval(&vec![asked(2), ruled(2, "bob"), ruled(4, "carol"), spent(8, 9)], true);
    check_approval(&vec![asked(2), ruled(2, "bob"), ruled(4, "bob"), spent(8, 9)], false);
    check_approval(&vec![asked(1), ruled(2, "bob"), ruled(4, "carol")], false); // it was over
    let read = |seen| done(6, 7, Asked::Read, Stands(seen));
    check_approval(&vec![asked(1), approved(), spent(4, 5), read(Seen::Consumed)], true);
    check_approval(&vec![asked(1), approved(), spent(4, 5), read(Seen::Approved)], false);
}

#[test]
fn one_lock_and_many_keys() {
    use LockCall::{Holds, Lift, Set};
    let check = |calls: &Calls<Locks>, good: bool| {
        let found = violations(&Locks, None, calls);
        assert_eq!(found.is_empty(), good, "{found:?}");
    };
    check(&vec![done(0, 1, Set, true), done(2, 3, Holds, true), done(4, 5, Lift, false)], true);
    check(&vec![done(0, 1, Set, true), done(2, 3, Holds, false)], false);
    check(&vec![done(0, 1, Holds, false), done(2, 3, Set, true)], true);
    check(&vec![lost(0, Set), done(2, 3, Holds, true), done(4, 5, Holds, false)], false);
    check(&vec![lost(0, Set), done(2, 3, Holds, false), done(4, 5, Holds, true)], true);
    check(&vec![done(0, 1, Set, true), lost(2, Lift), done(4, 5, Holds, false)], true);
    check(&vec![done(0, 1, Set, true), done(2, 3, Lift, false), done(4, 5, Lift, false)], false);
    // Keys are judged apart, and a violation names its key.
    let good = vec![done(0, 1, Set, true)];
    let bad = vec![done(0, 1, Set, true), done(2, 3, Holds, false)];
    let found = violations_by_key(&Locks, &None, &[("one", good), ("two", bad)].into());
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("two: no order explains"), "{found:?}");
    assert!(found[0].contains("without a place:\n  c: Holds = Done(false)"), "{found:?}");
}

/// Tries every order of every choice of unknown operations: slow, and right by its plainness.
fn brute(state: &(u64, String), left: &[&Operation<PolicyCall, PolicyReply>]) -> bool {
    let known = |one: &&&Operation<PolicyCall, PolicyReply>| one.outcome != Outcome::Unknown;
    if left.iter().filter(known).count() == 0 {
        return true;
    }
    (0..left.len()).any(|at| {
        let one = left[at];
        if left.iter().filter(known).any(|other| other.returned < one.invoked) {
            return false;
        }
        let reply = match &one.outcome {
            Outcome::Done(reply) => Some(reply),
            Outcome::Unknown | Outcome::Refused => None,
        };
        let mut rest = left.to_vec();
        rest.remove(at);
        Policies.step(state, &one.call, reply).is_some_and(|after| brute(&after, &rest))
    })
}

/// A random history: operations take effect in order at random moments within their interval; one
/// in a few answers is changed afterwards, so that good and bad histories occur.
fn random_history(random: &mut StdRng) -> Calls<Policies> {
    let mut state = (0, String::new());
    let mut calls = Vec::new();
    for number in 0..6 {
        let moment = 10 * number + 10;
        let call = match random.random_range(0..3) {
            0 => PolicyCall::Read,
            1 => force(&number.to_string()),
            _ => set(random.random_range(0..4), &number.to_string()),
        };
        let known = random.random_range(0..4) > 0;
        let happens = known || random.random_bool(0.5);
        let stale = matches!(&call, PolicyCall::Set { expected: Some(one), .. } if *one != state.0);
        if happens && let Some(after) = Policies.step(&state, &call, None) {
            state = after;
        }
        let mut reply = is(state.0, &state.1);
        if stale {
            reply = PolicyReply::Stale;
        }
        if random.random_range(0..8) == 0 {
            reply = is(random.random_range(0..4), &random.random_range(0..6).to_string());
        }
        let outcome = if known { Outcome::Done(reply) } else { Outcome::Unknown };
        let before = random.random_range(0..25).min(moment);
        let times = (moment - before, moment + random.random_range(0..25));
        calls.push(operation(times, call, outcome));
    }
    calls
}

#[test]
fn the_search_agrees_with_every_order_there_is() {
    let (mut good, mut bad) = (0, 0);
    for seed in 0..4000 {
        let calls = random_history(&mut StdRng::seed_from_u64(seed));
        let wanted = brute(&(0, String::new()), &calls.iter().collect::<Vec<_>>());
        let found = violations(&Policies, (0, String::new()), &calls);
        assert_eq!(found.is_empty(), wanted, "seed {seed}: {calls:?}\n{found:?}");
        *(if wanted { &mut good } else { &mut bad }) += 1;
    }
    assert!(good > 500 && bad > 500, "{good} good and {bad} bad histories");
}

#[test]
fn long_histories_are_judged_in_no_time() {
    // Two hundred changes, four at a time, with unknown ones that stay open for ever.
    let mut calls: Calls<Policies> = Vec::new();
    for number in 0..200_u64 {
        let begun = number * 10;
        let document = number.to_string();
        calls.push(done(begun, begun + 35, set(number, &document), is(number + 1, &document)));
        calls.push(done(begun, begun + 35, set(number + 1000, "x"), PolicyReply::Stale));
        if number % 10 == 0 {
            calls.push(lost(begun, set(number + 5, "lost")));
        }
    }
    check_policy(&calls, true);
    calls.push(done(5000, 5001, PolicyCall::Read, is(199, "198")));
    check_policy(&calls, false);
}
