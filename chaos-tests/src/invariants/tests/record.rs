//! Oracles of the record of one node: O1, O2, O8.

use std::time::Duration;

use crate::invariants::acknowledged_once::{self, Acknowledged};
use crate::invariants::no_secret_anywhere::Places;
use crate::invariants::{Events, recorded_before_done};
use crate::live::Ran;

fn judged(id: &str, verdict: &str, text: &str) -> String {
    let data = format!(r#"{{"session":"s","verdict":"{verdict}","text":"{text}"}}"#);
    let kind = "io.sallyport.command.judged.v1";
    format!(r#"{{"source":"/sallyport/dev/gw","id":"{id}","type":"{kind}","data":{data}}}"#)
}

fn window(id: &str, field: &str, text: &str) -> String {
    let data = format!(r#"{{"session":"s","command":1,"stream":"output","{field}":"{text}"}}"#);
    let kind = "io.sallyport.output.released.v1";
    format!(r#"{{"source":"/sallyport/dev/gw","id":"{id}","type":"{kind}","data":{data}}}"#)
}

fn events(lines: &[String]) -> Events {
    Events::read(lines.iter().map(String::as_str)).unwrap()
}

#[track_caller]
fn check_o1(lines: &[String], markers: &[&str], after: &[String], violations: usize) {
    let acknowledged = Acknowledged {
        lines: lines.iter().cloned().collect(),
        markers: markers.iter().map(|marker| (*marker).to_owned()).collect(),
    };
    let found = acknowledged_once::violations(&acknowledged, &events(after));
    assert_eq!(found.len(), violations, "{found:?}");
}

#[test]
fn o1_acknowledged_once() {
    let (one, two) = (judged("1-1", "allow", "mark-a"), judged("1-2", "allow", "mark-b"));
    let both = [one.clone(), two.clone()];
    check_o1(&both, &["mark-a", "mark-b"], &both, 0);
    check_o1(std::slice::from_ref(&one), &[], &both, 0);
    check_o1(&both, &[], std::slice::from_ref(&one), 1); // lost
    check_o1(&[], &["mark-b"], std::slice::from_ref(&one), 1); // its verdict is lost
    check_o1(&[], &[], &[one.clone(), one.clone()], 1); // there twice
    check_o1(&[], &["mark-a"], &[one.clone(), judged("1-2", "allow", "mark-a")], 1);
    check_o1(std::slice::from_ref(&one), &[], &[judged("1-1", "block", "mark-a")], 1); // changed
    // A held command that was judged again has one verdict in the end.
    let held = || judged("1-3", "hold", "mark-a");
    let (again, once_more) = (judged("1-4", "hold", "mark-a"), judged("1-5", "allow", "mark-a"));
    check_o1(&[], &["mark-a"], &[held(), again.clone()], 0);
    check_o1(&[], &["mark-a"], &[held(), again, once_more.clone()], 0);
    check_o1(&[], &["mark-a"], &[held(), once_more.clone(), one.clone()], 1);
}

#[track_caller]
fn check_o2(ran: &[(&str, Option<bool>)], record: &[String], violations: usize) {
    let ran = ran.iter().map(|(command, was_recorded)| Ran {
        command: (*command).to_owned(),
        at: Duration::ZERO,
        was_recorded: *was_recorded,
    });
    let found = recorded_before_done::violations(&ran.collect::<Vec<_>>(), &events(record));
    assert_eq!(found.len(), violations, "{found:?}");
}

#[test]
fn o2_recorded_before_done() {
    let allowed = judged("1-1", "allow", "id");
    check_o2(&[("id", None)], std::slice::from_ref(&allowed), 0);
    check_o2(&[("id", Some(true))], std::slice::from_ref(&allowed), 0);
    check_o2(&[], std::slice::from_ref(&allowed), 0); // allowed and never sent
    check_o2(&[("id", None)], &[], 1); // never judged
    check_o2(&[("id", None)], &[judged("1-1", "block", "id")], 1); // blocked, and ran
    check_o2(&[("id", None)], &[judged("1-1", "hold", "id")], 1);
    let spent = r#"{"source":"c","id":"1","type":"io.sallyport.approval.consumed.v1","data":{"by_session":"s"}}"#;
    check_o2(&[("id", None)], &[judged("1-1", "hold", "id"), spent.to_owned()], 0);
    check_o2(&[("id", None); 2], &[judged("1-1", "hold", "id"), spent.to_owned()], 1); // once
    let again = [judged("1-1", "hold", "id"), judged("1-2", "hold", "id"), spent.to_owned()];
    check_o2(&[("id", None); 2], &again, 1); // judged again is not allowed again
    check_o2(&[("id", None), ("id", None)], std::slice::from_ref(&allowed), 1); // allowed once
    check_o2(&[("id -u", None)], std::slice::from_ref(&allowed), 1); // another command
    check_o2(&[("id", Some(false))], std::slice::from_ref(&allowed), 1); // recorded too late
}

#[track_caller]
fn check_o8(lines: &[String], secret: &str, violations: usize) {
    let mut places = Places::default();
    places.add_events("the record", &events(lines));
    let found = places.violations(&[secret]);
    assert_eq!(found.len(), violations, "{found:?}");
}

#[test]
fn o8_no_secret_anywhere() {
    check_o8(&[window("1-1", "text", "abc***def")], "hunter2", 0);
    check_o8(&[judged("1-1", "allow", "echo hunter2")], "hunter2", 1);
    check_o8(&[window("1-1", "text", "hunter2")], "hunter2", 2); // the line and the output
    let split = [window("1-1", "text", "x hun"), window("1-2", "text", "ter2 y")];
    check_o8(&split, "hunter2", 1);
    check_o8(&[window("1-1", "base64", "/2h1bnRlcjI=")], "hunter2", 1); // not UTF-8
    let mut places = Places::default();
    places.add("a log", &b"level=info text=hunter2"[..]);
    assert_eq!(places.violations(&["hunter2"]), ["secret 0 is in a log"]);
    assert_eq!(places.violations(&["hunter3"]), [""; 0]);
    let mut sparse = vec![0; 3 * 4096];
    sparse[8190..8197].copy_from_slice(b"hunter2");
    places.add_sparse("a file", &sparse);
    assert_eq!(places.violations(&["hunter2"]).len(), 2, "over the edge of two blocks");
}
