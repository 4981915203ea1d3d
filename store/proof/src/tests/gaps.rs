//! Where a control chain may begin late, have a gap or jump: where that is stated, and only there.

use proto::entry::{ApprovalId, Ruling};
use proto::event::*;
use proto::ids::SessionId;
use proto::reading::Verdict;

use super::world::*;
use crate::Verifier;

const UNKNOWN: &str = "are not in this record, as its node says itself: they were decided before it joined, or \
     while it was away";

/// A chain of six policies, with the head behind each.
fn chain() -> (Node, Vec<Head>) {
    let mut control = Node::control();
    let mut heads = vec![Head::default()];
    for revision in 1..=6 {
        heads.push(control.policy(revision).head);
    }
    (control, heads)
}

/// The record of a node: what it says of its gaps, and what it keeps of the control chain.
#[track_caller]
fn check_kept(
    stated: &[(u64, u64, Head)],
    kept: &[std::ops::RangeInclusive<usize>],
    expected: &[&str],
) {
    let (control, _) = chain();
    let mut node = Node::new("gw-9");
    node.started(1);
    for (after, first, head) in stated {
        node.resumed(*after, *first, head.hash);
    }
    let kept = kept.iter().flat_map(|part| control.lines[part.start() - 1..*part.end()].to_vec());
    let kept: Vec<_> = kept.collect();
    check_whole(&[node.lines.clone(), kept.clone()].concat(), expected);
    // In whichever order the two chains come.
    let turned: Vec<_> = expected.iter().map(|text| text.to_string()).collect();
    let report = verify(Verifier::new(), &[kept, node.lines].concat());
    let found = report.findings.iter().map(|one| format!("{}: {}", one.severity(), one.fault));
    let without_place = |text: &String| {
        let (severity, rest) = text.split_once(": ").unwrap();
        let said = rest.splitn(3, ": ").last().unwrap();
        format!("{severity}: {said}")
    };
    let turned: Vec<_> = turned.iter().map(without_place).collect();
    assert_eq!(found.collect::<Vec<_>>(), turned);
}

#[test]
fn a_chain_that_begins_late_is_accepted_when_its_node_says_so() {
    let (_, heads) = chain();
    let late = format!("state: not-kept: control/0-4 at f:3: events 1 to 3 {UNKNOWN}");
    check_kept(&[(0, 4, heads[3])], &[4..=6], &[&late]);
    let broken =
        "tampering: link-broken: control/0-4 at f:2: it points back to an event that is missing";
    check_kept(&[], &[4..=6], &[broken]);
    // Another beginning, another event before it, or something in between: not what was stated.
    let broken = broken.replace("f:2", "f:3");
    check_kept(&[(0, 5, heads[3])], &[4..=6], &[&broken]);
    check_kept(&[(0, 4, heads[2])], &[4..=6], &[&broken]);
    check_kept(&[(1, 4, heads[3])], &[4..=6], &[&broken]);
    let report = verify(Verifier::new(), &{
        let mut node = Node::new("gw-9");
        node.started(1).resumed(0, 4, heads[3].hash);
        [node.lines, chain().0.lines[3..].to_vec()].concat()
    });
    assert_eq!((report.tampered, report.chains[0].starts_at), (false, Some(4)));
}

#[test]
fn a_gap_is_accepted_when_its_node_says_so() {
    let (_, heads) = chain();
    let gap = format!("state: not-kept: control/0-5 at f:5: events 3 to 4 {UNKNOWN}");
    check_kept(&[(2, 5, heads[4])], &[1..=2, 5..=6], &[&gap]);
    let broken = "tampering: link-broken: control/0-5 at f:4: it does not point back to \
                  control/0-2: one of the two was edited, or events between them are missing";
    check_kept(&[], &[1..=2, 5..=6], &[broken]);
    // More was taken out than was missing.
    let more = "tampering: link-broken: control/0-5 at f:4: it does not point back to \
                control/0-1: one of the two was edited, or events between them are missing";
    check_kept(&[(2, 5, heads[4])], &[1..=1, 5..=6], &[more]);
    // A chain that states its own gap states nothing: only a node can say what it keeps.
    let mut control = Node::control();
    control.policy(1).policy(2);
    let prev = control.head.hash;
    let lines = control.resumed(1, 3, prev).lines.clone();
    let lines = [lines[..1].to_vec(), lines[2..].to_vec()].concat();
    assert!(verify(Verifier::new(), &lines).tampered);
}

#[test]
fn a_restored_backup_jumps_and_says_from_where() {
    let mut control = Node::control();
    control.policy(1).policy(2).at(1_000).restored(2).policy(3);
    check_whole(&control.lines, &[]);
    // It must say from where, and follow that.
    let jumped = |from: u64| {
        format!(
            "tampering: jumped: control/0-1000 at f:3: its place does not follow place {from}, \
             and it does not say why"
        )
    };
    for said in [1, 3, 999] {
        let mut control = Node::control();
        control.policy(1).policy(2).at(1_000).restored(said).policy(3);
        check_whole(&control.lines, &[&jumped(2)]);
    }
    let mut control = Node::control();
    control.policy(1).policy(2).at(1_000).policy(3);
    check_whole(&control.lines, &[&jumped(2)]);
    let mut control = Node::control();
    control.policy(1).policy(2);
    control.head = chain().1[3];
    control.at(1_000).restored(2);
    check_whole(
        &control.lines,
        &["tampering: link-broken: control/0-1000 at f:3: it does not point back to control/0-2: \
           one of the two was edited, or events between them are missing"],
    );
    // A node states nothing for the whole cluster.
    let mut node = Node::new("gw-1");
    node.started(1).at(1_000).restored(1);
    assert!(verify(Verifier::new(), &node.lines).tampered);
}

#[test]
fn a_backup_that_was_older_than_the_chain_is_a_warning_for_what_it_forgot() {
    let (mut control, heads) = chain();
    control.head = heads[4];
    control.at(1_000).restored(4).policy(7);
    check_whole(
        &control.lines,
        &[
            "warning: abandoned: control/0-1000 at f:7: events 5 to 6 came after the backup that the \
           cluster was restored from: it goes on without them",
        ],
    );
    // It must follow an event that is here.
    let (mut control, heads) = chain();
    control.head = heads[3];
    control.at(1_000).restored(4);
    assert!(verify(Verifier::new(), &control.lines).tampered);
}

#[test]
fn an_approval_of_a_part_that_is_not_here_accuses_nobody_and_others_do() {
    let digest = proto::ids::Digest([7; 32]);
    let spent = |approval: u64| {
        Kind::ApprovalConsumed(ApprovalConsumed {
            approval: ApprovalId(approval),
            by_session: Some(SessionId::from_text("s1")),
            by_command: Some(1),
            digest: Some(digest),
            until: None,
        })
    };
    let ruled = |approval: u64| {
        let (person, reason) = (name("bob"), String::new());
        let (approval, ruling, satisfied) = (ApprovalId(approval), Ruling::Approve, true);
        Kind::ApprovalRuled(ApprovalRuled { approval, person, ruling, reason, satisfied })
    };
    // The chain begins with control index 1, as the world writes it.
    for (approval, accused) in [(0, false), (1, true)] {
        let (mut control, heads) = chain();
        let before = control.lines.len();
        control.say(ruled(approval)).say(spent(approval));
        let mut node = Node::new("gw-1");
        node.started(1)
            .resumed(0, 7, heads[6].hash)
            .of(1, opened())
            .of(1, judged(1, Verdict::Hold));
        node.of(1, let_go(1, approval)).of(1, command_started(1));
        node.of(1, finished(1, Outcome::Exited(0), 0)).of(1, closed("finished"));
        let lines = [node.lines.clone(), control.lines[before..].to_vec()].concat();
        assert_eq!(verify(Verifier::new(), &lines).tampered, accused, "approval {approval}");
        // What was spent in the part that is missing.
        control.say(ruled(9));
        let lines = [node.lines, control.lines[before..before + 1].to_vec()].concat();
        assert_eq!(verify(Verifier::new(), &lines).tampered, accused, "approval {approval}");
    }
}
