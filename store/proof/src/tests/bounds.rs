//! Memory stays bounded, and no number in a record makes the verifier panic.

use proto::event::Outcome;
use proto::reading::Verdict;

use super::world::*;
use crate::{FINDINGS_LIMIT, Place, Verifier};

#[test]
fn findings_over_the_limit_are_counted() {
    let lines = vec![b"{}".to_vec(); FINDINGS_LIMIT + 5];
    let report = verify(Verifier::new(), &lines);
    assert_eq!((report.findings.len(), report.findings_left_out), (FINDINGS_LIMIT, 5));
    assert!(report.tampered);
}

#[test]
fn tampering_beyond_the_limit_is_still_tampering() {
    let mut node = Node::new("gw-1");
    node.started(1);
    let copy = node.lines[0].clone();
    node.lines.extend(std::iter::repeat_n(copy, FINDINGS_LIMIT + 1));
    assert!(!verify(Verifier::new(), &node.lines).tampered);
    node.lines.push(b"{}".to_vec());
    let report = verify(Verifier::new(), &node.lines);
    assert_eq!((report.tampered, report.findings_left_out), (true, 2));
}

#[test]
fn many_holes_are_all_named() {
    let mut node = Node::new("gw-1");
    node.started(1);
    for _ in 0..3000 {
        node.stopped();
    }
    let odd: Vec<_> = node.lines.iter().step_by(2).cloned().collect();
    let report = verify(Verifier::new(), &odd);
    assert_eq!(report.findings.len(), 1500);
    let places: Vec<_> = report.findings.iter().map(|finding| finding.place.clone()).collect();
    assert!(places.is_sorted(), "named in the order of the record");
}

#[test]
fn a_copy_that_is_too_far_back_to_compare_is_out_of_order() {
    let mut node = Node::new("gw-1");
    node.started(1);
    for _ in 0..5000 {
        node.stopped();
    }
    node.lines.push(node.lines[0].clone());
    check_whole(
        &node.lines,
        &["tampering: reordered: gw-1/1-1 at f:5002: it comes after events that follow it"],
    );
}

#[test]
fn a_session_with_many_open_commands_forgets_the_oldest_and_does_not_accuse() {
    let mut node = Node::new("gw-1");
    node.started(1).of(1, opened());
    for command in 1..=5000 {
        node.of(1, judged(command, Verdict::Allow));
    }
    for command in 1..=5000 {
        node.of(1, released(command, 0, "x")).of(1, finished(command, Outcome::Exited(0), 1));
    }
    node.of(1, closed("finished"));
    check_whole(&node.lines, &[]);
}

#[test]
fn the_largest_numbers_do_no_harm() {
    let mut node = Node::new("gw-1");
    node.epoch = u64::MAX;
    node.at(u64::MAX).stopped();
    let mut session = Node::new("gw-2");
    session.clock = -200_000_000_000;
    session.started(1).of_at(1, u64::MAX, opened()).of_at(
        1,
        u64::MAX,
        judged(u64::MAX, Verdict::Allow),
    );
    session.of_at(1, 1, finished(u64::MAX, Outcome::Exited(0), u64::MAX)).of_at(1, 2, closed("x"));
    session.clock = 200_000_000_000;
    session.stopped();
    let mut verifier = Verifier::new();
    for (position, line) in (1..).zip(node.lines.iter().chain(&session.lines)) {
        verifier.feed(Place::Position(position), line);
    }
    let report = verifier.finish();
    assert_eq!(
        report.findings[0].to_string(),
        format!(
            "tampering: missing: gw-1/{max}-{max} at position 1: events 1 to {} are missing before it",
            u64::MAX - 1,
            max = u64::MAX
        )
    );
    assert_eq!(report.chains.len(), 2);
}

#[test]
fn a_report_is_json() {
    let mut node = Node::new("gw-1");
    node.started(1).of(1, opened()).of(1, judged(1, Verdict::Allow));
    node.lines.push(node.lines[2].clone());
    let report = verify(Verifier::new(), &node.lines);
    let json = serde_json::to_value(&report).unwrap();
    let expected = serde_json::json!({
        "tampered": false,
        "chains": [{
            "chain": "gw-1", "cluster": "acme", "events": 3, "first": "gw-1/1-1",
            "last": "gw-1/1-3", "head": node.head.hash.unwrap().to_string(), "starts_at": null,
        }],
        "findings": [{
            "severity": "warning", "fault": "duplicate", "event": "gw-1/1-3", "place": "f:4",
            "text": "the same event came before",
        }],
        "findings_left_out": 0,
        "seals": [],
        "unverified": [],
        "sessions": { "opened": 1, "refused": 0, "closed": 0, "without_end": 0, "open": 1 },
        "unfinished_commands": [{
            "session": "s1", "command": 1, "judged": "gw-1/1-3", "place": "f:3", "open": true,
        }],
        "unfinished_left_out": 0,
    });
    assert_eq!(json, expected);
}
