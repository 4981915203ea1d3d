//! `sessions list` and `sessions show`.

use proto::event::{Event, Kind, NodeLeft, Outcome};
use proto::ids::{Chain, Epoch, EventId};
use proto::reading::Verdict;
use proto::refusal::{Code, Told};

use super::world::*;
use crate::TEXT_LIMIT;

/// Each session as `id state: command=state, …`.
fn told(events: &[Event]) -> Vec<String> {
    let rows = shown(events).into_iter().map(|row| {
        let commands = row.commands.iter().map(|each| format!("{}={}", each.command, each.state));
        let commands: Vec<_> = commands.collect();
        format!("{} {}: {}", row.id, row.state, commands.join(", "))
    });
    rows.collect()
}

/// Folds kinds, each with its session, and checks what is shown.
#[track_caller]
fn check(kinds: impl IntoIterator<Item = (&'static str, Kind)>, expected: &[&str]) {
    let kinds = (0..).zip(kinds);
    let mut epoch = 1;
    let events = kinds.map(|(at, (session, kind))| {
        let starts = matches!(kind, Kind::NodeStarted(_));
        let event = event(at, session, kind);
        epoch += u64::from(starts);
        Event { id: EventId { epoch: Epoch(epoch), ..event.id }, ..event }
    });
    let events: Vec<_> = events.collect();
    assert_eq!(told(&events), expected);
}

#[test]
fn states_of_sessions_and_commands() {
    let allow = || judged(1, Verdict::Allow, "true");
    let done = || finished(1, Outcome::Exited(0), 5, 0);
    check([("a", opened())], &["a open: "]);
    check([("a", opened()), ("a", allow())], &["a open: 1=judged"]);
    check([("a", opened()), ("a", allow()), ("a", running(1))], &["a open: 1=running"]);
    check([("a", opened()), ("a", allow()), ("a", done())], &["a open: 1=finished"]);
    check(
        [("a", opened()), ("a", allow()), ("a", done()), ("a", closed("x"))],
        &["a closed: 1=finished"],
    );
    check(
        [("a", opened()), ("a", allow()), ("a", closed("x"))],
        &["a outcome unknown: 1=outcome unknown"],
    );
    let block = || judged(1, Verdict::Block, "env");
    check([("a", opened()), ("a", block())], &["a open: 1=refused"]);
    check(
        [("a", opened()), ("a", block()), ("a", finished(1, blocked(), 0, 0)), ("a", closed("x"))],
        &["a closed: 1=refused"],
    );
    // A held command that nobody ruled on never ran.
    check(
        [("a", opened()), ("a", judged(1, Verdict::Hold, "x")), ("", started())],
        &["a lost: 1=refused"],
    );
    // It was judged again: the later verdict counts.
    check([("a", opened()), ("a", allow()), ("a", block())], &["a open: 1=refused"]);
    // An allowed command whose verdict came too late to be acted on.
    let expired = Outcome::Refused(Told::plain(Code::PermitExpired));
    check(
        [("a", opened()), ("a", allow()), ("a", finished(1, expired, 0, 0))],
        &["a open: 1=refused"],
    );
}

#[test]
fn a_node_that_starts_anew_has_lost_what_was_open() {
    check(
        [
            ("a", opened()),
            ("a", judged(1, Verdict::Allow, "one")),
            ("a", finished(1, Outcome::Exited(0), 0, 0)),
            ("a", judged(2, Verdict::Allow, "two")),
            ("b", opened()),
            ("b", closed("finished")),
            ("c", opened()),
            ("", started()),
            ("d", opened()),
        ],
        &["a lost: 1=finished, 2=outcome unknown", "b closed: ", "c lost: ", "d open: "],
    );
    check([("a", opened()), ("", stopped())], &["a lost: "]);
}

#[test]
fn another_node_loses_nothing() {
    let events = [
        event_of("gw-1", 0, "a", opened()),
        event_of("gw-2", 1, "b", opened()),
        later(event_of("gw-2", 2, "", started())),
    ];
    assert_eq!(told(&events), ["a open: ", "b lost: "]);
}

/// The control plane took a node out: what was opened before is lost, what came after is not.
#[test]
fn a_node_that_is_gone_has_lost_what_was_open() {
    let left = Kind::NodeLeft(NodeLeft {
        node: name("gw-1"),
        reason: "lost".to_owned(),
        by: None,
        sessions: 1,
    });
    let mut left = event(5, "", left);
    left.id = EventId { chain: Chain::Control, epoch: Epoch(0), seq: 1 };
    left.applied = 7;
    let of = |session, applied| Event { applied, ..event(0, session, opened()) };
    let ended = event(1, "b", closed("finished"));
    let events = [of("a", 6), of("b", 6), ended, of("c", 7), left];
    // Its own word that it ended counts more.
    assert_eq!(told(&events), ["a lost: ", "b closed: ", "c open: "]);
    assert_eq!(shown(&events)[0].reason.as_deref(), Some("the node is gone: lost"));
}

#[test]
fn what_belongs_to_no_known_session_is_passed_over() {
    check([("", opened()), ("a", closed("x"))], &[]);
    check([("a", opened()), ("a", closed("x")), ("a", opened())], &["a closed: "]);
    assert_eq!(told(&[Event { kind: None, ..event(0, "a", opened()) }]).len(), 0);
}

#[test]
fn a_row_says_who_what_when_and_how_much() {
    let events = [
        event(0, "a", opened()),
        event(10, "a", judged(1, Verdict::Allow, "cat f")),
        event(20, "a", finished(1, Outcome::Signalled("KILL".to_owned()), 5, 6)),
        event(30, "a", closed("client left")),
    ];
    let row = serde_json::to_value(&shown(&events)[0]).unwrap();
    let expected = serde_json::json!({
        "id": "a", "person": "alice", "target": "web-1", "login": "deploy", "channel": "exec",
        "grant": "staff", "from": "192.0.2.7:50022", "state": "closed",
        "opened": "2026-01-31T09:30:00.000000Z", "closed": "2026-01-31T09:30:00.030000Z",
        "reason": "client left", "node": "gw-1", "epoch": 1, "commands_judged": 1,
        "commands": [{
            "command": 1, "judged": "2026-01-31T09:30:00.010000Z", "text": "cat f", "cut": false,
            "state": "finished", "verdict": "allow", "rules": ["r"], "told": null,
            "unreadable": null, "outcome": { "signalled": "KILL" }, "duration_ms": 7,
            "masked": { "jwt": 2 }, "input_bytes": 3, "output_bytes": 5, "errors_bytes": 6,
            "truncated": false,
        }],
    });
    assert_eq!(row, expected);
    let back: crate::SessionRow = serde_json::from_value(row).unwrap();
    assert_eq!(back, shown(&events)[0]);
}

#[test]
fn a_text_is_bounded_and_says_so() {
    let text = "ü".repeat(TEXT_LIMIT);
    let events = [event(0, "a", opened()), event(1, "a", judged(1, Verdict::Allow, &text))];
    let command = &shown(&events)[0].commands[0];
    assert!(command.cut && command.text.len() <= TEXT_LIMIT);
}
