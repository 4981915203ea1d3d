//! O1 of the whole record: journals and stream.

use ring::digest::{SHA256, digest};

use crate::invariants::Events;
use crate::invariants::in_stream_once::{Streamed, violations};

/// A chain whose events hold the digest of the one before.
fn chain(name: &str, texts: &[&str]) -> Vec<String> {
    let mut prev = "0".repeat(64);
    let mut lines = Vec::new();
    for (text, seq) in texts.iter().zip(1..) {
        let place = format!(r#""chain":"{name}","epoch":1,"seq":{seq},"prev":"{prev}""#);
        let line =
            format!(r#"{{"source":"{name}","id":"1-{seq}","data":{{{place},"x":"{text}"}}}}"#);
        let hash = digest(&SHA256, line.as_bytes());
        prev = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        lines.push(line);
    }
    lines
}

fn of(name: &str, lines: &[String]) -> Vec<(String, String)> {
    let subject = format!("sallyport.record.test.{name}");
    lines.iter().map(|line| (subject.clone(), line.clone())).collect()
}

#[track_caller]
fn check(before: &[String], stream: &[(String, String)], after: &[String], wanted: &[&str]) {
    let events = |lines: &[String]| Events::read(lines.iter().map(String::as_str)).unwrap();
    let streamed = |((subject, line), sequence): (&(String, String), u64)| Streamed {
        sequence,
        subject: subject.clone(),
        bytes: line.clone().into_bytes(),
    };
    let stream: Vec<_> = stream.iter().zip(1..).map(streamed).collect();
    let found = violations(&events(before), &stream, &events(after));
    assert_eq!(found.len(), wanted.len(), "{found:?}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!(found.contains(wanted), "{found} does not say {wanted}");
    }
}

#[test]
fn o1_every_event_is_in_the_stream_as_it_was_written() {
    let one = chain("gw-1", &["a", "b", "c"]);
    let two = chain("gw-2", &["d", "e"]);
    let all = [one.clone(), two.clone()].concat();
    let stream = [of("gw-1", &one), of("gw-2", &two)].concat();
    check(&all, &stream, &all, &[]);
    check(&[], &[], &[], &[]);
    // Journals grow while the stream is read, and after a loss it has copies, in any order.
    check(&all[..2], &stream, &all, &[]);
    check(&all, &[stream.clone(), stream[..2].to_vec()].concat(), &all, &[]);
    check(&all, &stream.iter().rev().cloned().collect::<Vec<_>>(), &all, &[]);
    check(&all, &stream[..4], &all, &["not in the stream"]);
    check(&all, &[&stream[..1], &stream[2..]].concat(), &all, &["not in the stream"]);
    // What the stream has and no journal: a journal that lost its end, or somebody else.
    check(&all[..2], &of("gw-1", &one), &all[..2], &["is in no journal"]);
    let other = chain("gw-1", &["a", "b", "z"]);
    let forked = [stream.clone(), of("gw-1", &other[2..])].concat();
    check(&all, &forked, &all, &["both are"]);
    let noise = [stream.clone(), of("gw-1", &["noise".to_owned()])].concat();
    check(&all, &noise, &all, &["no event of its subject"]);
    let misplaced = [stream.clone(), of("gw-2", &one[..1])].concat();
    check(&all, &misplaced, &all, &["no event of its subject"]);
    // Gaps and broken links in a journal.
    let gap = [&one[..1], &one[2..]].concat();
    check(&gap, &of("gw-1", &gap), &gap, &["the journal of gw-1: not number 2"]);
    let mixed = vec![other[0].clone(), other[1].replace("\"b\"", "\"y\""), one[2].clone()];
    check(&mixed, &of("gw-1", &mixed), &mixed, &["number 3 does not follow"]);
    // Many of a kind are counted.
    let texts: Vec<_> = "abcdefghij".chars().map(String::from).collect();
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    let long = chain("gw-1", &texts);
    let five = ["not in the stream"; 5];
    check(&long, &[], &long, &[&five[..], &["5 more"]].concat());
}
