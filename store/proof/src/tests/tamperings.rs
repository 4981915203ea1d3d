//! What somebody may do to the lines of a record, and what is said of it.

use proto::event::Head;
use proto::ids::Chain;

use super::world::*;
use crate::Verifier;

/// Started, two sessions of seven events, stopped: 16 lines.
fn record() -> Node {
    let mut node = Node::new("gw-1");
    node.started(1).whole_session(1).whole_session(2).stopped();
    node
}

fn control() -> Node {
    let mut control = Node::control();
    control.policy(1).policy(2).policy(3).policy(4);
    control
}

#[track_caller]
fn edit(node: &mut Node, line: usize, old: &str, new: &str) {
    let text = String::from_utf8(node.line(line).to_vec()).unwrap();
    assert!(text.contains(old), "{old} is not in {text}");
    node.lines[line - 1] = text.replacen(old, new, 1).into_bytes();
}

/// Does something to a node's record and checks what is said.
#[track_caller]
fn check_node(tamper: impl FnOnce(&mut Node), expected: &[&str]) {
    let mut node = record();
    tamper(&mut node);
    check_whole(&node.lines, expected);
}

/// The same with the control chain.
#[track_caller]
fn check_control(tamper: impl FnOnce(&mut Node), expected: &[&str]) {
    let mut node = control();
    tamper(&mut node);
    check_whole(&node.lines, expected);
}

#[test]
fn edits() {
    let edited = "it does not point back to";
    let one = "one of the two was edited";
    check_node(
        |node| edit(node, 5, "hello", "hullo"),
        &[&format!("tampering: edited: gw-1/1-6 at f:6: {edited} gw-1/1-5: {one}")],
    );
    check_node(
        |node| edit(node, 1, "0.1.0", "0.1.1"),
        &[&format!("tampering: edited: gw-1/1-2 at f:2: {edited} gw-1/1-1: {one}")],
    );
    check_node(
        |node| edit(node, 1, "\"prev\":\"0", "\"prev\":\"1"),
        &[
            "tampering: edited: gw-1/1-1 at f:1: it is the first of its chain and points back to another event",
            &format!("tampering: edited: gw-1/1-2 at f:2: {edited} gw-1/1-1: {one}"),
        ],
    );
    // White space is an edit too.
    check_node(
        |node| node.lines[6].push(b' '),
        &[&format!("tampering: edited: gw-1/1-8 at f:8: {edited} gw-1/1-7: {one}")],
    );
    // A verdict changed from allow to block: the record says then that a blocked command ran.
    check_node(
        |node| edit(node, 3, "\"allow\"", "\"block\""),
        &[
            &format!("tampering: edited: gw-1/1-4 at f:4: {edited} gw-1/1-3: {one}"),
            "tampering: output-beyond-judgement: gw-1/1-4 at f:4: command 1 of session s1 ran without a verdict `allow`",
            "tampering: output-beyond-judgement: gw-1/1-5 at f:5: command 1 of session s1 ran without a verdict `allow`",
            "tampering: output-beyond-judgement: gw-1/1-6 at f:6: command 1 of session s1 ran without a verdict `allow`",
            "tampering: output-beyond-judgement: gw-1/1-7 at f:7: command 1 of session s1 ran without a verdict `allow`",
        ],
    );
    check_node(
        |node| edit(node, 5, "\"data\"", "\"dada\""),
        &[
            "tampering: unreadable: f:5: not an event: missing field `data` at line 1 column 428",
            "tampering: missing: gw-1/1-6 at f:6: event 5 is missing before it",
        ],
    );
    check_node(
        |node| edit(node, 5, "acme", "bcme"),
        &[
            "tampering: foreign-cluster: gw-1/1-5 at f:5: it is of the cluster bcme, the record is of acme",
            "tampering: missing: gw-1/1-6 at f:6: event 5 is missing before it",
        ],
    );
    check_control(
        |node| edit(node, 2, "alice", "malory"),
        &[
            "tampering: edited: control/0-3 at f:3: it does not point back to control/0-2: one of the two was edited",
        ],
    );
}

#[test]
fn deletions() {
    check_node(
        |node| drop(node.lines.remove(4)),
        &["tampering: missing: gw-1/1-6 at f:5: event 5 is missing before it"],
    );
    check_node(
        |node| drop(node.lines.drain(2..9)),
        &[
            "tampering: missing: gw-1/1-10 at f:3: events 3 to 9 are missing before it",
            "warning: session-without-end: gw-1/1-2 at f:2: session s1 was open when the node stopped",
        ],
    );
    check_node(
        |node| drop(node.lines.remove(0)),
        &["tampering: missing: gw-1/1-2 at f:1: event 1 is missing before it"],
    );
    // The end of a session.
    check_node(
        |node| drop(node.lines.remove(7)),
        &[
            "tampering: missing: gw-1/1-9 at f:8: event 8 is missing before it",
            "warning: session-without-end: gw-1/1-2 at f:2: session s1 was open when the node stopped",
        ],
    );
    check_control(
        |node| drop(node.lines.remove(1)),
        &[
            "tampering: link-broken: control/0-3 at f:2: it does not point back to control/0-1: one of \
           the two was edited, or events between them are missing",
        ],
    );
    check_control(
        |node| drop(node.lines.remove(0)),
        &["tampering: link-broken: control/0-2 at f:1: it points back to an event that is missing"],
    );
}

#[test]
fn orders() {
    let late = "it comes after events that follow it";
    check_node(
        |node| node.lines.swap(4, 5),
        &[&format!("tampering: reordered: gw-1/1-5 at f:6: {late}")],
    );
    check_node(
        |node| node.lines[3..7].reverse(),
        &[
            &format!("tampering: reordered: gw-1/1-6 at f:5: {late}"),
            &format!("tampering: reordered: gw-1/1-5 at f:6: {late}"),
            &format!("tampering: reordered: gw-1/1-4 at f:7: {late}"),
        ],
    );
    // The last became the second: all between are late.
    check_control(
        |node| node.lines[1..].rotate_right(1),
        &[
            &format!("tampering: reordered: control/0-2 at f:3: {late}"),
            &format!("tampering: reordered: control/0-3 at f:4: {late}"),
        ],
    );
    // Moved and edited: the hole that it came from does not fit it any more.
    check_node(
        |node| {
            edit(node, 5, "hello", "hullo");
            node.lines.swap(4, 5);
        },
        &[
            &format!("tampering: reordered: gw-1/1-5 at f:6: {late}"),
            "tampering: edited: gw-1/1-6 at f:5: it does not point back to gw-1/1-5: one of the two was edited",
        ],
    );
}

#[test]
fn copies() {
    check_node(
        |node| node.lines.insert(5, node.lines[4].clone()),
        &["warning: duplicate: gw-1/1-5 at f:6: the same event came before"],
    );
    check_node(
        |node| node.lines.push(node.lines[0].clone()),
        &["warning: duplicate: gw-1/1-1 at f:17: the same event came before"],
    );
    check_control(
        |node| node.lines.insert(3, node.lines[1].clone()),
        &["warning: duplicate: control/0-2 at f:4: the same event came before"],
    );
}

#[test]
fn forks() {
    let forked = "another event has the same place in the chain";
    // Two writers go on from one event; one finding for the branch, however long it is.
    let mut clone = Node::new("gw-1");
    clone.started(1);
    let mut other = clone.clone();
    clone.whole_session(1).stopped();
    other.clock += 7;
    other.whole_session(9).stopped();
    let lines = [&clone.lines[..], &other.lines[1..]].concat();
    check_whole(&lines, &[&format!("tampering: forked: gw-1/1-2 at f:10: {forked}")]);
    // Another event put in where one is: the record goes on behind the second of them.
    let forged = other.line(2).to_vec();
    let mut lines = clone.lines.clone();
    lines.insert(1, forged);
    let report = verify(Verifier::new(), &lines);
    let found: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
    assert_eq!(found[0], format!("tampering: forked: gw-1/1-2 at f:3: {forked}"));
    let mut forger = Node::control();
    forger.policy(1).policy(66);
    check_control(
        |node| node.lines.insert(3, forger.line(2).to_vec()),
        &[&format!("tampering: forked: control/0-2 at f:4: {forked}")],
    );
}

#[test]
fn epochs_never_go_back() {
    let mut node = Node::new("gw-1");
    node.started(2).stopped().started(1).stopped();
    check_whole(
        &node.lines,
        &["tampering: epoch-went-back: gw-1/1-3 at f:3: the node's epoch went back from 2 to 1"],
    );
}

#[test]
fn an_end_that_was_cut_off_shows_only_against_a_known_head() {
    let node = record();
    let chain = || Chain::Node(name("gw-1"));
    for length in 1..node.lines.len() {
        let lines = &node.lines[..length];
        let report = check_whole(lines, &[]);
        assert_eq!(report.chains[0].events, length as u64);
        let expected = format!(
            "tampering: truncated: gw-1/1-{length} at f:{length}: event 16 is known to be in the \
             chain, which ends at {length}"
        );
        check(Verifier::new().expect_head(chain(), node.head), lines, &[&expected]);
    }
    let nothing =
        "tampering: truncated: gw-1/0-0: event 16 is known to be in the chain, which ends at 0";
    check(Verifier::new().expect_head(chain(), node.head), &[], &[nothing]);
    // A hole where the known event was is said once.
    let known = Head { seq: 5, hash: Some(sha256(node.line(5))) };
    let mut lines = node.lines.clone();
    lines.remove(4);
    check(
        Verifier::new().expect_head(chain(), known),
        &lines,
        &["tampering: missing: gw-1/1-6 at f:5: event 5 is missing before it"],
    );
}

#[test]
fn a_record_written_anew_shows_only_against_a_known_head() {
    // With right hashes all along, but without the second session.
    let mut anew = Node::new("gw-1");
    anew.started(1).whole_session(1).stopped();
    let node = record();
    let known = Head { seq: 9, hash: Some(sha256(node.line(9))) };
    check_whole(&anew.lines, &[]);
    let expecting = Verifier::new().expect_head(Chain::Node(name("gw-1")), known);
    let expected = format!(
        "tampering: head-differs: gw-1/1-9 at f:9: its hash is known to be {}, and is {}",
        sha256(node.line(9)),
        sha256(anew.line(9)),
    );
    check(expecting, &anew.lines, &[&expected]);
}

#[test]
fn events_of_another_cluster_are_named_once() {
    let (mut node, mut foreign) = (record(), Node::new("gw-9"));
    foreign.cluster = name("evil");
    foreign.started(1).whole_session(1);
    node.lines.extend(foreign.lines);
    let expected = "tampering: foreign-cluster: gw-9/1-1 at f:17: it is of the cluster evil, the record is of acme";
    let report = check_whole(&node.lines, &[expected]);
    assert_eq!(report.chains.len(), 1);
    let wrong = check(
        Verifier::new().expect_cluster(name("other")),
        &record().lines,
        &[
            "tampering: foreign-cluster: gw-1/1-1 at f:1: it is of the cluster acme, the record is of other",
        ],
    );
    assert_eq!(wrong.chains, []);
}

#[test]
fn what_is_not_an_event_is_named_and_safe_to_print() {
    let mut node = record();
    node.lines.insert(3, b"\x1b[2J{".to_vec());
    node.lines.push(Vec::new());
    check_whole(
        &node.lines,
        &[
            "tampering: unreadable: f:4: not an event: expected value at line 1 column 1",
            "tampering: unreadable: f:18: not an event: EOF while parsing a value at line 1 column 0",
        ],
    );
    let mut zero = Node::new("gw-1");
    zero.started(1);
    edit(&mut zero, 1, "1-1", "1-0");
    edit(&mut zero, 1, "\"seq\":1", "\"seq\":0");
    check_whole(&zero.lines, &["tampering: unreadable: f:1: not an event: places begin with 1"]);
}
