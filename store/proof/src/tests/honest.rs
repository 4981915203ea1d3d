//! Records that nobody touched: no finding, or a state.

use proto::event::Outcome;
use proto::ids::Chain;
use proto::reading::Verdict;
use proto::refusal::{Code, Told};

use super::world::*;
use crate::{SessionCounts, Verifier};

#[test]
fn an_untouched_record_has_no_finding() {
    let mut node = Node::new("gw-1");
    node.started(1).whole_session(1).whole_session(2).stopped();
    node.started(2).of(3, refused()).whole_session(4).stopped();
    let report = check_whole(&node.lines, &[]);
    assert_eq!(report.chains.len(), 1);
    let chain = &report.chains[0];
    let place = (chain.first.to_string(), chain.last.to_string());
    assert_eq!(place, ("gw-1/1-1".to_owned(), "gw-1/2-26".to_owned()));
    assert_eq!((chain.events, chain.starts_at), (26, None));
    assert_eq!(Some(chain.head), node.head.hash);
    let counts = SessionCounts { opened: 3, refused: 1, closed: 3, without_end: 0, open: 0 };
    assert_eq!(report.sessions, counts);
    assert_eq!(report.unfinished_commands, []);
}

#[test]
fn chains_may_be_interleaved_in_any_way() {
    let (mut one, mut two, mut control) = (Node::new("gw-1"), Node::new("gw-2"), Node::control());
    one.started(1).whole_session(1).stopped();
    two.started(1).whole_session(1).stopped();
    control.policy(1).policy(2).policy(3).policy(4);
    let mut lines = Vec::new();
    for index in 0..one.lines.len() {
        lines.push(one.lines[index].clone());
        lines.extend(control.lines.get(index).cloned());
        lines.push(two.lines[index].clone());
    }
    let report = check_whole(&lines, &[]);
    let names: Vec<_> = report.chains.iter().map(|chain| chain.chain.to_string()).collect();
    assert_eq!(names, ["control", "gw-1", "gw-2"]);
    assert_eq!(report.chains[0].last.to_string(), "control/0-4");
}

#[test]
fn a_crash_is_a_state_and_its_commands_have_an_unknown_outcome() {
    let mut node = Node::new("gw-1");
    node.started(1).whole_session(1);
    node.of(2, opened()).of(2, judged(1, Verdict::Allow)).of(2, command_started(1));
    node.of(3, opened()).of(3, judged(1, Verdict::Block));
    let running = check_whole(&node.lines, &[]);
    assert_eq!((running.sessions.open, running.unfinished_commands.len()), (2, 1));
    assert!(running.unfinished_commands[0].open);
    node.started(2).whole_session(4);
    let report = check_whole(
        &node.lines,
        &[
            "state: session-without-end: gw-1/1-9 at f:9: session s2 was open when the node crashed",
            "state: session-without-end: gw-1/1-12 at f:12: session s3 was open when the node crashed",
        ],
    );
    assert_eq!((report.sessions.without_end, report.sessions.open), (2, 0));
    let [command] = &report.unfinished_commands[..] else { panic!("{report:?}") };
    let shown = (command.session.as_str(), command.command, command.judged.to_string());
    assert_eq!(shown, ("s2", 1, "gw-1/1-10".to_owned()));
    assert!(!command.open);
}

#[test]
fn a_record_that_failed_is_a_warning() {
    let full = || Outcome::Refused(Told::plain(Code::RecordFull));
    let gap = |event: &str, goes_on: &str| {
        format!(
            "warning: session-seq-gap: {event}: session s1 {goes_on}; the record failed in between"
        )
    };
    // The verdict could not be written: it never was, and the session says so.
    let mut node = Node::new("gw-1");
    node.started(1).of(1, opened()).skip(1).of(1, finished(1, full(), 0)).of(1, closed("SP-1402"));
    check_whole(&node.lines, &[&gap("gw-1/1-3 at f:3", "goes on with 3 instead of 2")]);
    // A window of output could not be written, what was held back could, and the session ends.
    let mut node = Node::new("gw-1");
    node.started(1).of(1, opened()).of(1, judged(1, Verdict::Allow)).of(1, released(1, 0, "a"));
    node.skip(1).of(1, released(1, 2, "c")).of(1, finished(1, Outcome::ClientLeft, 3));
    node.of(1, closed("ended: SP-1401"));
    check_whole(&node.lines, &[&gap("gw-1/1-5 at f:5", "goes on with 5 instead of 4")]);
    // The last window and the command's end could not be written, the close could.
    let mut node = Node::new("gw-1");
    node.started(1).of(1, opened()).of(1, judged(1, Verdict::Allow)).skip(1).skip(1);
    node.of(1, closed("finished"));
    check_whole(&node.lines, &[&gap("gw-1/1-4 at f:4", "goes on with 5 instead of 3")]);
}

#[test]
fn clocks_may_jump() {
    let mut node = Node::new("gw-1");
    node.started(1).whole_session(1);
    node.clock -= 300;
    node.whole_session(2);
    node.clock -= 302;
    node.whole_session(3);
    node.clock += 100_000;
    node.stopped();
    check_whole(
        &node.lines,
        &["warning: clock-went-back: gw-1/1-16 at f:16: the clock went back by 301000 ms"],
    );
}

#[test]
fn a_part_of_a_record_says_where_it_starts() {
    let (mut node, mut control) = (Node::new("gw-1"), Node::control());
    node.started(1).whole_session(1).whole_session(2).stopped();
    control.policy(1).policy(2).policy(3);
    // From the middle of session 1 on.
    let part = [&node.lines[4..], &control.lines[1..]].concat();
    let report = check(Verifier::new().partial(), &part, &[]);
    let starts: Vec<_> = report.chains.iter().map(|chain| chain.starts_at).collect();
    assert_eq!(starts, [Some(2), Some(5)]);
    // A part that is the whole is one.
    let report = check(Verifier::new().partial(), &node.lines, &[]);
    assert_eq!(report.chains[0].starts_at, None);
    // The same is tampering when the record is said to be whole.
    check_whole(
        &part,
        &[
            "tampering: missing: gw-1/1-5 at f:1: events 1 to 4 are missing before it",
            "tampering: link-broken: control/0-2 at f:13: it points back to an event that is missing",
        ],
    );
}

#[test]
fn a_blocked_command_and_one_judged_twice_are_fine() {
    let mut node = Node::new("gw-1");
    node.started(1).of(1, opened());
    node.of(1, judged(1, Verdict::Block)).of(1, finished(1, blocked(), 0));
    // Held, then ruled on.
    node.of(1, judged(2, Verdict::Hold)).of(1, judged(2, Verdict::Allow));
    node.of(1, command_started(2)).of(1, finished(2, Outcome::Exited(0), 0));
    // Judged again while it runs: what was released before the verdict may arrive after it.
    node.of(1, judged(3, Verdict::Allow)).of(1, command_started(3));
    node.of(1, judged(3, Verdict::Block)).of(1, released(3, 0, "x"));
    node.of(1, finished(3, blocked(), 1)).of(1, closed("finished")).stopped();
    check_whole(&node.lines, &[]);
}

#[test]
fn a_known_head_is_compared() {
    let mut node = Node::new("gw-1");
    node.started(1).whole_session(1);
    let known = node.head;
    let expecting = || Verifier::new().expect_head(Chain::Node(name("gw-1")), known);
    check(expecting(), &node.lines, &[]);
    node.whole_session(2);
    check(expecting(), &node.lines, &[]);
}

#[test]
fn a_session_of_a_newer_program_is_not_judged_by_this_one() {
    let mut node = Node::new("gw-1");
    node.started(1).of(1, opened()).of(1, judged(1, Verdict::Hold));
    let v1 = node.lines.len();
    node.of(1, closed("x"));
    let mut lines = node.lines[..v1].to_vec();
    // The third event is of a kind that this program does not know; it may have allowed anything.
    let unknown = String::from_utf8(node.line(4).to_vec()).unwrap();
    lines.push(unknown.replace("session.closed.v1", "command.foretold.v1").into_bytes());
    node.lines = lines;
    node.head.hash = Some(sha256(node.line(4)));
    node.of(1, command_started(1)).of(1, finished(1, Outcome::Exited(0), 0)).of(1, closed("x"));
    check_whole(&node.lines, &[]);
}
