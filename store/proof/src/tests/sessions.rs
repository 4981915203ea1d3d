//! Chains whose links are right, but whose sessions do what their own events forbid.

use proto::event::{Kind, Outcome};
use proto::reading::Verdict;

use super::world::*;

/// Writes a session after the node's start and checks what is said of it.
#[track_caller]
fn check_session(kinds: impl IntoIterator<Item = Kind>, expected: &[&str]) {
    let mut node = Node::new("gw-1");
    node.started(1);
    for kind in kinds {
        node.of(1, kind);
    }
    check_whole(&node.lines, expected);
}

#[test]
fn nothing_runs_unjudged() {
    let ran = |place: &str, command: u64| {
        format!(
            "tampering: output-beyond-judgement: {place}: command {command} of session s1 ran \
             without a verdict `allow`"
        )
    };
    check_session([opened(), command_started(1)], &[&ran("gw-1/1-3 at f:3", 1)]);
    check_session([opened(), released(1, 0, "x")], &[&ran("gw-1/1-3 at f:3", 1)]);
    check_session([opened(), finished(1, Outcome::Exited(0), 0)], &[&ran("gw-1/1-3 at f:3", 1)]);
    check_session([opened(), finished(1, Outcome::ClientLeft, 9)], &[&ran("gw-1/1-3 at f:3", 1)]);
    check_session([opened(), finished(1, blocked(), 0)], &[]);
    for verdict in [Verdict::Block, Verdict::Hold] {
        let judged = || judged(1, verdict);
        check_session([opened(), judged(), command_started(1)], &[&ran("gw-1/1-4 at f:4", 1)]);
        check_session([opened(), judged(), released(1, 0, "x")], &[&ran("gw-1/1-4 at f:4", 1)]);
        let killed = finished(1, Outcome::Signalled("KILL".to_owned()), 0);
        check_session([opened(), judged(), killed], &[&ran("gw-1/1-4 at f:4", 1)]);
    }
    // A verdict on one command is none on another, and one that comes later is too late.
    check_session(
        [opened(), judged(1, Verdict::Allow), command_started(2)],
        &[&ran("gw-1/1-4 at f:4", 2)],
    );
    check_session(
        [opened(), command_started(1), judged(1, Verdict::Allow)],
        &[&ran("gw-1/1-3 at f:3", 1)],
    );
}

#[test]
fn a_command_begins_and_ends_once() {
    let allow = || judged(1, Verdict::Allow);
    let done = || finished(1, Outcome::Exited(0), 0);
    check_session(
        [opened(), allow(), command_started(1), command_started(1)],
        &[
            "tampering: command-started-twice: gw-1/1-5 at f:5: command 1 of session s1 started before",
        ],
    );
    check_session(
        [opened(), allow(), done(), done()],
        &[
            "tampering: command-finished-twice: gw-1/1-5 at f:5: command 1 of session s1 had ended before",
        ],
    );
    check_session(
        [opened(), allow(), done(), released(1, 0, "x")],
        &[
            "tampering: command-after-finish: gw-1/1-5 at f:5: command 1 of session s1 goes on after its end",
        ],
    );
    check_session(
        [opened(), allow(), done(), command_started(1)],
        &[
            "tampering: command-after-finish: gw-1/1-5 at f:5: command 1 of session s1 goes on after its end",
        ],
    );
    check_session(
        [opened(), allow(), done(), allow(), done()],
        &["tampering: command-reused: gw-1/1-5 at f:5: command 1 of session s1 was judged before"],
    );
}

#[test]
fn a_session_begins_and_ends_once() {
    let after = "session s1 had ended before";
    check_session(
        [opened(), closed("finished"), judged(1, Verdict::Allow), closed("finished")],
        &[
            &format!("tampering: event-after-end: gw-1/1-4 at f:4: {after}"),
            &format!("tampering: event-after-end: gw-1/1-5 at f:5: {after}"),
        ],
    );
    check_session(
        [opened(), closed("finished"), opened()],
        &[&format!("tampering: event-after-end: gw-1/1-4 at f:4: {after}")],
    );
    check_session(
        [judged(1, Verdict::Allow), command_started(1), closed("finished")],
        &["tampering: session-not-opened: gw-1/1-2 at f:2: session s1 was not opened before"],
    );
    // A session does not go on in the node's next epoch.
    let mut node = Node::new("gw-1");
    node.started(1).of(1, opened()).started(2).of(1, judged(1, Verdict::Allow));
    check_whole(
        &node.lines,
        &[
            "state: session-without-end: gw-1/1-2 at f:2: session s1 was open when the node crashed",
            &format!("tampering: event-after-end: gw-1/2-4 at f:4: {after}"),
        ],
    );
}

#[test]
fn a_session_counts_without_gaps() {
    let gap = |place: &str, found: u64, expected: u64| {
        format!(
            "tampering: session-seq-gap: {place}: session s1 goes on with {found} instead of {expected}"
        )
    };
    // One event left out, and all hashes made anew.
    let mut node = Node::new("gw-1");
    node.started(1).of(1, opened()).skip(1).of(1, judged(1, Verdict::Allow));
    node.of(1, command_started(1))
        .of(1, finished(1, Outcome::Exited(0), 0))
        .of(1, closed("finished"));
    check_whole(&node.lines, &[&gap("gw-1/1-3 at f:3", 3, 2)]);
    // The same with the last window of output.
    let mut node = Node::new("gw-1");
    node.started(1).of(1, opened()).of(1, judged(1, Verdict::Allow)).skip(1);
    node.of(1, finished(1, Outcome::Exited(0), 9)).of(1, closed("finished"));
    check_whole(&node.lines, &[&gap("gw-1/1-4 at f:4", 4, 3)]);
    // A place twice.
    let mut node = Node::new("gw-1");
    node.started(1).of_at(1, 1, opened()).of_at(1, 2, judged(1, Verdict::Allow));
    node.of_at(1, 2, command_started(1)).of_at(1, 3, closed("finished"));
    check_whole(&node.lines, &[&gap("gw-1/1-4 at f:4", 2, 3)]);
    // It does not begin with its first place.
    let mut node = Node::new("gw-1");
    node.started(1).of_at(1, 2, opened()).of_at(1, 3, closed("finished"));
    check_whole(&node.lines, &[&gap("gw-1/1-2 at f:2", 2, 1)]);
}

#[test]
fn a_node_that_stops_in_good_order_closes_its_sessions() {
    let mut node = Node::new("gw-1");
    node.started(1).of(1, opened()).stopped();
    check_whole(
        &node.lines,
        &[
            "warning: session-without-end: gw-1/1-2 at f:2: session s1 was open when the node stopped",
        ],
    );
}

#[test]
fn ids_from_a_record_are_safe_to_print() {
    let mut node = Node::new("gw-1");
    let about = proto::event::About {
        session: Some(proto::ids::SessionId::from_text("\u{1b}[2J\n")),
        session_seq: Some(1),
        ..Default::default()
    };
    node.started(1).draft(about, command_started(1));
    let report = verify(crate::Verifier::new(), &node.lines);
    assert_eq!(report.findings.len(), 1);
    for finding in &report.findings {
        assert!(finding.to_string().chars().all(|each| !each.is_control()), "{finding:?}");
    }
}
