//! What a stream does while nothing goes wrong, and what it says when it does.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use proto::event::Head;
use serde_json::json;
use store_log::{AppendError, RefusedBecause};

use super::server::Server;
use super::world::{
    Node, ask, control_event, eventually, name, provision, provision_of, read, settings, whole,
};
use crate::fault::Fault;
use crate::link::{Link, Servers};
use crate::resume::sha256;
use crate::shape::{RECORD, Wanted};
use crate::stream::{Settings, Stream};

const SUBJECT: &str = "sallyport.record.test.gw-1";

#[tokio::test(flavor = "multi_thread")]
async fn events_are_published_in_order_with_their_exact_bytes() {
    let server = Server::start();
    provision(&server).await;
    let node = Node::start(&server);
    node.is_up().await;
    for count in 0..1000 {
        node.append(&format!("event {count}")).await;
    }
    node.replicate("the last").await.expect("the stream has it");
    let messages = read(&server, SUBJECT).await;
    assert_eq!(messages.len(), 1001, "each once");
    assert_eq!(whole(&messages, &node.memory), 1001);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_waits_for_the_stream_and_not_for_one_that_is_down() {
    let mut server = Server::start();
    provision(&server).await;
    let node = Node::start(&server);
    node.is_up().await;
    node.replicate("one").await.expect("the stream has it");
    server.kill();
    node.fault(|fault| matches!(fault, Fault::Unreachable(_))).await;
    let begun = Instant::now();
    let refused = node.replicate("two").await;
    assert_eq!(refused, Err(AppendError::Refused(RefusedBecause::NoStream)));
    assert!(begun.elapsed() < Duration::from_millis(500), "it waited {:?}", begun.elapsed());
    server.again();
    node.acknowledged(2).await;
    node.replicate("three").await.expect("the stream has it");
    assert_eq!(whole(&read(&server, SUBJECT).await, &node.memory), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leader_publishes_the_control_chain_and_the_next_one_goes_on() {
    let server = Server::start();
    provision(&server).await;
    let (one, two) = (Node::start(&server), Node::start(&server));
    let mut head = Head::default();
    for seq in 1..=40 {
        let event = control_event(seq, head);
        head = Head { seq, hash: Some(sha256(&event.bytes)) };
        for node in [&one, &two] {
            drop(node.log.keep_control(event.clone()).expect("it is taken"));
        }
        if seq == 20 {
            one.leads.send_replace(true);
            published(&one, 20).await;
        }
        if seq == 30 {
            // For a moment both believe that they lead.
            two.leads.send_replace(true);
            published(&two, 30).await;
            one.leads.send_replace(false);
        }
    }
    published(&two, 40).await;
    let messages = read(&server, "sallyport.record.test.control").await;
    assert_eq!(messages.len(), 40, "each once");
}

async fn published(node: &Node, seq: u64) {
    let look = async || {
        let standing = node.stream.standing().control?;
        (standing.up && standing.acknowledged == seq).then_some(())
    };
    eventually(look, "the control chain is published").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_stream_is_said_by_name_and_loses_nothing() {
    let server = Server::start();
    provision_of(&server, 64 * 1024).await;
    let node = Node::start(&server);
    node.is_up().await;
    for count in 0..300 {
        node.append(&format!("{count} {}", "x".repeat(400))).await;
    }
    node.fault(|fault| matches!(fault, Fault::Full(_))).await;
    let refused = node.replicate("more").await;
    assert_eq!(refused, Err(AppendError::Refused(RefusedBecause::NoStream)));
    let more = Wanted::record(&name("test"), 1).request(-1);
    ask(&server, &format!("STREAM.UPDATE.{RECORD}"), &more).await;
    node.acknowledged(301).await;
    let messages = read(&server, SUBJECT).await;
    assert_eq!((messages.len(), whole(&messages, &node.memory)), (301, 301));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_not_as_it_must_be_is_named_field_by_field() {
    let server = Server::start();
    let settings = settings(&server);
    let missing = Stream::check(&settings).await;
    assert_eq!(missing, Err(Fault::Missing(RECORD.to_owned())));
    let mut request = Wanted::record(&name("test"), 1).request(-1);
    request["discard"] = json!("old");
    request["allow_atomic"] = json!(false);
    request["duplicate_window"] = json!(1_000_000_000);
    ask(&server, &format!("STREAM.CREATE.{RECORD}"), &request).await;
    let fault = Stream::check(&settings).await.expect_err("it differs");
    assert!(fault.forbids_start());
    assert_eq!(
        fault.to_string(),
        "stream SALLYPORT_RECORD is not as it must be: allow_atomic is nothing, expected true; \
         discard is \"old\", expected \"new\"; duplicate_window is 1000000000, expected \
         120000000000"
    );
    let mut settings = settings;
    settings.replicas = 3;
    request = Wanted::record(&name("test"), 1).request(-1);
    ask(&server, &format!("STREAM.UPDATE.{RECORD}"), &request).await;
    let fault = Stream::check(&settings).await.expect_err("it differs").to_string();
    assert!(fault.contains("num_replicas is 1, expected 3 or more"), "{fault}");
}

/// Something that says it is a server of some version, and answers pings.
fn claiming(version: &'static str) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let mut writing = connection.try_clone().expect("a second handle");
            let info = json!({
                "server_id": "x", "server_name": "x", "version": version, "go": "go1",
                "host": "127.0.0.1", "port": port, "headers": true, "max_payload": 1_048_576,
                "proto": 1, "client_id": 1, "jetstream": true,
            });
            write!(writing, "INFO {info}\r\n").expect("it is sent");
            let lines = BufReader::new(connection).lines().map_while(Result::ok);
            for line in lines.filter(|line| line == "PING") {
                drop(line);
                // Whoever left needs no answer.
                writing.write_all(b"PONG\r\n").ok();
            }
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_as_old_as_it_says() {
    for version in ["2.9.10", "2.11.14", "1", "", "2.x.0", "2.12.0-", "2.12.0"] {
        let urls = vec![format!("nats://127.0.0.1:{}", claiming(version))];
        let (name, inbox) = ("test".to_owned(), "_INBOX".to_owned());
        let servers = Servers { urls, credentials: None, authority: None, name, inbox };
        let opened = Link::open(&servers).await.map(drop);
        let expected = match version {
            "2.12.0" | "2.12.0-" => Ok(()),
            old => Err(Fault::TooOld { is: old.to_owned() }),
        };
        assert_eq!(opened, expected, "{version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_servers_may_not_have_synced_is_not_counted_as_theirs() {
    for (sync, synced) in [(Duration::ZERO, 5), (Duration::from_secs(3600), 0)] {
        let server = Server::start();
        provision(&server).await;
        let node = Node::with(Settings { sync, ..settings(&server) });
        for count in 0..5 {
            node.append(&format!("event {count}")).await;
        }
        let standing = eventually(
            async || Some(node.stream.standing().node).filter(|node| node.read_back == 5),
            "it is read back",
        );
        assert_eq!(standing.await.synced, synced, "{sync:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_server_is_refused_by_name() {
    // Debian's package, where somebody has put it.
    let Some(old) = std::env::var_os("NATS_SERVER_OLD_BIN").filter(|old| !old.is_empty()) else {
        tracing::warn!("NATS_SERVER_OLD_BIN names no nats-server older than 2.12: not tried");
        return;
    };
    let mut server = Server::start();
    server.kill();
    server.run(old.as_ref());
    let fault = Stream::check(&settings(&server)).await.expect_err("it is too old");
    assert!(matches!(&fault, Fault::TooOld { is } if is.starts_with("2.")), "{fault}");
    assert!(fault.forbids_start());
}
