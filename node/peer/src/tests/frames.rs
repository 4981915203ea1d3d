//! Frames that are not right, and connections that prove nothing.

use std::time::Duration;

use proto::peer::raft::{Ask, Request};
use proto::peer::{Empty, FORMAT, Header, Lane, Message, RosterAsk, SessionRows};
use proto::refusal::{Code, Told};
use proto::time::Utc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::raw::{Raw, header, hello};
use super::soon;
use super::world::{Cluster, Node};

const SHORT: Duration = Duration::from_millis(200);

/// What a member is told that sends these bytes.
async fn told(two: &Node, one: &Node, bytes: &[u8]) -> Told {
    let mut raw = Raw::welcomed(two, one, Lane::Calls).await;
    raw.send_bytes(bytes).await;
    soon(raw.refused()).await
}

#[tokio::test]
async fn a_frame_that_cannot_be_gone_on_after_ends_the_connection_with_a_word() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let mut other_format = header(0, 3);
    other_format[4] = FORMAT + 1;
    let oversized = |kind: u8| Header { length: 16 * 1024 * 1024 + 1, kind, call: 1 }.to_bytes();
    let longest = Header { length: 0xffff_ffff, kind: 16, call: 1 }.to_bytes();
    for (bytes, code, text) in [
        (oversized(17), Code::BadRequest, "may have 16777216"),
        (oversized(16), Code::BadRequest, "may have 4096"),
        (longest, Code::BadRequest, "says 4294967295 bytes"),
        (other_format, Code::VersionMismatch, "frame format 2"),
        (header(0, 99), Code::VersionMismatch, "kind 99"),
        (header(8, 16), Code::BadRequest, "damaged"),
        (header(0, 144), Code::BadRequest, "not something that a member asks"),
        (header(0, 32), Code::BadRequest, "not something that a member asks"),
        (header(0, 1), Code::BadRequest, "damaged"),
    ] {
        let body = [0xff; 8];
        let told = told(&two, &one, &[&bytes[..], &body].concat()).await;
        assert_eq!(told.code, code, "{}", told.text);
        assert!(told.text.contains(text), "{} / {text}", told.text);
    }
    assert!(two.handler.asked.lock().is_empty(), "none of it came through");
    assert!(soon(one.ask(&two.member)).await.is_ok(), "the node serves on");
}

#[tokio::test]
async fn signals_and_answers_out_of_place_end_the_connection() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let rows = Message::SessionRows(SessionRows { rows: Vec::new(), more: false });
    let again = Message::Hello(hello(&one.local.identity(), Lane::Bulk));
    for message in [rows, again, Message::Pong(Empty {})] {
        let mut raw = Raw::welcomed(&two, &one, Lane::Calls).await;
        raw.send(1, &message).await;
        assert_eq!(soon(raw.refused()).await.code, Code::BadRequest, "{}", message.name());
    }
    // Signals about streams that are over are none: they crossed with the end.
    let mut raw = Raw::welcomed(&two, &one, Lane::Calls).await;
    raw.send(7, &Message::Stop(Empty {})).await;
    raw.send(7, &Message::More(proto::peer::More { items: 1 })).await;
    raw.send(7, &Message::Ping(Empty {})).await;
    assert!(matches!(soon(raw.hear()).await, Ok(Some((7, Message::Pong(_))))));
}

#[tokio::test]
async fn a_member_that_begins_with_anything_but_hello_is_refused() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let identity = one.local.identity();
    let asking = Message::asking(Request { from: 1, clock: Utc(1), ask: Ask::Clock });
    for message in [asking, Message::RosterAsk(RosterAsk {}), Message::Ping(Empty {})] {
        let mut raw = Raw::connect(&two, Some(&identity)).await;
        raw.send(1, &message).await;
        let told = soon(raw.refused()).await;
        assert_eq!(
            (told.code, told.text.as_str()),
            (Code::BadRequest, "a member begins with Hello")
        );
    }
    assert!(two.handler.asked.lock().is_empty());
}

#[tokio::test]
async fn a_frame_that_is_cut_or_stalls_ends_its_connection_alone() {
    let mut cluster = Cluster::new();
    cluster.limits.body = SHORT;
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    // Cut: the other end goes within a frame.
    let mut raw = Raw::welcomed(&two, &one, Lane::Bulk).await;
    raw.send_header(4000, 17).await;
    raw.send_bytes(&[0; 100]).await;
    raw.stream.shutdown().await.unwrap();
    assert!(soon(raw.is_closed()).await);
    // Stalled: the rest never comes.
    let mut raw = Raw::welcomed(&two, &one, Lane::Bulk).await;
    raw.send_header(4000, 17).await;
    raw.send_bytes(&[0; 100]).await;
    assert!(soon(raw.is_closed()).await);
    assert!(soon(one.ask(&two.member)).await.is_ok());
}

#[tokio::test]
async fn a_member_that_falls_silent_is_closed() {
    let mut cluster = Cluster::new();
    cluster.limits.idle = SHORT;
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let mut raw = Raw::welcomed(&two, &one, Lane::Bulk).await;
    assert!(soon(raw.is_closed()).await);
}

#[tokio::test]
async fn whoever_proves_nothing_in_time_is_closed() {
    let mut cluster = Cluster::new();
    cluster.limits.stranger_deadline = SHORT;
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    // Says nothing at all.
    let mut silent = TcpStream::connect(&two.member.address).await.unwrap();
    assert_eq!(soon(silent.read(&mut [0; 64])).await.unwrap(), 0);
    // Drips a hello of TLS, a byte at a time.
    let mut drip = TcpStream::connect(&two.member.address).await.unwrap();
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    let dripping = async {
        for byte in [0x16, 0x03, 0x01, 0x02, 0x00].into_iter().chain(std::iter::repeat(0)) {
            pace.tick().await;
            if drip.write_all(&[byte]).await.is_err() {
                return;
            }
        }
    };
    soon(dripping).await;
    // Speaks TLS, with or without a certificate, and then says nothing, or half of a hello.
    let shown = one.local.identity();
    for shown in [None, Some(&*shown)] {
        let mut raw = Raw::connect(&two, shown).await;
        raw.send_bytes(&header(100, if shown.is_some() { 1 } else { 32 })[..9]).await;
        assert!(soon(raw.is_closed()).await);
    }
    assert!(soon(one.ask(&two.member)).await.is_ok());
}

#[tokio::test]
async fn what_is_no_tls_is_closed() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let mut plain = TcpStream::connect(&two.member.address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: gw-2\r\n\r\n").await.unwrap();
    plain.shutdown().await.unwrap();
    let mut answer = Vec::new();
    soon(plain.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.len() < 16, "an alert at most");
    assert!(soon(one.ask(&two.member)).await.is_ok());
}
