//! What subscribers read, with a real server.

use std::path::PathBuf;

use proto::event::Event;
use serde_json::json;

use super::reconciling::copy_folder;
use super::server::Server;
use super::world::{Node, ask, eventually, name, provision, servers, settings};
use crate::derived::{FROM, event_subject, position};
use crate::link::Link;
use crate::provision::provision as provision_stream;
use crate::reader::{Read, read};
use crate::shape::{EVENTS, RECORD, Wanted};
use crate::stream::Settings;

async fn deriving(server: &Server) -> Node {
    provision(server).await;
    let events = Wanted::events(&name("test"), 1);
    provision_stream(&servers(server), &events, -1, false).await.expect("it is made");
    again(server)
}

fn again(server: &Server) -> Node {
    let publisher = Some(servers(server));
    let node = Node::with(Settings { publisher, ..settings(server) });
    node.leads.send_replace(true);
    node
}

/// The places of the events that subscribers have.
async fn places(server: &Server) -> Vec<u64> {
    let link = Link::open(&servers(server)).await.expect("the server is reached");
    let messages = read(&link, EVENTS, "sallyport.events.>", 1, 9_999).await.expect("read");
    messages
        .iter()
        .map(|message| {
            let event = Event::read(&message.bytes).expect("an event");
            assert_eq!(message.subject, event_subject(&name("test"), &event));
            event.id.seq
        })
        .collect()
}

async fn until(server: &Server, count: usize) -> Vec<u64> {
    eventually(async || Some(places(server).await).filter(|all| all.len() >= count), "derived")
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_is_derived_once_and_the_next_leader_goes_on() {
    let server = Server::start();
    let node = deriving(&server).await;
    for count in 0..300 {
        node.append(&format!("event {count}")).await;
    }
    assert_eq!(until(&server, 300).await, (1..=300).collect::<Vec<_>>());
    node.leads.send_replace(false);
    for count in 0..20 {
        node.append(&format!("nobody leads {count}")).await;
    }
    node.acknowledged(320).await;
    assert_eq!(places(&server).await.len(), 300, "nobody derives");
    // The next leader goes on behind the last one, and servers need not know what they had.
    let link = Link::open(&servers(&server)).await.expect("the server is reached");
    let (last, source) = position(&link, &link).await.expect("it is there");
    assert_eq!((last, source.sequence), (300, 300));
    node.leads.send_replace(true);
    assert_eq!(until(&server, 320).await, (1..=320).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_subscribers_read_may_be_dropped_and_touches_nothing() {
    let server = Server::start();
    let node = deriving(&server).await;
    node.append("one").await;
    until(&server, 1).await;
    ask(&server, &format!("STREAM.DELETE.{EVENTS}"), &json!({})).await;
    node.append("two").await;
    node.acknowledged(2).await;
    node.replicate("three").await.expect("the record goes on without it");
    let events = Wanted::events(&name("test"), 1);
    provision_stream(&servers(&server), &events, -1, false).await.expect("it is made");
    assert_eq!(until(&server, 3).await, [1, 2, 3], "from the beginning");
    let link = Link::open(&servers(&server)).await.expect("the server is reached");
    let note = link.header_of(EVENTS, 3, FROM).await.expect("an answer").expect("a note");
    assert!(note.starts_with("3 "), "{note}");
}

/// A folder of a stream at the server, and a copy of it.
fn record_folder(server: &Server) -> (PathBuf, PathBuf) {
    let streams = server.data().join("jetstream").join("$G").join("streams");
    (streams.join(RECORD), server.folder.path().join("earlier"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_lost_its_end_leaves_subscribers_without_nothing() {
    let mut server = Server::start();
    let node = deriving(&server).await;
    for count in 0..20 {
        node.append(&format!("before {count}")).await;
    }
    until(&server, 20).await;
    let (record, earlier) = record_folder(&server);
    server.kill();
    copy_folder(&record, &earlier);
    server.again();
    for count in 0..20 {
        node.append(&format!("lost {count}")).await;
    }
    until(&server, 40).await;
    // What subscribers read is ahead of the record now, whose numbers are used again: for events
    // of another chain first, so that each has another number than before.
    server.kill();
    std::fs::remove_dir_all(&record).expect("its data is removed");
    copy_folder(&earlier, &record);
    let mut settings = settings(&server);
    settings.node = name("gw-2");
    let other = Node::with(settings);
    for count in 0..60 {
        other.append(&format!("of another {count}")).await;
    }
    server.again();
    other.acknowledged(60).await;
    node.acknowledged(40).await;
    let all = until_each(&server, &[("gw-1", 40), ("gw-2", 60)]).await;
    assert!(all.len() < 140, "not everything comes again: {}", all.len());
}

/// Waits until subscribers have all places of some chains.
async fn until_each(server: &Server, chains: &[(&str, u64)]) -> Vec<(String, u64)> {
    let look = async || {
        let link = Link::open(&servers(server)).await.ok()?;
        let messages = read(&link, EVENTS, "sallyport.events.>", 1, 9_999).await.ok()?;
        let place = |message: &Read| {
            let event = Event::read(&message.bytes).expect("an event");
            (event.id.chain.to_string(), event.id.seq)
        };
        let places: Vec<_> = messages.iter().map(place).collect();
        let has = |chain: &str, seq| places.contains(&(chain.to_owned(), seq));
        let whole = |(chain, last): &(&str, u64)| (1..=*last).all(|seq| has(chain, seq));
        chains.iter().all(whole).then_some(places)
    };
    eventually(look, "subscribers have everything").await
}
