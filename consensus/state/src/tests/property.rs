//! Any sequence of proposals: applied twice it is equal, from a snapshot on it is equal, and what
//! must always hold, holds.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proto::entry::*;
use proto::event::{Event, Kind};

use super::*;
use crate::{Denied, Presence, Status};

const PEOPLE: [&str; 3] = ["ann", "bob", "cat"];
const NODES: [&str; 3] = ["gw-1", "gw-2", "gw-3"];

fn a_person() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&PEOPLE[..])
}

fn a_node() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&NODES[..])
}

fn some_people() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(&PEOPLE[..], 0..=PEOPLE.len())
}

fn anybody() -> impl Strategy<Value = By> {
    prop_oneof![
        a_person().prop_map(by),
        Just(By::Administrator),
        a_node().prop_map(|node| By::Node(name(node))),
    ]
}

/// The ids of approvals and locks are indexes of entries, so that small numbers are often hit.
fn an_id() -> impl Strategy<Value = ApprovalId> {
    (1_u64..60).prop_map(ApprovalId)
}

fn a_command() -> impl Strategy<Value = CommandRef> {
    (a_node(), 1_u64..3, 1_u64..4, 1_u64..3, 0_u64..2).prop_map(
        |(node, epoch, count, command, bytes)| CommandRef {
            node: name(node),
            epoch: Epoch(epoch),
            session: SessionId::new(&name(node), Epoch(epoch), count),
            command,
            digest: sha256(&bytes.to_string()),
        },
    )
}

fn a_request() -> impl Strategy<Value = Entry> {
    let rule = |rule: &'static str| {
        (1_u32..3, some_people()).prop_map(move |(count, approvers)| AskedRule {
            rule: rule.to_owned(),
            count,
            approvers: names(&approvers),
        })
    };
    let covered = prop_oneof![
        3 => Just(Covered::Command),
        1 => (1_u64..90_000).prop_map(|for_ms| Covered::Session { for_ms }),
    ];
    let rules = prop_oneof![
        rule("r1").prop_map(|rule| vec![rule]),
        (rule("r1"), rule("r2")).prop_map(|(one, two)| vec![one, two]),
    ];
    (a_command(), a_person(), 0_u64..3, rules, covered, 1_u64..200_000).prop_map(
        |(command, person, policy_revision, rules, covered, expires_ms)| {
            Entry::ApprovalRequested(ApprovalRequest {
                command,
                person: name(person),
                target: name("web"),
                login: "deploy".to_owned(),
                text: "reboot".to_owned(),
                incomplete: false,
                policy_revision,
                rules,
                covered,
                expires_ms,
            })
        },
    )
}

fn about_approvals() -> impl Strategy<Value = Entry> {
    let reason = || "because".to_owned();
    let rulings = prop_oneof![3 => Just(Ruling::Approve), 1 => Just(Ruling::Deny)];
    let rules = prop::sample::subsequence(vec!["r1", "r2", "r3"], 1..=3);
    prop_oneof![
        4 => a_request(),
        4 => (an_id(), anybody(), rulings).prop_map(move |(approval, by, ruling)| {
            Entry::ApprovalRuled(ApprovalRuling { approval, by, ruling, reason: reason() })
        }),
        4 => (an_id(), a_command(), 0_u64..3, rules).prop_map(
            |(approval, command, policy_revision, rules)| {
                let rules = rules.into_iter().map(str::to_owned).collect();
                Entry::ApprovalConsumed(ApprovalConsumption {
                    approval,
                    command,
                    policy_revision,
                    rules,
                })
            }
        ),
        1 => an_id().prop_map(|approval| {
            let because = Withdrawn::ClientLeft;
            Entry::ApprovalWithdrawn(ApprovalWithdrawal { approval, because })
        }),
        1 => (an_id(), anybody()).prop_map(move |(approval, by)| {
            Entry::ApprovalRevoked(ApprovalRevocation { approval, by, reason: reason() })
        }),
        1 => (anybody(), 0_u64..3, some_people()).prop_map(|(by, seen, approvers)| {
            let setting = PolicySetting { by, ..setting("waits", Some(seen), "ann") };
            let (approvers, expires_ms) = (names(&approvers), 60_000);
            Entry::PolicyProposed(PolicyProposal { setting, approvers, expires_ms })
        }),
    ]
}

fn about_nodes() -> impl Strategy<Value = Entry> {
    let in_epoch = || {
        (a_node(), 0_u64..4)
            .prop_map(|(node, epoch)| NodeEpoch { node: name(node), epoch: Epoch(epoch) })
    };
    let key = |node: &str, key: u64| sha256(&format!("{node} {key}"));
    prop_oneof![
        3 => (a_node(), 1_u64..5, 0_u64..3, 0_u64..3)
            .prop_map(|(node, raft_id, epoch, nonce)| {
                Entry::NodeStarted(start(node, raft_id, epoch, nonce))
            }),
        1 => in_epoch().prop_map(Entry::NodeLost),
        1 => in_epoch().prop_map(Entry::NodeSeen),
        1 => in_epoch().prop_map(Entry::NodeStopped),
        1 => a_node().prop_map(|node| {
            Entry::NodeRemoved(NodeRemoval { node: name(node), by: By::Administrator })
        }),
        2 => (0_u64..3).prop_map(|token| Entry::JoinTokenCreated(JoinToken {
            digest: sha256(&token.to_string()),
            lasts_ms: 100_000,
            by: By::Administrator,
        })),
        3 => (a_node(), 0_u64..3, 0_u64..3).prop_map(move |(node, token, of)| {
            Entry::NodeJoined(NodeJoining {
                node: name(node),
                addresses: addresses(node),
                key: key(node, of),
                token: sha256(&token.to_string()),
                supports: 1,
            })
        }),
        1 => (a_node(), 0_u64..3, 1_u64..9).prop_map(|(node, epoch, seq)| {
            let (node, hash) = (name(node), sha256(&seq.to_string()));
            Entry::CheckpointSealed(Checkpoint { node, epoch: Epoch(epoch), seq, hash })
        }),
    ]
}

fn about_the_rest() -> impl Strategy<Value = Entry> {
    let scopes = prop_oneof![
        2 => a_person().prop_map(|person| LockScope::Person(name(person))),
        1 => Just(LockScope::Target(name("web"))),
        1 => Just(LockScope::All),
    ];
    let locks = (scopes, prop::option::of(1_u64..200_000), anybody());
    prop_oneof![
        1 => (0_u64..3, prop::option::of(0_u64..4)).prop_map(|(text, seen)| {
            Entry::PolicySet(setting(&format!("policy {text}"), seen, "ann"))
        }),
        1 => some_people().prop_map(|some| {
            people(some.into_iter().map(|text| person(text, &[])).collect())
        }),
        1 => prop::bool::ANY.prop_map(|there| {
            targets(if there { vec![target("web", "deploy")] } else { vec![] })
        }),
        1 => locks.prop_map(|(scope, for_ms, by)| {
            Entry::LockSet(LockSetting { scope, for_ms, reason: String::new(), by })
        }),
        1 => (an_id(), anybody()).prop_map(|(lock, by)| {
            Entry::LockLifted(LockLift { lock, reason: String::new(), by })
        }),
        1 => (0_u64..2, 0_u32..3).prop_map(|(secret, generation)| Entry::SecretSet(SecretSetting {
            name: name(&format!("secret-{secret}")),
            wrapped: vec![1, 2, 3],
            generation,
            by: By::Administrator,
        })),
        1 => (0_u64..40).prop_map(|seq| Entry::ControlPublished(ControlPublication { seq })),
        1 => Just(Entry::Tick(Passing { node: name("gw-1") })),
        1 => Just(Entry::ClusterRestored(ClusterRestoration {
            founder: name("gw-1"),
            addresses: addresses("gw-1"),
            key: sha256("restored"),
        })),
        1 => (0_u32..3).prop_map(|to| Entry::VersionRaised(VersionRaise { to })),
    ]
}

fn about_sessions() -> impl Strategy<Value = Entry> {
    prop_oneof![
        4 => (a_command(), a_person(), 0_u64..3, 0_u32..4).prop_map(
            |(command, person, policy_revision, per_person)| {
                let CommandRef { node, epoch, session, .. } = command;
                Entry::SessionOpen(SessionOpening {
                    node,
                    epoch,
                    session,
                    person: name(person),
                    target: name("web"),
                    login: "deploy".to_owned(),
                    policy_revision,
                    per_person,
                })
            }
        ),
        1 => a_command().prop_map(|command| close(&command.session)),
    ]
}

fn any_entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        6 => about_sessions(),
        16 => about_approvals(),
        2 => about_nodes(),
        3 => about_the_rest(),
    ]
}

/// A proposal and the seconds that pass before it.
type Step = (i64, Proposal);

fn a_step() -> impl Strategy<Value = Step> {
    // Most come in a lane of their own, so that most are performed.
    let lanes = prop_oneof![4 => 0_u32..1000, 1 => 2000_u32..2003];
    (a_node(), lanes, 0_u64..3, 0_i64..40, any_entry()).prop_map(
        |(node, lane, request, passed, entry)| {
            // Nodes of a cluster of one are often not there yet.
            let node = if lane < 700 { "gw-1" } else { node };
            (passed, proposal(node, lane, request, entry))
        },
    )
}

/// A cluster with all that the steps are about.
fn beginning() -> Vec<Step> {
    let entries = vec![
        creation("gw-1"),
        Entry::NodeStarted(start("gw-1", 1, 0, 7)),
        people(PEOPLE.iter().map(|text| person(text, &[])).collect()),
        targets(vec![target("web", "deploy")]),
        policy("policy 0"),
        Entry::SessionOpen(opened(1)),
        Entry::SessionOpen(opened(2)),
    ];
    let step = |(n, entry)| (0, proposal("gw-1", 3000 + n, 0, entry));
    (0_u32..).zip(entries).map(step).collect()
}

/// Sequences of steps, in which most that are about an approval are about one that was asked for.
fn sequences() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(a_step(), 0..120).prop_map(|steps| {
        let mut steps = [beginning(), steps].concat();
        let mut asked: Vec<(ApprovalId, ApprovalRequest)> = Vec::new();
        let mut policies = Vec::new();
        for (index, (_, proposal)) in (1..).zip(&mut steps) {
            match &mut proposal.entry {
                Entry::ApprovalRequested(request) => {
                    likely(request);
                    asked.push((ApprovalId(index), request.clone()));
                }
                Entry::PolicyProposed(_) => policies.push(ApprovalId(index)),
                Entry::ApprovalRuled(ruling) => {
                    let drawn = ruling.approval.0 as usize;
                    match (policies.last(), one_of(&asked, drawn)) {
                        (Some(policy), _) if drawn.is_multiple_of(4) => ruling.approval = *policy,
                        (_, Some((id, request))) => {
                            ruling.approval = *id;
                            let rules = &request.rules;
                            let set = &rules[drawn % rules.len()].approvers;
                            if let (Some(person), true) = (set.first(), !drawn.is_multiple_of(3)) {
                                ruling.by = By::Person(person.clone());
                            }
                        }
                        _ => {}
                    }
                }
                Entry::ApprovalConsumed(consumption) => aim(consumption, &asked),
                Entry::ApprovalWithdrawn(ApprovalWithdrawal { approval, .. })
                | Entry::ApprovalRevoked(ApprovalRevocation { approval, .. })
                    if !asked.is_empty() =>
                {
                    let one = one_of(&asked, approval.0 as usize);
                    *approval = one.map_or(*approval, |(id, _)| *id);
                }
                _ => {}
            }
        }
        steps
    })
}

/// One of the latest.
fn one_of<T>(things: &[T], drawn: usize) -> Option<&T> {
    things.iter().rev().nth(drawn % things.len().clamp(1, 3))
}

/// Three of four ask for what may be granted: in a session of the beginning, by whoever opened it,
/// and not of themselves.
fn likely(request: &mut ApprovalRequest) {
    let drawn = request.expires_ms;
    if drawn.is_multiple_of(4) {
        return;
    }
    let opening = opened(drawn / 4 % 2 + 1);
    request.command.node = opening.node;
    (request.command.epoch, request.command.session) = (opening.epoch, opening.session);
    request.person = opening.person;
    request.policy_revision = 1;
    for rule in &mut request.rules {
        rule.approvers.retain(|name| *name != request.person);
    }
}

/// A session of the beginning.
fn opened(count: u64) -> SessionOpening {
    opening("gw-1", 1, count, PEOPLE[count as usize - 1], "web")
}

/// Three of four use an approval for what it was asked for, at times by another's number or bytes.
fn aim(consumption: &mut ApprovalConsumption, asked: &[(ApprovalId, ApprovalRequest)]) {
    let drawn = consumption.approval.0 as usize;
    let Some((id, request)) = one_of(asked, drawn) else { return };
    consumption.approval = *id;
    if !drawn.is_multiple_of(4) {
        let digest = consumption.command.digest;
        consumption.command = request.command.clone();
        consumption.policy_revision = request.policy_revision;
        if drawn % 8 == 1 {
            consumption.command.digest = digest;
        }
        if drawn % 8 > 2 {
            consumption.rules = request.rules.iter().map(|asked| asked.rule.clone()).collect();
        }
    }
}

type Answers = Vec<(Reply, Effects)>;

fn run(mut state: State, mut now: i64, steps: &[Step]) -> (State, Answers) {
    let apply = |(passed, proposal): &Step| {
        now += passed;
        state.apply(seconds(now), proposal)
    };
    let answers = steps.iter().map(apply).collect();
    (state, answers)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn a_replay_is_equal_and_so_is_a_snapshot_with_its_tail(
        steps in sequences(),
        cut in 0_usize..125,
    ) {
        let (state, answers) = run(State::new(name("test")), 0, &steps);
        // The way through bytes is the way of a log that is read again.
        let through_bytes = |(passed, proposal): &Step| {
            (*passed, Proposal::from_bytes(&proposal.to_bytes().unwrap()).unwrap())
        };
        let read: Vec<_> = steps.iter().map(through_bytes).collect();
        prop_assert_eq!(&run(State::new(name("test")), 0, &read), &(state.clone(), answers.clone()));

        let cut = cut.min(steps.len());
        let (before, mut first) = run(State::new(name("test")), 0, &steps[..cut]);
        let snapshot = before.to_snapshot();
        let again = State::from_snapshot(&snapshot).unwrap();
        prop_assert_eq!(&again, &before);
        prop_assert_eq!(again.to_snapshot(), snapshot, "equal states have equal bytes");
        let passed: i64 = steps[..cut].iter().map(|(passed, _)| passed).sum();
        let (from_there, rest) = run(again, passed, &steps[cut..]);
        first.extend(rest);
        prop_assert_eq!(&from_there, &state);
        prop_assert_eq!(&first, &answers);
        check_invariants(&state, &steps, &answers);
    }
}

/// What random runs come to, so that the properties above say something.
#[test]
fn random_runs_reach_every_event_and_every_reply() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut events, mut replies) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..400 {
        let steps = sequences().new_tree(&mut runner).unwrap().current();
        let (_, answers) = run(State::new(name("test")), 0, &steps);
        for (reply, effects) in answers {
            let text = format!("{reply:?}");
            let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric()).collect();
            let (reply, refused): (String, _) = (word(&text), text.strip_prefix("Refused("));
            replies.insert(refused.map_or(reply, |denied| format!("no {}", word(denied))));
            let kinds = effects.events.iter().map(|event| Event::read(&event.bytes).unwrap().name);
            events.extend(kinds);
        }
    }
    let control = Kind::NAMES.iter().filter(|name| {
        // Signing keys need a version that these runs do not come to; `seals` has them.
        let of_nodes = ["node.started", "node.stopped", "node.registered", "backup.taken"];
        let about = ["approval", "backup", "lock", "node", "people", "policy", "target"];
        about.contains(&name.split('.').next().unwrap_or_default()) && !of_nodes.contains(name)
    });
    assert_eq!(events, control.map(|name| (*name).to_owned()).collect());
    for reply in [
        "Approval",
        "Consumed",
        "Done",
        "Epoch",
        "Joined",
        "Lock",
        "People",
        "Policy",
        "Ruled",
        "SessionOpened",
        "Targets",
        "no AlreadyRuled",
        "no ApprovalOver",
        "no CommandDiffers",
        "no Locked",
        "no NodeLost",
        "no NotAMember",
        "no NotAnApprover",
        "no NotApproved",
        "no PolicyChanged",
        "no RequestExpired",
        "no RuleNotAsked",
        "no SelfApproval",
        "no StaleDisk",
        "no StaleEpoch",
        "no TooManySessions",
    ] {
        assert!(replies.contains(reply), "{reply} is not among {replies:?}");
    }
}

fn check_invariants(state: &State, steps: &[Step], answers: &Answers) {
    check_chain(state, answers);
    check_retries(state, steps, answers);
    check_approvals(steps, answers);
    check_state(state);
}

/// Events are numbered from 1, each behind the one before it, without a gap but where a backup was
/// restored, which says so.
fn check_chain(state: &State, answers: &Answers) {
    let (mut prev, mut seq, mut time) = (Digest::ZERO, 0, None);
    let mut places = Vec::new();
    for stamped in answers.iter().flat_map(|(_, effects)| &effects.events) {
        let event = Event::read(&stamped.bytes).unwrap();
        let restored = match &event.kind {
            Some(Kind::BackupRestored(restored)) => restored.after,
            _ => None,
        };
        assert_eq!(restored, restored.and(Some(seq)), "it says what it follows");
        seq += 1 + restored.map_or(0, |_| crate::limits::RESTORATION_JUMP);
        places.push(seq);
        assert_eq!((event.prev, event.id.seq, &event.id), (prev, seq, &stamped.id));
        assert!(Some(event.time) >= time, "time went back");
        time = Some(event.time);
        prev = crate::control_chain::sha256(&stamped.bytes);
    }
    assert_eq!(state.control_head().seq, seq);
    let waiting: Vec<_> = state.unpublished().map(|event| event.id.seq).collect();
    assert_eq!(waiting, places[places.len() - waiting.len()..]);
}

/// One effect for each request of a lane, as long as it is the same node's lane; and the lanes of a
/// restored cluster are those of its backup.
fn check_retries(state: &State, steps: &[Step], answers: &Answers) {
    let mut performed: BTreeMap<&Client, (u64, &Reply)> = BTreeMap::new();
    for ((_, proposal), (reply, effects)) in steps.iter().zip(answers) {
        if let Some(newcomer) = joins(effects) {
            performed.retain(|client, _| client.node != newcomer);
        }
        if is_not_performed(reply) {
            continue;
        }
        let last = *performed.entry(&proposal.client).or_insert((proposal.request, reply));
        assert!(proposal.request >= last.0, "an older request was performed");
        if proposal.request == last.0 {
            assert_eq!(reply, last.1, "a retry was answered otherwise");
        }
        performed.insert(&proposal.client, (proposal.request, reply));
    }
    for (client, (request, reply)) in performed {
        let (reason, by) = (String::new(), By::Administrator);
        let lock = LockSetting { scope: LockScope::All, for_ms: None, reason, by };
        let again = Proposal { client: client.clone(), request, entry: Entry::LockSet(lock) };
        let (answer, effects) = state.clone().apply(state.time(), &again);
        assert!(answer == *reply || is_not_performed(&answer), "{answer:?} instead of {reply:?}");
        assert_eq!(effects, Effects::default(), "a retry had an effect");
    }
}

fn is_not_performed(reply: &Reply) -> bool {
    matches!(reply, Reply::Refused(Denied::RequestExpired | Denied::NotAMember(_)))
}

/// Whose disk is new, by what an entry caused; a restoration's founder counts on beyond its lanes.
fn joins(effects: &Effects) -> Option<Name> {
    let kinds = effects.events.iter().map(|event| Event::read(&event.bytes).unwrap().kind.unwrap());
    let kinds: Vec<_> = kinds.collect();
    let restores = kinds.iter().any(|kind| matches!(kind, Kind::BackupRestored(_)));
    kinds.into_iter().find_map(|kind| match kind {
        Kind::NodeJoined(joined) if !restores => Some(joined.node),
        _ => None,
    })
}

/// What an oracle outside may see of approvals, from the entries and events alone.
fn check_approvals(steps: &[Step], answers: &Answers) {
    let mut asked: BTreeMap<ApprovalId, &ApprovalRequest> = BTreeMap::new();
    let mut approved: BTreeMap<ApprovalId, BTreeSet<Name>> = BTreeMap::new();
    let (mut over, mut spent) = (BTreeSet::new(), BTreeSet::new());
    for ((_, proposal), (reply, effects)) in steps.iter().zip(answers) {
        for stamped in &effects.events {
            match Event::read(&stamped.bytes).unwrap().kind.unwrap() {
                Kind::ApprovalRequested(event) => {
                    if let Entry::ApprovalRequested(request) = &proposal.entry {
                        asked.insert(event.approval, request);
                    }
                }
                Kind::ApprovalRuled(event) => {
                    assert!(!over.contains(&event.approval), "ruled on after its end");
                    let people = approved.entry(event.approval).or_default();
                    assert!(people.insert(event.person.clone()), "a person ruled twice");
                    if let Some(request) = asked.get(&event.approval) {
                        assert_ne!(request.person, event.person, "nobody approves their own");
                    }
                    if event.ruling == Ruling::Deny {
                        over.insert(event.approval);
                    }
                }
                Kind::ApprovalConsumed(event) => {
                    assert!(!over.contains(&event.approval), "used after its end");
                    let Some(request) = asked.get(&event.approval) else { continue };
                    if request.covered == Covered::Command {
                        assert!(spent.insert(event.approval), "spent twice");
                        assert_eq!(Some(request.command.digest), event.digest);
                    }
                    let people = &approved[&event.approval];
                    for rule in &request.rules {
                        let count =
                            rule.approvers.iter().filter(|name| people.contains(*name)).count();
                        assert!(count >= rule.count as usize, "used without enough approvals");
                    }
                    assert!(event.by_session.as_ref() == Some(&request.command.session));
                    assert!(matches!(reply, Reply::Consumed { .. }));
                }
                Kind::ApprovalWithdrawn(event) => assert!(over.insert(event.approval)),
                Kind::ApprovalExpired(event) => assert!(over.insert(event.approval)),
                Kind::ApprovalRevoked(event) => assert!(over.insert(event.approval)),
                _ => {}
            }
        }
    }
}

fn check_state(state: &State) {
    let mut counts = BTreeMap::new();
    for session in state.open_sessions() {
        let opening = &session.opening;
        let node = state.node(&opening.node).unwrap();
        assert_eq!((node.epoch, node.presence), (opening.epoch, Presence::Up));
        *counts.entry(opening.person.clone()).or_insert(0) += 1;
    }
    for text in PEOPLE {
        let person = name(text);
        assert_eq!(state.sessions_of(&person), counts.get(&person).copied().unwrap_or(0));
    }
    let mut raft_ids = BTreeSet::new();
    for node in state.nodes() {
        assert!(raft_ids.insert(node.raft_id), "a Raft id was given twice");
        assert_eq!(state.node_by_raft_id(node.raft_id), Some(node));
    }
    for approval in state.approvals() {
        let crate::Asked::Command(request) = &approval.asked else { continue };
        if matches!(approval.status, Status::Open | Status::Approved) {
            assert!(state.time() < approval.expires);
            assert!(state.open_session_by_id(&request.command.session).is_some());
            assert_eq!(Some(request.policy_revision), state.policy().map(|now| now.revision));
        }
        let enough = approval.missing().is_empty();
        if matches!(approval.status, Status::Approved | Status::Consumed { .. }) {
            assert!(enough);
        }
        if approval.status == Status::Open {
            assert!(!enough);
        }
    }
    for lock in state.locks() {
        assert!(lock.until.is_none_or(|until| state.time() < until));
    }
}
