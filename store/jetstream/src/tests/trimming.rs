//! How far the stream suffices, as tables; and a hole in the middle of a real one.

use std::time::Duration;

use proto::event::Head;
use serde_json::json;

use super::server::Server;
use super::world::{Node, ask, control_event, eventually, name, provision, read, servers, whole};
use crate::link::{Answer, Fence, Link, Message, Together};
use crate::resume::sha256;
use crate::shape::{RECORD, Wanted};
use crate::trim::{Acknowledgements, Blocked, Covered, trim};

const SUBJECT: &str = "sallyport.record.test.gw-1";
const CONTROL: &str = "sallyport.record.test.control";

#[track_caller]
fn check(covered: [u64; 4], checkpointed: Option<u64>, expected: (u64, Blocked)) {
    let [last, acknowledged, read_back, synced] = covered;
    let covered = Covered { last, acknowledged, read_back, synced, checkpointed };
    assert_eq!(trim(&covered), expected);
}

#[test]
fn what_blocks_is_named() {
    check([9, 9, 9, 9], None, (9, Blocked::ByNothing));
    check([9, 9, 9, 9], Some(9), (9, Blocked::ByNothing));
    check([0, 0, 0, 0], None, (0, Blocked::ByNothing));
    check([9, 5, 5, 5], None, (5, Blocked::ByTheStream));
    check([9, 5, 9, 9], None, (5, Blocked::ByTheStream));
    check([9, 8, 5, 6], None, (5, Blocked::ByReadingBack));
    check([9, 8, 6, 5], None, (5, Blocked::BySyncing));
    check([9, 8, 7, 6], Some(3), (3, Blocked::ByCheckpoints));
    check([9, 8, 7, 6], Some(0), (0, Blocked::ByCheckpoints));
}

#[test]
fn the_horizon_is_counted_from_the_acknowledgement() {
    let seconds = Duration::from_secs;
    let mut acknowledged = Acknowledgements::default();
    for (at, seq) in [(1, 10), (2, 20), (3, 20), (5, 30)] {
        acknowledged.note(seconds(at), seq);
    }
    let mut at = |now: u64| acknowledged.older_than(seconds(now), seconds(10));
    assert_eq!([at(5), at(10), at(11), at(12), at(14), at(15)], [0, 0, 10, 20, 20, 30]);
    // The stream lost some: they count again from when they are there again.
    let mut acknowledged = Acknowledgements::default();
    acknowledged.note(seconds(1), 10);
    acknowledged.note(seconds(2), 30);
    assert_eq!(acknowledged.older_than(seconds(12), seconds(10)), 30);
    acknowledged.note(seconds(13), 20);
    assert_eq!(acknowledged.older_than(seconds(13), seconds(10)), 20);
    acknowledged.note(seconds(14), 30);
    assert_eq!(acknowledged.older_than(seconds(20), seconds(10)), 20);
    assert_eq!(acknowledged.older_than(seconds(24), seconds(10)), 30);
    // Nothing waits where servers sync at once.
    let mut acknowledged = Acknowledgements::default();
    acknowledged.note(seconds(1), 10);
    assert_eq!(acknowledged.older_than(seconds(1), Duration::ZERO), 10);
    // However many there are, little is remembered, and never too early.
    for seq in 0..100_000 {
        acknowledged.note(seconds(seq), 10 + seq);
    }
    assert_eq!(acknowledged.older_than(seconds(1023), seconds(1023)), 10);
    assert_eq!(acknowledged.older_than(seconds(200_000), seconds(10)), 100_009);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hole_in_the_middle_of_the_stream_is_filled() {
    let server = Server::start();
    provision(&server).await;
    let node = Node::start(&server);
    for count in 0..50 {
        node.append(&format!("event {count}")).await;
    }
    all_read_back(&node).await;
    let left = node.memory.reopened();
    drop(node);
    leave_a_hole(&server, SUBJECT, 20).await;
    let node = Node::over(&server, left, 2);
    all_read_back(&node).await;
    let messages = read(&server, SUBJECT).await;
    assert_eq!((messages.len(), whole(&messages, &node.memory)), (49 + 31, 50));
    assert_eq!(node.stream.standing().node.regressions, 1, "it is noticed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hole_in_the_control_chain_is_filled_by_the_leader() {
    let server = Server::start();
    provision(&server).await;
    let node = Node::start(&server);
    node.leads.send_replace(true);
    let (mut head, mut written) = (Head::default(), Vec::new());
    for seq in 1..=30 {
        let event = control_event(seq, head);
        head = Head { seq, hash: Some(sha256(&event.bytes)) };
        written.push(event.bytes.to_vec());
        drop(node.log.keep_control(event).expect("it is taken"));
    }
    control_read_back(&node, 30).await;
    let left = node.memory.reopened();
    drop(node);
    leave_a_hole(&server, CONTROL, 20).await;
    let node = Node::over(&server, left, 2);
    node.leads.send_replace(true);
    control_read_back(&node, 30).await;
    let messages = read(&server, CONTROL).await;
    assert_eq!(messages.len(), 29 + 11);
    for bytes in written {
        assert!(messages.iter().any(|(_, message)| *message == bytes), "an event is missing");
    }
    let control = node.stream.standing().control.expect("it leads");
    assert_eq!(control.regressions, 1, "it is noticed");
}

/// Takes one message away, as a block whose bytes were damaged goes: by an operator who may delete.
async fn leave_a_hole(server: &Server, subject: &str, sequence: u64) {
    let mut may = Wanted::record(&name("test"), 1).request(-1);
    may["deny_delete"] = json!(false);
    let as_it_must_be = Wanted::record(&name("test"), 1).request(-1);
    let messages = read(server, subject).await;
    ask(server, &format!("STREAM.DELETE.{RECORD}"), &json!({})).await;
    ask(server, &format!("STREAM.CREATE.{RECORD}"), &may).await;
    let link = Link::open(&servers(server)).await.expect("the server is reached");
    let copies: Vec<_> = messages
        .iter()
        .map(|(_, bytes)| Message {
            subject: subject.to_owned(),
            id: sha256(bytes).to_string(),
            bytes: bytes.clone().into(),
            note: None,
        })
        .collect();
    let kept = Answer::Kept(messages.len() as u64);
    assert_eq!(link.publish(RECORD, Fence::Subject(0), Together::Batch, &copies).await, kept);
    let delete = json!({ "seq": sequence });
    let deleted = ask(server, &format!("STREAM.MSG.DELETE.{RECORD}"), &delete).await;
    assert_eq!(deleted["success"], json!(true), "{deleted}");
    ask(server, &format!("STREAM.UPDATE.{RECORD}"), &as_it_must_be).await;
}

async fn control_read_back(node: &Node, seq: u64) {
    let look = async || {
        let standing = node.stream.standing().control?;
        (standing.read_back == seq && standing.acknowledged == seq).then_some(())
    };
    eventually(look, "the control chain is read back").await;
}

async fn all_read_back(node: &Node) {
    let look = async || {
        let standing = node.stream.standing().node;
        (standing.read_back == 50 && standing.synced == 50).then_some(())
    };
    eventually(look, "all is read back").await;
}

/// What was acknowledged is not taken for read back.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_read_back_later() {
    let server = Server::start();
    provision(&server).await;
    let node = Node::start(&server);
    node.is_up().await;
    // It is looked once a second: somewhere between two looks.
    let look = async || {
        node.append("one more").await;
        let before = node.log.last();
        let acknowledged = async || {
            let standing = node.stream.standing().node;
            (standing.acknowledged == before).then_some(standing.read_back)
        };
        let read_back = eventually(acknowledged, "it is acknowledged").await;
        (read_back < before).then_some(before)
    };
    let last = eventually(look, "something is acknowledged and not read back").await;
    let read_back = async || (node.stream.standing().node.read_back == last).then_some(());
    eventually(read_back, "it is read back").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_in_the_middle_are_noticed_and_published_over() {
    let server = Server::start();
    provision(&server).await;
    let node = Node::start(&server);
    for count in 0..50 {
        node.append(&format!("event {count}")).await;
    }
    all_read_back(&node).await;
    let mut messages = read(&server, SUBJECT).await;
    let left = node.memory.reopened();
    drop(node);
    // As it would be if a block of a server had been changed: the last message is right.
    let text = String::from_utf8(messages[19].1.clone()).expect("text");
    messages[19].1 = text.replace("event 19", "event XX").into_bytes();
    ask(&server, &format!("STREAM.DELETE.{RECORD}"), &json!({})).await;
    provision(&server).await;
    let link = Link::open(&servers(&server)).await.expect("the server is reached");
    let copies: Vec<_> = messages
        .iter()
        .map(|(_, bytes)| Message {
            subject: SUBJECT.to_owned(),
            id: sha256(bytes).to_string(),
            bytes: bytes.clone().into(),
            note: None,
        })
        .collect();
    assert_eq!(
        link.publish(RECORD, Fence::Subject(0), Together::Batch, &copies).await,
        Answer::Kept(50)
    );
    let node = Node::over(&server, left, 2);
    all_read_back(&node).await;
    let standing = node.stream.standing().node;
    assert!(standing.strange > 0, "it is said");
    assert_eq!(read(&server, SUBJECT).await.len(), 50 + 31, "from there on once more");
}
