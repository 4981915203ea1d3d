//! `sessions list` and `sessions show`.

use proto::event::{Event, Kind, Outcome};
use proto::reading::Verdict;
use proto::refusal::{Code, Told};

use super::world::*;
use crate::{COMMANDS_LIMIT, SessionsView, TEXT_LIMIT};

/// Each session as `id state: command=state, …`.
fn shown(view: &SessionsView) -> Vec<String> {
    let rows = view.rows().map(|row| {
        let commands = row.commands.iter().map(|each| format!("{}={}", each.command, each.state));
        let commands: Vec<_> = commands.collect();
        format!("{} {}: {}", row.id, row.state, commands.join(", "))
    });
    rows.collect()
}

/// Folds kinds, each with its session, and checks what the view shows.
#[track_caller]
fn check(kinds: impl IntoIterator<Item = (&'static str, Kind)>, expected: &[&str]) {
    let mut view = SessionsView::default();
    let kinds = (0..).zip(kinds);
    let events: Vec<_> = kinds.map(|(at, (session, kind))| event(at, session, kind)).collect();
    fold(&mut view, &events);
    assert_eq!(shown(&view), expected);
    let open = view.rows().filter(|row| row.state.to_string() == "open").count();
    assert_eq!(view.open_count(), open);
    // A view may be dropped and folded anew, also with everything delivered twice.
    let mut again = SessionsView::default();
    fold(&mut again, &events);
    for (position, event) in (1..).zip(&events) {
        again.fold(position, event);
    }
    assert_eq!(again, view);
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
            // Too late: it is lost already.
            ("c", closed("finished")),
        ],
        &["a lost: 1=finished, 2=outcome unknown", "b closed: ", "c lost: ", "d open: "],
    );
    check([("a", opened()), ("", stopped())], &["a lost: "]);
}

#[test]
fn another_node_loses_nothing() {
    let mut view = SessionsView::default();
    let events = [
        event_of("gw-1", 0, "a", opened()),
        event_of("gw-2", 1, "b", opened()),
        event_of("gw-2", 2, "", started()),
    ];
    fold(&mut view, &events);
    assert_eq!(shown(&view), ["a open: ", "b lost: "]);
}

#[test]
fn what_belongs_to_no_known_session_is_passed_over() {
    check([("", opened()), ("a", allow_any()), ("a", closed("x"))], &[]);
    check([("a", opened()), ("a", closed("x")), ("a", opened())], &["a closed: "]);
    let mut view = SessionsView::default();
    view.fold(1, &Event { kind: None, ..event(0, "a", opened()) });
    assert_eq!((shown(&view).len(), view.cursor()), (0, 1));
}

fn allow_any() -> Kind {
    judged(1, Verdict::Allow, "true")
}

#[test]
fn a_row_says_who_what_when_and_how_much() {
    let mut view = SessionsView::default();
    let events = [
        event(0, "a", opened()),
        event(10, "a", judged(1, Verdict::Allow, "cat f")),
        event(20, "a", finished(1, Outcome::Signalled("KILL".to_owned()), 5, 6)),
        event(30, "a", closed("client left")),
    ];
    fold(&mut view, &events);
    let row = serde_json::to_value(view.get(&id("a")).unwrap()).unwrap();
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
    assert_eq!(Some(&back), view.get(&id("a")));
    assert_eq!(view.get(&id("b")), None);
}

#[test]
fn the_newest_are_kept() {
    let mut view = SessionsView::new(3);
    for number in 0..5 {
        fold(&mut view, &[event(number, &format!("s{number}"), opened())]);
    }
    assert_eq!(shown(&view), ["s2 open: ", "s3 open: ", "s4 open: "]);
    assert_eq!(view.open_count(), 3);
    // What happens to a session that dropped out changes nothing.
    fold(&mut view, &[event(9, "s0", closed("x")), event(9, "s3", closed("x"))]);
    assert_eq!(shown(&view), ["s2 open: ", "s3 closed: ", "s4 open: "]);
}

#[test]
fn a_row_is_bounded() {
    let mut view = SessionsView::default();
    fold(&mut view, &[event(0, "a", opened())]);
    let total = COMMANDS_LIMIT as u64 + 10;
    for command in 1..=total {
        let text = "ü".repeat(TEXT_LIMIT);
        fold(&mut view, &[event(1, "a", judged(command, Verdict::Allow, &text))]);
    }
    let row = view.get(&id("a")).unwrap();
    assert_eq!((row.commands.len(), row.commands_judged), (COMMANDS_LIMIT, total));
    assert_eq!(row.commands[0].command, 11);
    assert!(row.commands.iter().all(|each| each.cut && each.text.len() <= TEXT_LIMIT));
}
