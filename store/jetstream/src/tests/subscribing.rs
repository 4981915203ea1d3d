//! What subscribers read, with a real server.

use proto::event::Event;
use serde_json::json;

use super::server::Server;
use super::world::{Node, ask, eventually, name, provision, servers, settings};
use crate::derived::{FROM, event_subject};
use crate::link::Link;
use crate::provision::provision as provision_stream;
use crate::reader::read;
use crate::shape::{EVENTS, Wanted};
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
