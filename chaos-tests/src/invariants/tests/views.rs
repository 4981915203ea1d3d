//! O5: homes of the audit views, beside a fold of the record.

use std::collections::BTreeMap;

use proto::event::{About, Draft, Head, Kind, NodeStopped, stamp};
use proto::ids::{Chain, Digest, Epoch, EventId};
use proto::time::Utc;
use ring::digest::{SHA256, digest};
use store_views::Row;

use crate::invariants::Events;
use crate::invariants::views_equal::{Kept, violations};

/// The record of a node that ended in each of some epochs.
fn record(reasons: &[&str]) -> Events {
    let (mut lines, mut head) = (Vec::new(), Head::default());
    for (reason, seq) in reasons.iter().zip(1..) {
        let node = "gw-1".parse().expect("a literal that is a name");
        let id = EventId { chain: Chain::Node(node), epoch: Epoch(seq), seq };
        let kind = Kind::NodeStopped(NodeStopped { reason: (*reason).to_owned() });
        let time = Utc(1_700_000_000_000_000);
        let draft = Draft { time, applied: 0, about: About::default(), kind };
        let cluster = "test".parse().expect("a literal that is a name");
        let stamped = stamp(&cluster, id, head, &draft).expect("a small event");
        let mut hash = Digest::ZERO;
        hash.0.copy_from_slice(digest(&SHA256, &stamped.bytes).as_ref());
        head = Head { seq, hash: Some(hash) };
        lines.push(String::from_utf8(stamped.bytes.to_vec()).expect("JSON"));
    }
    Events::read(lines.iter().map(String::as_str)).expect("events")
}

/// A home that says it is folded up to a place, with the rows of these runs, made by hand.
fn kept(reasons: &[&str], to: u64, least: u64) -> Kept {
    let row = |(reason, epoch): (&&str, u64)| {
        let json = format!(
            r#"{{"chain":"gw-1","id":"gw-1/{epoch}","node":"gw-1","epoch":{epoch},
                "stopped_at":"2023-11-14T22:13:20Z","stop_reason":"{reason}","unfinished":0,
                "contact_losses":0}}"#
        );
        Row::from_json(store_views::Table::Nodes, json.as_bytes()).expect("a row")
    };
    Kept {
        home: "a home".to_owned(),
        cursors: BTreeMap::from([("gw-1".to_owned(), to)]),
        least: BTreeMap::from([("gw-1".to_owned(), least)]),
        rows: reasons.iter().zip(1..).map(row).collect(),
    }
}

#[track_caller]
fn check(kept: Kept, wanted: &[&str]) {
    let found = violations(&record(&["a", "b", "c"]), &[kept]);
    assert_eq!(found.len(), wanted.len(), "{found:?}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!(found.contains(wanted), "{found} does not say {wanted}");
    }
}

#[test]
fn o5_views_are_what_the_record_folds_to() {
    check(kept(&["a", "b", "c"], 3, 3), &[]);
    check(kept(&["a", "b"], 2, 2), &[]); // behind, and said so
    check(kept(&["a", "b"], 2, 3), &["is folded to 2, and not to 3"]);
    check(kept(&["a", "b"], 3, 3), &["no Node"]); // a row is lost
    check(kept(&["a", "b", "c"], 2, 2), &["comes from no event"]); // one too many
    check(kept(&["a", "z", "c"], 3, 3), &["instead of"]);
    check(kept(&["a", "b", "c"], 4, 3), &["cannot be folded so far"]); // of no journal
    let mut twice = kept(&["a", "b", "c"], 3, 3);
    twice.rows.push(twice.rows[0].clone());
    check(twice, &["more than once"]);
}
