//! Faults of brokers and of nodes, with a real server: FAULTS 10 and 11.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use proto::ids::Epoch;
use serde_json::json;
use store_log::memory::Memory;
use store_log::{Backend as _, Log, Share, Urgency};

use super::server::Server;
use super::world::{Node, ask, draft, name, provision, read, servers, whole};
use crate::fault::Fault;
use crate::link::{Answer, Fence, Link, Message, Together};
use crate::resume::sha256;
use crate::shape::RECORD;

const SUBJECT: &str = "sallyport.record.test.gw-1";

async fn append(node: &Node, count: u64) {
    for one in 0..count {
        node.append(&format!("event {one}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_again_and_again_has_everything_in_the_end() {
    let mut server = Server::start();
    provision(&server).await;
    let node = Node::start(&server);
    node.is_up().await;
    for _ in 0..4 {
        append(&node, 500).await;
        server.kill();
        append(&node, 20).await;
        server.again();
    }
    node.acknowledged(2080).await;
    assert_eq!(whole(&read(&server, SUBJECT).await, &node.memory), 2080);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_starts_again_goes_on_where_the_stream_is() {
    let server = Server::start();
    provision(&server).await;
    let node = Node::start(&server);
    append(&node, 50).await;
    node.acknowledged(50).await;
    let left = node.memory.reopened();
    drop(node);
    let node = Node::over(&server, left, 2);
    append(&node, 50).await;
    node.acknowledged(100).await;
    let messages = read(&server, SUBJECT).await;
    assert_eq!((messages.len(), whole(&messages, &node.memory)), (100, 100), "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_acknowledgement_is_found_in_the_stream() {
    let server = Server::start();
    provision(&server).await;
    // What a node had sent when it was killed: the stream has it, and nobody was told.
    let node = Node::start(&server);
    append(&node, 30).await;
    node.acknowledged(30).await;
    let left = Arc::new(node.memory.reopened());
    drop(node);
    append_by_hand(&server, &left, 10).await;
    let node = Node::over(&server, left.reopened(), 3);
    append(&node, 5).await;
    node.acknowledged(45).await;
    let messages = read(&server, SUBJECT).await;
    assert_eq!((messages.len(), whole(&messages, &node.memory)), (45, 45), "each once");
}

/// Puts events into a log and into the stream, and tells nobody.
async fn append_by_hand(server: &Server, memory: &Arc<Memory>, count: usize) {
    let log = Log::open(memory.clone(), name("test"), name("gw-1"), Epoch(2)).expect("it opens");
    let before = memory.usage().last;
    for _ in 0..count {
        let appending = log.append(&draft("by hand"), Share::NODE, Urgency::Ordinary);
        drop(appending.expect("it is taken").pending.await.expect("it is kept"));
    }
    let read = memory.read(before.next(), count).expect("they are read");
    let messages: Vec<_> = read.into_iter().map(|record| message(&record.bytes)).collect();
    let link = Link::open(&servers(server)).await.expect("the server is reached");
    let last = link.last(RECORD, SUBJECT).await.expect("an answer").expect("a message");
    let answer =
        link.publish(RECORD, Fence::Subject(last.sequence), Together::Batch, &messages).await;
    assert!(matches!(answer, Answer::Kept(_)), "{answer:?}");
}

fn message(bytes: &Bytes) -> Message {
    let (subject, id) = (SUBJECT.to_owned(), sha256(bytes).to_string());
    Message { subject, id, bytes: bytes.clone(), note: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_wiped_is_filled_again() {
    let mut server = Server::start();
    provision(&server).await;
    let node = Node::start(&server);
    append(&node, 300).await;
    node.acknowledged(300).await;
    server.kill();
    std::fs::remove_dir_all(server.data()).expect("its data is removed");
    server.again();
    node.fault(|fault| matches!(fault, Fault::Missing(_))).await;
    provision(&server).await;
    node.acknowledged(300).await;
    append(&node, 10).await;
    node.acknowledged(310).await;
    assert_eq!(whole(&read(&server, SUBJECT).await, &node.memory), 310);
    assert_eq!(node.stream.standing().node.regressions, 1, "it is noticed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_made_anew_is_noticed_though_its_numbers_are_used_again() {
    let server = Server::start();
    provision(&server).await;
    let node = Node::start(&server);
    append(&node, 100).await;
    node.acknowledged(100).await;
    ask(&server, &format!("STREAM.DELETE.{RECORD}"), &json!({})).await;
    provision(&server).await;
    append(&node, 10).await;
    node.acknowledged(110).await;
    assert_eq!(whole(&read(&server, SUBJECT).await, &node.memory), 110);
    assert_eq!(node.stream.standing().node.regressions, 1, "it is noticed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_copy_of_a_brokers_disk_is_filled_up() {
    let mut server = Server::start();
    provision(&server).await;
    let node = Node::start(&server);
    append(&node, 100).await;
    node.acknowledged(100).await;
    server.kill();
    let copy = server.folder.path().join("copy");
    copy_folder(&server.data(), &copy);
    server.again();
    append(&node, 100).await;
    node.acknowledged(200).await;
    server.kill();
    std::fs::remove_dir_all(server.data()).expect("its data is removed");
    copy_folder(&copy, &server.data());
    server.again();
    append(&node, 1).await;
    node.acknowledged(201).await;
    assert_eq!(whole(&read(&server, SUBJECT).await, &node.memory), 201);
    assert_eq!(node.stream.standing().node.regressions, 1, "it is noticed");
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder is made");
    for entry in std::fs::read_dir(from).expect("a folder is read") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("its kind").is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a file is copied");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_with_the_same_name_forks_the_chain_and_both_are_told() {
    let server = Server::start();
    provision(&server).await;
    let node = Node::start(&server);
    append(&node, 20).await;
    node.acknowledged(20).await;
    let clone = Node::over(&server, node.memory.reopened(), 2);
    node.append("said by one").await;
    node.acknowledged(21).await;
    clone.append("said by the other").await;
    clone.fault(|fault| matches!(fault, Fault::Forked { seq: 21, .. })).await;
    node.append("goes on").await;
    node.acknowledged(22).await;
    assert_eq!(whole(&read(&server, SUBJECT).await, &node.memory), 22);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_copy_of_the_journal_publishes_nothing() {
    let server = Server::start();
    provision(&server).await;
    let node = Node::start(&server);
    append(&node, 20).await;
    let old = node.memory.reopened();
    append(&node, 20).await;
    node.acknowledged(40).await;
    drop(node);
    let old = Node::over(&server, old, 2);
    let fault = old.fault(|fault| fault.is_of_a_chain()).await;
    assert!(matches!(fault, Fault::Ahead { ours: 20, theirs: 40, .. }), "{fault}");
    assert_eq!(read(&server, SUBJECT).await.len(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_holds_the_chain() {
    let server = Server::start();
    provision(&server).await;
    let node = Node::start(&server);
    append(&node, 5).await;
    node.acknowledged(5).await;
    let link = Link::open(&servers(&server)).await.expect("the server is reached");
    let last = link.last(RECORD, SUBJECT).await.expect("an answer").expect("a message");
    let noise = message(&Bytes::from_static(b"noise"));
    let answer =
        link.publish(RECORD, Fence::Subject(last.sequence), Together::Batch, &[noise]).await;
    assert!(matches!(answer, Answer::Kept(_)), "{answer:?}");
    node.append("six").await;
    let fault = node.fault(|fault| fault.is_of_a_chain()).await;
    assert!(matches!(fault, Fault::Foreign { .. }), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_the_server_knows_proves_nothing() {
    let server = Server::start();
    provision(&server).await;
    let node = Node::start(&server);
    append(&node, 5).await;
    node.acknowledged(5).await;
    // The next event's id is used up by other bytes, which are gone again: as after a stream was
    // cut within the window of duplicates.
    let left = Arc::new(node.memory.reopened());
    drop(node);
    let log = Log::open(left.clone(), name("test"), name("gw-1"), Epoch(2)).expect("it opens");
    let six = log.append(&draft("six"), Share::NODE, Urgency::Ordinary).expect("it is taken");
    drop(six.pending.await.expect("it is kept"));
    let six = left.find(false, 6).expect("it is read").expect("it is here");
    let link = Link::open(&servers(&server)).await.expect("the server is reached");
    let other = Message { subject: "sallyport.record.test.gw-2".to_owned(), ..message(&six.bytes) };
    let answer = link.publish(RECORD, Fence::Subject(0), Together::Batch, &[other]).await;
    assert!(matches!(answer, Answer::Kept(_)), "{answer:?}");
    let node = Node::over(&server, left.reopened(), 3);
    node.acknowledged(6).await;
    assert_eq!(whole(&read(&server, SUBJECT).await, &node.memory), 6);
}
