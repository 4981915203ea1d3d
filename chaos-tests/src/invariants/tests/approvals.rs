//! O3 over a small fleet's record: one held command, asked, approved, spent, started.

use std::time::Duration;

use serde_json::{Value, json};

use crate::invariants::{Events, held_once};
use crate::live::Ran;

/// A good record, as a list that a case may change.
#[derive(Clone)]
struct Record {
    events: Vec<Value>,
    ran: Vec<&'static str>,
}

fn event(chain: &str, seq: u64, time: &str, kind: &str, mut data: Value) -> Value {
    data["chain"] = json!(chain);
    data["seq"] = json!(seq);
    json!({
        "source": format!("/sallyport/c/{chain}"), "id": format!("0-{seq}"), "time": time,
        "type": format!("io.sallyport.{kind}.v1"), "data": data,
    })
}

const CHANGED: usize = 0;
const REQUESTED: usize = 1;
const RULED: usize = 2;
const CONSUMED: usize = 3;
const JUDGED: usize = 4;
const RELEASED: usize = 5;
const STARTED: usize = 6;

fn good() -> Record {
    let minute = |minute: u64| format!("2026-11-29T10:{minute:02}:00Z");
    let control = |seq, kind, data| event("control", seq, &minute(seq), kind, data);
    let command =
        json!({ "node": "gw-1", "session": "s", "command": 1, "digest": "d", "text": "t" });
    let rules = json!([{ "rule": "two-eyes", "count": 1, "approvers": ["bob", "carol"] }]);
    let events = vec![
        control(1, "policy.changed", json!({ "digest": "p1" })),
        control(
            2,
            "approval.requested",
            json!({ "approval": 7, "person": "alice", "command": command, "rules": rules,
                "expires": "2026-11-29T10:10:00.5Z" }),
        ),
        control(
            3,
            "approval.ruled",
            json!({ "approval": 7, "person": "bob", "ruling": "approve" }),
        ),
        control(
            4,
            "approval.consumed",
            json!({ "approval": 7, "by_session": "s", "by_command": 1, "digest": "d", "applied": 40 }),
        ),
        event(
            "gw-1",
            1,
            &minute(2),
            "command.judged",
            json!({ "session": "s", "command": 1, "verdict": "hold", "text": "t", "digest": "d",
                "applied": 10 }),
        ),
        event(
            "gw-1",
            2,
            &minute(4),
            "command.released",
            json!({ "session": "s", "command": 1, "approval": 7, "digest": "d", "applied": 40 }),
        ),
        event(
            "gw-1",
            3,
            &minute(4),
            "command.started",
            json!({ "session": "s", "command": 1, "applied": 40 }),
        ),
    ];
    Record { events, ran: vec!["t"] }
}

#[track_caller]
fn check(change: impl Fn(&mut Record), wanted: &[&str]) {
    let mut record = good();
    change(&mut record);
    let lines: Vec<_> = record.events.iter().map(ToString::to_string).collect();
    let events = Events::read(lines.iter().map(String::as_str)).unwrap();
    let ran = |command: &&str| Ran {
        command: (*command).to_owned(),
        at: Duration::ZERO,
        was_recorded: None,
    };
    let ran: Vec<_> = record.ran.iter().map(ran).collect();
    let found = held_once::violations(&ran, &events);
    for wanted in wanted {
        assert!(found.iter().any(|found| found.contains(wanted)), "{wanted:?}: {found:?}");
    }
    assert_eq!(found.is_empty(), wanted.is_empty(), "{found:?}");
}

fn data(record: &mut Record, at: usize) -> &mut Value {
    &mut record.events[at]["data"]
}

fn without(record: &mut Record, kinds: &[&str]) {
    let is = |event: &Value, kind: &str| event["type"] == format!("io.sallyport.{kind}.v1");
    record.events.retain(|event| !kinds.iter().any(|kind| is(event, kind)));
}

#[test]
fn o3_good_records() {
    check(|_| {}, &[]);
    check(|record| record.ran.clear(), &[]); // it never arrived
    check(|record| without(record, &["command.started"]), &[]); // the node died before it said so
    // Held and never approved, and it never ran.
    check(
        |record| {
            without(record, &["approval.ruled", "approval.consumed", "command.started"]);
            record.ran.clear();
        },
        &[],
    );
}

#[test]
fn o3_bad_records() {
    let started = "was started and not approved";
    check(
        |record| without(record, &["approval.consumed"]),
        &[started, "ran 1 times and might 0 times"],
    );
    check(|record| without(record, &["approval.ruled"]), &["with 0 of 1 words"]);
    check(|record| without(record, &["approval.requested"]), &["never asked for"]);
    check(|record| record.ran.push("t"), &["ran 2 times and might 1 times"]);
    check(|record| data(record, RULED)["person"] = json!("alice"), &["on a word of who asked"]);
    check(|record| data(record, RULED)["person"] = json!("mallory"), &["with 0 of 1 words"]);
    check(|record| data(record, RULED)["ruling"] = json!("deny"), &["although bob denied it"]);
    check(|record| data(record, RULED)["seq"] = json!(5), &["with 0 of 1 words"]); // too late
    check(|record| data(record, REQUESTED)["rules"][0]["count"] = json!(2), &["with 1 of 2 words"]);
    // One person twice is one person.
    check(
        |record| {
            data(record, REQUESTED)["rules"][0]["count"] = json!(2);
            let again = record.events[RULED].clone();
            record.events.push(again);
        },
        &["with 1 of 2 words"],
    );
    check(|record| data(record, REQUESTED)["rules"] = json!([]), &["no rule asked"]);
    check(|record| data(record, CONSUMED)["digest"] = json!("e"), &["by another command", started]);
    check(|record| data(record, CONSUMED)["by_command"] = json!(2), &["by another command"]);
    check(|record| data(record, CONSUMED)["by_session"] = json!("x"), &["by another command"]);
    check(|record| data(record, JUDGED)["digest"] = json!("e"), &[started]);
    check(|record| data(record, RELEASED)["applied"] = json!(39), &[started]); // before it was spent
    check(|record| data(record, RELEASED)["approval"] = json!(8), &[started]);
    check(|record| data(record, RELEASED)["digest"] = json!("e"), &[started]);
    check(|record| without(record, &["command.released"]), &["was released 0 times, started 1"]);
    check(
        |record| record.events[CONSUMED]["time"] = json!("2026-11-29T10:10:00.6Z"),
        &["after 2026-11-29T10:10:00.5Z"],
    );
    check(|record| record.events[CONSUMED]["time"] = json!("2026-11-29T10:10:00.5Z"), &[]);
    // The policy changed between.
    check(
        |record| {
            let mut change = record.events[CHANGED].clone();
            change["data"]["seq"] = json!(3);
            change["data"]["digest"] = json!("p2");
            record.events.push(change);
        },
        &["under another policy"],
    );
    // Spent twice: by this command again, and by another one.
    check(
        |record| {
            let again = record.events[CONSUMED].clone();
            record.events.push(again);
        },
        &["was spent 2 times"],
    );
    check(
        |record| {
            let again = record.events[STARTED].clone();
            record.events.push(again);
        },
        &["was released 1 times, started 2"],
    );
}

#[test]
fn o3_approvals_that_cover_a_session() {
    let second = |record: &mut Record| {
        data(record, REQUESTED)["for_ms"] = json!(60_000);
        for at in [JUDGED, RELEASED, STARTED] {
            let mut next = record.events[at].clone();
            next["data"]["command"] = json!(2);
            next["data"]["digest"] = json!("d2");
            next["data"]["text"] = json!("t2");
            record.events.push(next);
        }
        record.ran.push("t2");
    };
    check(second, &[]);
    let elsewhere = |record: &mut Record| {
        second(record);
        for at in record.events.len() - 3..record.events.len() {
            data(record, at)["session"] = json!("x");
        }
    };
    check(elsewhere, &["was started and not approved"]);
}
