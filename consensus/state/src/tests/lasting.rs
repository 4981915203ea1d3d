//! What must hold over a long time: nothing grows beyond its bound, and what ages was over.

use proto::entry::*;

use super::*;
use crate::{Denied, Status, limits};

fn over(what: &str, limit: usize) -> Reply {
    Reply::Refused(Denied::Limit { what: what.to_owned(), limit: limit as u64 })
}

#[test]
fn session_numbers_stay_used_and_bounded() {
    let mut cluster = Cluster::new();
    let open = |count| opening("gw-1", 1, count, "alice", "web-1");
    let opens = |count| Entry::SessionOpen(open(count));
    // Number 1 is never used; what runs ahead of it is remembered only so far.
    for count in (2..).take(limits::SESSION_NUMBERS_AHEAD) {
        assert_eq!(cluster.reply(opens(count)), Reply::SessionOpened);
        cluster.reply(close(&open(count).session));
    }
    let used = |count| Reply::Refused(Denied::SessionUsed(open(count).session));
    assert_eq!(cluster.reply(opens(2)), used(2));
    assert_eq!(cluster.reply(opens(1)), Reply::SessionOpened);
    assert_eq!(cluster.reply(opens(1)), used(1));
    assert_eq!(cluster.state.open_sessions().len(), 1);
    // One more ahead of a gap than is remembered closes the gap: its number may not be given.
    let gap = u64::try_from(limits::SESSION_NUMBERS_AHEAD).unwrap() + 2;
    for count in (gap + 1..).take(limits::SESSION_NUMBERS_AHEAD + 1) {
        assert_eq!(cluster.reply(opens(count)), Reply::SessionOpened);
        cluster.reply(close(&open(count).session));
    }
    assert_eq!(cluster.reply(opens(gap)), used(gap));
}

#[test]
fn approvals_that_ended_are_kept_for_a_while_and_never_come_back() {
    let mut cluster = Cluster::new();
    cluster.open(1);
    let mut first = None;
    let count = limits::APPROVALS_ENDED as u64;
    for command in 1..=count {
        let asked = request(1, command, &["bob"]);
        let id = cluster.ask(&asked);
        first.get_or_insert((id, asked));
        let spent = cluster.reply(ruling(id, "bob", Ruling::Deny));
        assert_eq!(spent, Reply::Ruled { status: Status::Denied });
        cluster.reply(Entry::ControlPublished(ControlPublication {
            seq: cluster.state.control_head().seq,
        }));
    }
    let (id, asked) = first.unwrap();
    assert_eq!(cluster.state.approvals().len(), limits::APPROVALS_ENDED);
    assert_eq!(cluster.state.approval(id).map(|first| first.status), Some(Status::Denied));
    // A live one is not counted, and does not age; the next that ends pushes out the oldest.
    let live = cluster.ask(&request(1, count + 1, &["bob"]));
    assert!(cluster.state.approval(id).is_some());
    let next = cluster.ask(&request(1, count + 2, &["bob"]));
    cluster.reply(ruling(next, "bob", Ruling::Deny));
    assert_eq!(cluster.state.approval(id), None);
    assert_eq!(cluster.state.approvals().len(), limits::APPROVALS_ENDED + 1);
    assert!(cluster.state.approval(live).is_some());
    let unknown = Reply::Refused(Denied::UnknownApproval(id));
    assert_eq!(cluster.reply(Entry::ApprovalConsumed(consumption(id, &asked))), unknown);
}

#[test]
fn live_approvals_are_bounded_for_a_session_a_person_and_all() {
    let mut cluster = Cluster::new();
    let of_session = limits::APPROVALS_OF_SESSION as u64;
    let sessions = limits::APPROVALS_OF_PERSON as u64 / of_session;
    for session in 1..=sessions + 1 {
        cluster.open(session);
    }
    let asks = |session, command| Entry::ApprovalRequested(request(session, command, &["bob"]));
    for session in 1..=sessions {
        for command in 1..=of_session {
            let asked = cluster.reply(asks(session, command));
            assert!(matches!(asked, Reply::Approval(_)), "{asked:?}");
        }
    }
    let what = "the number of live approvals of one person";
    let full = over(what, limits::APPROVALS_OF_PERSON);
    assert_eq!(cluster.reply(asks(sessions + 1, 1)), full);
    cluster.reply(close(&request(1, 1, &[]).command.session));
    assert!(matches!(cluster.reply(asks(sessions + 1, 1)), Reply::Approval(_)));
    let what = "the number of live approvals of one session";
    let full = over(what, limits::APPROVALS_OF_SESSION);
    assert_eq!(cluster.reply(asks(2, of_session + 1)), full);
}

#[test]
fn all_live_approvals_and_their_names_are_bounded() {
    let mut cluster = Cluster::new();
    let of_person = limits::APPROVALS_OF_PERSON;
    let crowd = limits::APPROVALS / of_person + 1;
    let person_of = |n: usize| format!("p{n}");
    cluster.reply(people((0..crowd).map(|n| person(&person_of(n), &[])).collect()));
    let mut count = 0;
    let mut ask = |cluster: &mut Cluster, who: usize| {
        count += 1;
        let mut opening = opening("gw-1", 1, count, &person_of(who), "web-1");
        opening.per_person = u32::MAX;
        assert_eq!(cluster.reply(Entry::SessionOpen(opening)), Reply::SessionOpened);
        let mut asked = request(count, 1, &["bob"]);
        asked.person = name(&person_of(who));
        cluster.reply(Entry::ApprovalRequested(asked))
    };
    for n in 0..limits::APPROVALS {
        let asked = ask(&mut cluster, n / of_person);
        assert!(matches!(asked, Reply::Approval(_)), "{n}: {asked:?}");
    }
    let full = over("the number of live approvals", limits::APPROVALS);
    assert_eq!(ask(&mut cluster, crowd - 1), full);
    // All of them end at one stamp, each with its event.
    let after = cluster.state.advance(seconds(900));
    assert_eq!(after.events.len(), limits::APPROVALS);
    assert_eq!(cluster.state.approvals().len(), limits::APPROVALS_ENDED);
}

#[test]
fn names_of_approvers_are_bounded_over_all_approvals() {
    let mut cluster = Cluster::new();
    let crowd: Vec<String> = (0..limits::APPROVERS).map(|n| format!("p{n}")).collect();
    let crowd: Vec<&str> = crowd.iter().map(String::as_str).collect();
    let whole = limits::APPROVERS_KEPT / limits::APPROVERS;
    let asks = whole as u64 + 1;
    // Sessions of several people, because one may ask for so many only.
    let whose = ["alice", "bob", "carol", "dan", "eve"];
    let mut last = None;
    for n in 0..asks {
        let who = whose[n as usize / limits::APPROVALS_OF_PERSON];
        let mut opening = opening("gw-1", 1, n + 1, who, "web-1");
        opening.per_person = u32::MAX;
        cluster.reply(Entry::SessionOpen(opening));
        let mut asked = request(n + 1, 1, &crowd);
        asked.person = name(who);
        last = Some(cluster.reply(Entry::ApprovalRequested(asked)));
        let seq = cluster.state.control_head().seq;
        cluster.reply(Entry::ControlPublished(ControlPublication { seq }));
    }
    assert_eq!(last, Some(over("all sets of approvers in names", limits::APPROVERS_KEPT)));
    assert_eq!(cluster.state.approvals().len(), whole);
    // What has ended makes room, although it is kept as long as there is some.
    cluster.reply(close(&request(1, 1, &[]).command.session));
    assert_eq!(cluster.state.approvals().len(), whole);
    let asked = request(asks + 1, 1, &crowd);
    let mut opening = opening("gw-1", 1, asks + 1, "alice", "web-1");
    opening.per_person = u32::MAX;
    cluster.reply(Entry::SessionOpen(opening));
    assert!(matches!(cluster.reply(Entry::ApprovalRequested(asked)), Reply::Approval(_)));
    assert_eq!(cluster.state.approvals().len(), whole);
}

#[test]
fn policies_that_wait_tokens_and_locks_are_bounded() {
    let mut cluster = Cluster::new();
    let propose = |n: usize| {
        let setting = setting(&format!("policy {n}"), Some(1), "alice");
        let approvers = names(&["bob"]);
        Entry::PolicyProposed(PolicyProposal { setting, approvers, expires_ms: 1_000 })
    };
    for n in 0..limits::POLICIES_WAITING {
        assert!(matches!(cluster.reply(propose(n)), Reply::Approval(_)));
    }
    let full = over("the number of policies that wait", limits::POLICIES_WAITING);
    assert_eq!(cluster.reply(propose(99)), full);

    let token = |n: usize| {
        let digest = sha256(&n.to_string());
        Entry::JoinTokenCreated(JoinToken { digest, lasts_ms: 1_000, by: by("eve") })
    };
    for n in 0..limits::JOIN_TOKENS {
        assert_eq!(cluster.reply(token(n)), Reply::Done);
    }
    let full = over("the number of join tokens", limits::JOIN_TOKENS);
    assert_eq!(cluster.reply(token(99)), full);
    cluster.now = seconds(1);
    assert_eq!(cluster.reply(token(99)), Reply::Done, "old ones make room");

    let lock = |scope| {
        let (reason, by) = (String::new(), by("eve"));
        Entry::LockSet(LockSetting { scope, for_ms: None, reason, by })
    };
    for _ in 0..limits::LOCKS {
        assert!(matches!(cluster.reply(lock(LockScope::All)), Reply::Lock(_)));
    }
    assert_eq!(cluster.reply(lock(LockScope::All)), over("the number of locks", limits::LOCKS));
}

#[test]
fn nothing_more_is_asked_while_too_many_events_wait_but_what_ends_something_goes_on() {
    let mut cluster = Cluster::new();
    cluster.open(1);
    let id = cluster.ask(&request(1, 1, &["bob"]));
    let mut n = 0;
    let what = "events that wait to be kept";
    let full = over(what, limits::OUTBOX_EVENTS);
    loop {
        n += 1;
        let expected_revision = None;
        let people = vec![person("alice", &[]), person("bob", &[]), person(&format!("p{n}"), &[])];
        let setting = PeopleSetting { people, expected_revision, by: by("admin") };
        match cluster.reply(Entry::PeopleSet(setting)) {
            Reply::People(_) => {}
            other => {
                assert_eq!(other, full);
                break;
            }
        }
    }
    assert_eq!(cluster.state.unpublished().len(), limits::OUTBOX_EVENTS);
    assert_eq!(cluster.reply(policy("two")), full);
    assert_eq!(cluster.reply(ruling(id, "bob", Ruling::Approve)), full);
    cluster.open(2);
    let lock = LockSetting {
        scope: LockScope::Person(name("alice")),
        for_ms: Some(1),
        reason: String::new(),
        by: by("bob"),
    };
    assert!(matches!(cluster.reply(Entry::LockSet(lock.clone())), Reply::Lock(_)));
    cluster.reply(close(&request(1, 1, &[]).command.session));
    assert!(matches!(cluster.state.approval(id).unwrap().status, Status::Withdrawn(_)));
    assert_eq!(cluster.state.unpublished().len(), limits::OUTBOX_EVENTS + 2);
    // Once they are kept, all goes on.
    let seq = cluster.state.control_head().seq - 1;
    cluster.reply(Entry::ControlPublished(ControlPublication { seq }));
    assert_eq!(cluster.state.unpublished().len(), 1);
    assert_eq!(cluster.reply(policy("two")), Reply::Policy(2));
}

#[test]
fn events_that_wait_are_bounded_in_bytes_too() {
    let mut cluster = Cluster::new();
    let crowd =
        |n: usize| people((0..3_500).map(|m| person(&format!("{n:0>30}-{m:0>33}"), &[])).collect());
    let mut n = 0;
    let refused = loop {
        n += 1;
        let reply = cluster.reply(crowd(n));
        if !matches!(reply, Reply::People(_)) {
            break reply;
        }
    };
    assert_eq!(refused, over("events that wait to be kept, in bytes,", limits::OUTBOX_BYTES));
    let bytes: usize = cluster.state.unpublished().map(|event| event.bytes.len()).sum();
    assert!(bytes > limits::OUTBOX_BYTES && bytes < limits::OUTBOX_BYTES + 1024 * 1024);
}

#[test]
fn a_node_has_so_many_lanes() {
    let mut cluster = Cluster::new();
    let lanes = u32::try_from(limits::LANES).unwrap();
    let tick = || Entry::Tick(Passing { node: name("gw-1") });
    let mut tick_of = |lane| cluster.state.apply(seconds(0), &proposal("gw-1", lane, 1, tick())).0;
    for lane in 1..lanes {
        assert_eq!(tick_of(lane), Reply::Done);
    }
    let full = over("the number of a node's lanes", limits::LANES);
    assert_eq!(tick_of(lanes), full);
    assert_eq!(tick_of(1), Reply::Done);
}

#[test]
fn names_of_nodes_are_bounded_and_a_name_may_come_back() {
    let mut cluster = Cluster::new();
    let mut join = |node: &str| {
        let token = cluster.state.applied().to_string();
        let digest = sha256(&token);
        let entry = Entry::JoinTokenCreated(JoinToken { digest, lasts_ms: 1_000, by: by("eve") });
        assert_eq!(cluster.reply(entry), Reply::Done);
        let joining = NodeJoining {
            node: name(node),
            addresses: addresses(node),
            key: digest,
            token: digest,
            supports: 1,
        };
        let reply = cluster.reply(Entry::NodeJoined(joining));
        if matches!(reply, Reply::Joined { .. }) {
            let removal = NodeRemoval { node: name(node), by: by("eve") };
            assert_eq!(cluster.reply(Entry::NodeRemoved(removal)), Reply::Done);
        }
        // Nothing is good for long here, so tokens make room.
        cluster.now = Utc(cluster.now.0 + 1_000_000);
        reply
    };
    for n in 1..limits::NODES {
        assert_eq!(join(&format!("n{n}")), Reply::Joined { raft_id: n as u64 + 1 });
    }
    assert_eq!(join("one-more"), over("the number of nodes", limits::NODES));
    assert_eq!(join("n1"), Reply::Joined { raft_id: limits::NODES as u64 + 1 });
}
