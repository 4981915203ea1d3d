//! More than anybody may send: the caps hold, what is over them waits or is refused, and nothing
//! grows without an end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use proto::peer::raft::{Ask, ForwardRequest, Request};
use proto::peer::{Lane, Message, SessionsAsk};
use proto::time::Utc;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::raw::Raw;
use super::soon;
use super::world::Cluster;
use crate::wire::Frame;

fn read() -> Message {
    Message::asking(Request { from: 1, clock: Utc(1), ask: Ask::Read })
}

#[tokio::test]
async fn calls_beyond_the_cap_wait_unread_and_are_served_in_the_end() {
    let mut cluster = Cluster::new();
    cluster.limits.calls = 8;
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let mut raw = Raw::welcomed(&two, &one, Lane::Calls).await;
    for call in 1..=200 {
        raw.send(call, &read()).await;
    }
    soon(two.handler.until_inside(8)).await;
    two.handler.gate.add_permits(200);
    let mut answered = Vec::new();
    while answered.len() < 200 {
        match soon(raw.hear()).await.unwrap() {
            Some((call, Message::TellRead(_))) => answered.push(call),
            other => panic!("{other:?}"),
        }
    }
    answered.sort_unstable();
    assert_eq!(answered, (1..=200).collect::<Vec<_>>());
    assert_eq!(two.handler.most_inside.load(Ordering::SeqCst), 8);
}

#[tokio::test]
async fn a_member_that_connects_again_does_not_begin_with_a_new_budget() {
    let mut cluster = Cluster::new();
    cluster.limits.calls = 8;
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    for _ in 0..5 {
        let mut raw = Raw::welcomed(&two, &one, Lane::Calls).await;
        for call in 1..=20 {
            raw.send(call, &read()).await;
        }
        soon(two.handler.until_inside(8)).await;
    }
    two.handler.gate.add_permits(100);
    soon(two.handler.until_inside(0)).await;
    assert_eq!(two.handler.most_inside.load(Ordering::SeqCst), 8);
}

#[tokio::test]
async fn bytes_beyond_the_cap_wait_unread() {
    let mut cluster = Cluster::new();
    cluster.limits.call_bytes = 64 * 1024;
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let mut raw = Raw::welcomed(&two, &one, Lane::Bulk).await;
    // A read holds the gate with its few bytes; forwards pass beside it, within what is left.
    raw.send(1, &read()).await;
    for call in 2..=20 {
        let ask = Ask::Forward(ForwardRequest { proposals: vec![vec![0; 60 * 1024]] });
        raw.send(call, &Message::asking(Request { from: 1, clock: Utc(1), ask })).await;
    }
    for _ in 2..=20 {
        assert!(matches!(soon(raw.hear()).await, Ok(Some((2.., Message::TellDone(_))))));
    }
    // One that would never fit is refused and not waited for.
    let ask = Ask::Forward(ForwardRequest { proposals: vec![vec![0; 70 * 1024]] });
    raw.send(21, &Message::asking(Request { from: 1, clock: Utc(1), ask })).await;
    assert_eq!(soon(raw.refused()).await.code, proto::refusal::Code::BadRequest);
}

#[tokio::test]
async fn a_member_that_does_not_read_its_answers_is_cut_off() {
    let mut cluster = Cluster::new();
    cluster.limits.write = Duration::from_millis(300);
    cluster.limits.calls = 4;
    cluster.limits.queue = 2;
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    two.handler.row_bytes.store(1024 * 1024, Ordering::SeqCst);
    let mut raw = Raw::welcomed(&two, &one, Lane::Streams).await;
    let ask = Message::SessionsAsk(SessionsAsk { live: true, limit: 3 });
    // The server stops reading when its answers are not taken, and then closes.
    let flooding = async {
        for call in 1.. {
            let frame = Frame::new(call, &ask).unwrap();
            if frame.write(&mut raw.stream).await.is_err() {
                return;
            }
        }
    };
    soon(flooding).await;
    assert!(soon(one.ask(&two.member)).await.is_ok(), "the node serves on");
}

#[tokio::test]
async fn a_pool_waits_for_its_own_cap() {
    let mut cluster = Cluster::new();
    cluster.limits.calls = 4;
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    two.handler.gate.add_permits(100);
    let calls = (0..100).map(|_| one.raft(&two.member, Ask::Read));
    let answers = soon(join_all(calls)).await;
    assert!(answers.iter().all(Result::is_ok));
    assert!(two.handler.most_inside.load(Ordering::SeqCst) <= 4);
}

#[tokio::test]
async fn a_newer_connection_of_a_member_takes_the_place_of_the_older() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let mut older = Raw::welcomed(&two, &one, Lane::Calls).await;
    let mut other_lane = Raw::welcomed(&two, &one, Lane::Bulk).await;
    let mut newer = Raw::welcomed(&two, &one, Lane::Calls).await;
    assert!(soon(older.is_closed()).await);
    two.handler.gate.add_permits(2);
    for raw in [&mut newer, &mut other_lane] {
        raw.send(1, &read()).await;
        assert!(matches!(soon(raw.hear()).await, Ok(Some((1, Message::TellRead(_))))));
    }
}

#[tokio::test]
async fn strangers_are_few_and_leave_room_when_they_go() {
    let mut cluster = Cluster::new();
    cluster.limits.strangers_per_source = 3;
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    // Members do not count as strangers once they have proven to be none.
    let mut members = Vec::new();
    for lane in [Lane::Calls, Lane::Bulk, Lane::Streams] {
        members.push(Raw::welcomed(&two, &one, lane).await);
    }
    let mut strangers = Vec::new();
    for _ in 0..3 {
        strangers.push(Raw::connect(&two, None).await);
    }
    let mut fourth = TcpStream::connect(&two.member.address).await.unwrap();
    assert_eq!(soon(fourth.read(&mut [0; 64])).await.unwrap(), 0, "closed at once");
    drop(strangers);
    let again = async {
        while one.ask(&two.member).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    soon(again).await;
}

#[tokio::test]
async fn connections_are_counted_altogether() {
    let mut cluster = Cluster::new();
    cluster.limits.connections = 2;
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let mut first = Raw::welcomed(&two, &one, Lane::Calls).await;
    let _second = Raw::welcomed(&two, &one, Lane::Bulk).await;
    let mut third = TcpStream::connect(&two.member.address).await.unwrap();
    assert_eq!(soon(third.read(&mut [0; 64])).await.unwrap(), 0, "closed at once");
    two.handler.gate.add_permits(1);
    first.send(1, &read()).await;
    assert!(matches!(soon(first.hear()).await, Ok(Some((1, Message::TellRead(_))))));
}
