//! Where publishing goes on, as a table.

use bytes::Bytes;
use proto::event::{Head, stamp};
use proto::ids::{Chain, Epoch, EventId};
use store_log::{Position, Stored};

use super::world::{draft, name};
use crate::fault::Fault;
use crate::link::{Answer, Last, answer, is_new_enough};
use crate::resume::{Around, Resume, resume, sha256};

fn chain() -> Chain {
    Chain::Node(name("gw-1"))
}

/// A chain of five events, told apart by a text.
fn events(text: &str) -> Vec<Stored> {
    let mut head = Head::default();
    let each = (1..=5).map(|seq| {
        let id = EventId { chain: chain(), epoch: Epoch(1), seq };
        let stamped = stamp(&name("test"), id, head, &draft(text)).expect("a small event");
        head = Head { seq, hash: Some(sha256(&stamped.bytes)) };
        let bytes = Bytes::from(stamped.bytes);
        Stored { position: Position(seq * 2), control: false, epoch: Epoch(1), seq, bytes }
    });
    each.collect()
}

/// What the journal holds around a place: its own events from `first` to `last`.
fn held(seq: u64, first: u64, last: u64) -> Around {
    let own: Vec<_> =
        events("ours").into_iter().filter(|stored| (first..=last).contains(&stored.seq)).collect();
    let at = own.iter().find(|stored| stored.seq == seq).cloned();
    let next = own.iter().find(|stored| stored.seq > seq).cloned();
    Around { at, next, last }
}

#[track_caller]
fn check(last: Option<(u64, &str)>, (first, held_to): (u64, u64), expected: Result<u64, &str>) {
    let seq = last.map_or(0, |(seq, _)| seq);
    let last = last.map(|(seq, text)| {
        let bytes = match text {
            "noise" => b"noise".to_vec(),
            text => events(text)[usize::try_from(seq - 1).expect("small")].bytes.to_vec(),
        };
        Last { sequence: 100 + seq, bytes }
    });
    let resumed = resume(&chain(), last.as_ref(), &held(seq, first, held_to));
    let kind = |fault: &Fault| match fault {
        Fault::Forked { .. } => "forked",
        Fault::Ahead { .. } => "ahead",
        Fault::Foreign { .. } => "foreign",
        Fault::Gone { .. } => "gone",
        _ => "other",
    };
    let seen = match &resumed {
        Ok(Resume { seq, fence, .. }) => {
            assert_eq!(*fence, if *seq == 0 { 0 } else { 100 + seq });
            Ok(*seq)
        }
        Err(fault) => Err(kind(fault)),
    };
    assert_eq!(seen, expected, "{resumed:?}");
}

#[test]
fn it_goes_on_behind_what_is_there_and_nowhere_else() {
    // An empty stream: from the beginning, if that is still here.
    check(None, (1, 5), Ok(0));
    check(None, (1, 0), Ok(0));
    check(None, (3, 5), Err("gone"));
    // The same event at the end.
    check(Some((3, "ours")), (1, 5), Ok(3));
    check(Some((5, "ours")), (1, 5), Ok(5));
    // It is no longer here, but the one after it points back to it.
    check(Some((3, "ours")), (4, 5), Ok(3));
    check(Some((3, "theirs")), (4, 5), Err("forked"));
    check(Some((2, "ours")), (4, 5), Err("gone"));
    // Another event at the same place.
    check(Some((3, "theirs")), (1, 5), Err("forked"));
    check(Some((5, "theirs")), (1, 5), Err("forked"));
    // More than this node has.
    check(Some((5, "ours")), (1, 3), Err("ahead"));
    check(Some((1, "ours")), (1, 0), Err("ahead"));
    // No event at all.
    check(Some((3, "noise")), (1, 5), Err("foreign"));
}

#[test]
fn answers_are_what_they_prove() {
    let says = |text: &str| answer("S", text.as_bytes());
    assert_eq!(says(r#"{"stream":"S","seq":7}"#), Answer::Kept(7));
    assert_eq!(says(r#"{"stream":"S","seq":9,"batch":"b","count":3}"#), Answer::Kept(9));
    assert_eq!(says(r#"{"stream":"S","seq":7,"duplicate":true}"#), Answer::Duplicate);
    assert_eq!(says(r#"{"stream":"S","seq":0}"#), Answer::Unknown);
    assert_eq!(says(""), Answer::Unknown);
    assert_eq!(says("{}"), Answer::Refused("another stream took it".to_owned()));
    let error = |code: u64, text: &str| {
        says(&format!(r#"{{"error":{{"code":400,"err_code":{code},"description":"{text}"}}}}"#))
    };
    assert_eq!(error(10071, "wrong last sequence: 4"), Answer::Conflict);
    assert_eq!(error(10164, "wrong last sequence"), Answer::Conflict);
    assert_eq!(error(10201, "contains duplicate"), Answer::Duplicate);
    assert_eq!(error(10176, "batch is incomplete"), Answer::Unknown);
    let full = "maximum bytes exceeded";
    assert_eq!(error(10077, full), Answer::Full(full.to_owned()));
    assert_eq!(error(10054, "too large"), Answer::Refused("too large (10054)".to_owned()));
}

#[test]
fn versions_are_compared_by_number() {
    for new in ["2.12.0", "2.12.8", "2.15.1", "2.100.0", "3.0.0", "2.12.0-beta.1"] {
        assert!(is_new_enough(new), "{new}");
    }
    for old in ["2.9.10", "2.11.99", "1.99.0", "2.2.0", "", "newest", "2"] {
        assert!(!is_new_enough(old), "{old}");
    }
}
