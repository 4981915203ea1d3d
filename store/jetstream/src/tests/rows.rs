//! Events in a row: what a server alone that syncs late takes instead of batches, and that nothing
//! can come in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::server::Server;
use super::world::{Node, eventually, provision, provision_of, read, servers, settings, whole};
use crate::fault::Fault;
use crate::link::{Answer, Fence, Link, Message, Together};
use crate::resume::sha256;
use crate::shape::RECORD;
use crate::stream::Settings;

const SUBJECT: &str = "sallyport.record.test.gw-1";

/// A server alone that syncs late.
fn late(server: &Server) -> Settings {
    Settings { sync: Duration::from_secs(120), ..settings(server) }
}

fn message(text: &str) -> Message {
    let bytes = Bytes::from(text.to_owned());
    let id = sha256(&bytes).to_string();
    Message { subject: SUBJECT.to_owned(), id, bytes, note: None }
}

async fn texts(server: &Server) -> Vec<String> {
    let messages = read(server, SUBJECT).await.into_iter();
    messages.map(|(_, bytes)| String::from_utf8(bytes).expect("text")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_ends_where_the_one_before_is_not_the_last() {
    let server = Server::start();
    provision(&server).await;
    let link = Link::open(&servers(&server)).await.expect("the server is reached");
    let row = async |after, texts: &[&str]| {
        let messages: Vec<_> = texts.iter().map(|text| message(text)).collect();
        link.publish(RECORD, Fence::Subject(after), Together::Row, &messages).await
    };
    assert_eq!(row(0, &["a", "b", "c"]).await, Answer::Kept(3));
    assert_eq!(row(2, &["d", "e"]).await, Answer::Conflict, "the fence of the first");
    // `b` is known to the server, and not the last: it is passed over, and nothing may follow it.
    assert_eq!(row(3, &["d", "b", "e", "f"]).await, Answer::Conflict);
    assert_eq!(texts(&server).await, ["a", "b", "c", "d"]);
    // What somebody else wrote where the chain is, with an id or without one, ends it too.
    let client = link.client();
    client.publish(SUBJECT, "foreign".into()).await.expect("it is sent");
    assert_eq!(row(4, &["e", "f"]).await, Answer::Conflict);
    assert_eq!(texts(&server).await, ["a", "b", "c", "d", "foreign"]);
}

/// Keeps publishing elsewhere in the stream, so that rows break.
async fn meddle(server: &Server, until: Arc<AtomicBool>) {
    let link = Link::open(&servers(server)).await.expect("the server is reached");
    let subject = "sallyport.record.test.gw-9";
    while !until.load(Ordering::Relaxed) {
        link.client().publish(subject, "other".into()).await.expect("it is sent");
        link.client().flush().await.expect("it is sent");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_others_break_are_whole_in_the_end() {
    let server = Server::start();
    provision(&server).await;
    let node = Node::with(late(&server));
    node.is_up().await;
    let done = Arc::new(AtomicBool::new(false));
    let meddling = meddle(&server, done.clone());
    let working = async {
        for round in 1..=8_u64 {
            for count in 0..100 {
                node.append(&format!("{round} {count}")).await;
            }
            node.acknowledged(round * 100).await;
        }
        done.store(true, Ordering::Relaxed);
    };
    tokio::join!(meddling, working);
    node.replicate("the last").await.expect("the stream has it");
    let messages = read(&server, SUBJECT).await;
    assert_eq!((messages.len(), whole(&messages, &node.memory)), (801, 801), "each once");
    assert_eq!(node.stream.standing().node.regressions, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_published_behind_what_this_node_did_not_write() {
    let server = Server::start();
    provision(&server).await;
    let node = Node::with(late(&server));
    node.is_up().await;
    node.replicate("one").await.expect("the stream has it");
    let link = Link::open(&servers(&server)).await.expect("the server is reached");
    link.client().publish(SUBJECT, "foreign".into()).await.expect("it is sent");
    link.client().flush().await.expect("it is sent");
    eventually(async || (texts(&server).await.len() == 2).then_some(()), "it is there").await;
    for _ in 0..300 {
        node.append("more").await;
    }
    node.fault(|fault| matches!(fault, Fault::Foreign { .. })).await;
    assert_eq!(texts(&server).await.len(), 2, "nothing behind it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_stream_is_said_by_name_in_a_row_too() {
    let server = Server::start();
    provision_of(&server, 64 * 1024).await;
    let node = Node::with(late(&server));
    node.is_up().await;
    for count in 0..300 {
        node.append(&format!("{count} {}", "x".repeat(400))).await;
    }
    node.fault(|fault| matches!(fault, Fault::Full(_))).await;
    let messages = read(&server, SUBJECT).await;
    assert!(whole(&messages, &node.memory) > 0, "the first of them are there, in order");
}
