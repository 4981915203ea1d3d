//! Calls between two nodes, and what becomes of them when something between breaks.

use std::time::Duration;

use proto::entry::By;
use proto::ids::SessionId;
use proto::peer::raft::{
    Ask, ForwardRequest, Member, Membership, Request, SnapshotChunk, SnapshotMeta, Tell, Vote,
};
use proto::peer::{Cancel, Kill, Lane, Message, RosterAsk, Secret, SessionsAsk};
use proto::refusal::{Code, Told};
use proto::time::Utc;
use tokio::net::TcpListener;

use super::raw::Raw;
use super::relay::Relay;
use super::world::{Cluster, DEADLINE};
use super::{NOW, name, soon};
use crate::{CallError, WallClock as _};

#[tokio::test]
async fn a_call_is_answered_and_comes_from_whom_the_certificate_names() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let answer = soon(one.ask(&two.member)).await.unwrap();
    assert_eq!((answer.tell, answer.clock), (Tell::Done, Utc(NOW.0 + 5)));
    let asked = two.handler.asked.lock().clone();
    assert_eq!((asked[0].from, asked[0].clock, &asked[0].ask), (1, Utc(1), &Ask::Clock));
    // The other way is another connection.
    assert_eq!(soon(two.ask(&one.member)).await.unwrap().tell, Tell::Done);
    assert_eq!(one.handler.asked.lock()[0].from, 2);
}

#[tokio::test]
async fn each_kind_of_call_has_its_own_answer() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let roster = soon(one.pool.roster(&two.member, DEADLINE)).await.unwrap();
    assert_eq!((roster.applied, roster.members.len()), (7, 2));
    let ask = SessionsAsk { live: true, limit: 3 };
    let rows = soon(one.pool.sessions(&two.member, ask, DEADLINE)).await.unwrap();
    assert_eq!((rows.rows.len(), rows.more), (3, true));
    let kill = Kill {
        session: SessionId::from_text("gw-2-1-1"),
        by: By::Person(name("alice")),
        reason: "runaway".to_owned(),
    };
    assert!(soon(one.pool.kill(&two.member, kill, DEADLINE)).await.unwrap().found);
    let killed = vec![("gw-2-1-1".to_owned(), "gw-1 for alice".to_owned())];
    assert_eq!(*two.handler.killed.lock(), killed);
    let cancel = Cancel { process: 7, secret: Secret::new([9; 32]), length: 32 };
    soon(one.pool.cancel(&two.member, cancel.clone(), DEADLINE)).await.unwrap();
    assert_eq!(*two.handler.cancelled.lock(), [("gw-1".to_owned(), cancel)]);
    let stopped = soon(one.raft(&two.member, Ask::Elect)).await.unwrap();
    assert_eq!(stopped.tell, Tell::Stopped("it stops".to_owned()));
}

#[tokio::test]
async fn answers_come_in_any_order() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let slow = one.raft(&two.member, Ask::Read);
    tokio::pin!(slow);
    tokio::select! {
        answer = &mut slow => panic!("the gate is closed: {answer:?}"),
        () = soon(two.handler.until_inside(1)) => {}
    }
    assert_eq!(soon(one.ask(&two.member)).await.unwrap().tell, Tell::Done);
    two.handler.gate.add_permits(1);
    assert!(soon(slow).await.is_ok());
}

#[tokio::test]
async fn snapshots_and_large_writes_have_a_connection_of_their_own() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let meta = SnapshotMeta {
        id: "1".to_owned(),
        last_log: None,
        membership_at: None,
        membership: Membership { configs: Vec::new(), members: Vec::new() },
    };
    let vote = Vote { term: 1, node: 1, committed: true };
    let bytes = vec![0x5a; 1024 * 1024];
    let chunk = SnapshotChunk { vote, meta, offset: 0, total: 1024 * 1024, bytes };
    assert!(soon(one.raft(&two.member, Ask::Snapshot(chunk))).await.is_ok());
    let large = ForwardRequest { proposals: vec![vec![2; 8 * 1024 * 1024]] };
    assert!(soon(one.raft(&two.member, Ask::Forward(large))).await.is_ok());
    // The lane of short calls was never needed: taking it over closes nothing that is in use.
    let mut calls = Raw::welcomed(&two, &one, Lane::Calls).await;
    let small = ForwardRequest { proposals: vec![vec![2; 1024]] };
    assert!(soon(one.raft(&two.member, Ask::Forward(small))).await.is_ok());
    assert!(soon(calls.is_closed()).await, "the small write came on the lane of short calls");
}

#[tokio::test]
async fn a_call_over_a_limit_is_refused_before_it_is_sent() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let huge = ForwardRequest { proposals: vec![vec![2; 17 * 1024 * 1024]] };
    let refused = soon(one.raft(&two.member, Ask::Forward(huge))).await.unwrap_err();
    assert_eq!(refused.told().code, Code::BadRequest);
    assert!(soon(one.ask(&two.member)).await.is_ok(), "nothing else suffers");
}

#[tokio::test]
async fn a_connection_that_is_cut_mid_call_is_an_error_and_no_hang() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let relay = Relay::to(&two.member.address).await;
    let through = Member { address: relay.address.clone(), ..two.member.clone() };
    let call = one.raft(&through, Ask::Read);
    tokio::pin!(call);
    tokio::select! {
        answer = &mut call => panic!("the gate is closed: {answer:?}"),
        () = soon(two.handler.until_inside(1)) => {}
    }
    relay.cut().await;
    let lost = soon(call).await.unwrap_err();
    assert!(matches!(lost, CallError::Lost(_)), "{lost:?}");
    assert_eq!(lost.told().code, Code::OutcomeUnknown);
    // What was begun is finished, though nobody hears it.
    two.handler.gate.add_permits(1);
    soon(two.handler.until_inside(0)).await;
    // By its own address the node is reached at once.
    assert!(soon(one.ask(&two.member)).await.is_ok());
}

#[tokio::test]
async fn a_connection_that_falls_silent_is_given_up() {
    let mut cluster = Cluster::new();
    cluster.limits.ping = Duration::from_millis(20);
    cluster.limits.silence = Duration::from_millis(300);
    cluster.limits.idle = Duration::from_millis(300);
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let relay = Relay::to(&two.member.address).await;
    let through = Member { address: relay.address.clone(), ..two.member.clone() };
    assert!(soon(one.ask(&through)).await.is_ok());
    relay.stall();
    let lost = soon(one.ask(&through)).await.unwrap_err();
    assert!(matches!(&lost, CallError::Lost(why) if why.contains("silent")), "{lost:?}");
}

#[tokio::test]
async fn an_idle_connection_stays_up() {
    let mut cluster = Cluster::new();
    cluster.limits.ping = Duration::from_millis(10);
    cluster.limits.silence = Duration::from_millis(500);
    cluster.limits.idle = Duration::from_millis(500);
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let slow = one.raft(&two.member, Ask::Read);
    tokio::pin!(slow);
    // Longer than either end would wait for a silent one.
    let waited = tokio::time::timeout(Duration::from_millis(1500), &mut slow).await;
    assert!(waited.is_err(), "{waited:?}");
    two.handler.gate.add_permits(1);
    assert!(soon(slow).await.is_ok(), "pings kept the connection");
}

#[tokio::test]
async fn a_call_that_is_not_answered_in_time_is_given_up_on_both_ends() {
    let mut cluster = Cluster::new();
    cluster.limits.longest_call = Duration::from_millis(50);
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let late = soon(one.raft(&two.member, Ask::Read)).await.unwrap_err();
    assert_eq!(late.told().code, Code::OutcomeUnknown);
    let said = matches!(&late, CallError::Lost(why) if why.contains("SP-1509: AskRead"));
    assert!(said, "the server has said so: {late:?}");

    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let request = Request { from: 1, clock: Utc(1), ask: Ask::Read };
    let deadline = Duration::from_millis(50);
    let late = soon(one.pool.raft(&two.member, request, deadline)).await;
    assert_eq!(late, Err(CallError::TimedOut));
}

#[tokio::test]
async fn a_node_that_is_down_is_unreachable_at_once_and_reached_again_when_it_is_back() {
    let mut cluster = Cluster::new();
    cluster.limits.backoff = Duration::from_secs(3600);
    cluster.limits.longest_backoff = Duration::from_secs(3600);
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    two.stop.cancel();
    soon(two.serving).await.unwrap();
    let down = soon(one.ask(&two.member)).await.unwrap_err();
    assert!(matches!(down, CallError::Unreachable(_)), "{down:?}");
    assert_eq!(down.told().code, Code::PeerUnreachable);
    assert_eq!(one.pool.down(2), Some(down.clone()));
    // Nobody dials now: a listener at that address is never asked.
    let listener = TcpListener::bind(&two.member.address).await.unwrap();
    assert_eq!(soon(one.ask(&two.member)).await, Err(down));
    let asked = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(asked.is_err(), "it was dialled");
    assert_eq!(one.pool.down(7), None);

    // With a short pause it is reached as soon as it is back.
    let mut cluster = Cluster::new();
    cluster.limits.backoff = Duration::from_millis(1);
    cluster.limits.longest_backoff = Duration::from_millis(5);
    let one = cluster.node(1).await;
    let two = cluster.node(2).await;
    let relay = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = relay.local_addr().unwrap().to_string();
    drop(relay);
    let elsewhere = Member { address, ..two.member.clone() };
    assert!(soon(one.ask(&elsewhere)).await.is_err());
    assert!(soon(one.ask(&two.member)).await.is_ok(), "an address that changed is dialled");
}

#[tokio::test]
async fn what_speaks_no_tls_is_no_peer() {
    let cluster = Cluster::new();
    let one = cluster.node(1).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let talker = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"SSH-2.0-OpenSSH_9.2\r\n").await.unwrap();
        stream
    });
    let member = Member { raft_id: 2, node: name("gw-2"), address };
    let refused = soon(one.ask(&member)).await.unwrap_err();
    assert!(matches!(&refused, CallError::Unreachable(why) if why.contains("TLS")), "{refused:?}");
    talker.await.unwrap();
}

#[tokio::test]
async fn a_node_that_stops_says_so_and_finishes_what_was_begun() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let mut raw = Raw::welcomed(&two, &one, Lane::Calls).await;
    raw.send(1, &Message::RosterAsk(RosterAsk {})).await;
    assert!(matches!(soon(raw.hear()).await, Ok(Some((1, Message::Roster(_))))));
    two.stop.cancel();
    assert_eq!(soon(raw.refused()).await, Told::plain(Code::Draining));
    drop(raw);
    soon(two.serving).await.unwrap();
}

#[tokio::test]
async fn a_pool_that_is_closed_calls_nobody() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    assert!(soon(one.ask(&two.member)).await.is_ok());
    one.pool.close();
    let closed = soon(one.ask(&two.member)).await.unwrap_err();
    assert!(matches!(closed, CallError::Unreachable(_) | CallError::Lost(_)), "{closed:?}");
    assert_eq!(cluster.clock.utc(), NOW);
}
