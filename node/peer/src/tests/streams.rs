//! Watching sessions of another node.

use std::sync::atomic::Ordering;

use proto::ids::SessionId;
use proto::peer::{Lane, Message, More, STREAM_WINDOW, Watch};
use proto::refusal::{Code, Told};

use super::raw::Raw;
use super::soon;
use super::world::{Cluster, DEADLINE, Node};
use crate::{CallError, Watching};

fn watch(session: &str) -> Watch {
    Watch { session: SessionId::from_text(session), after: 0 }
}

async fn begin(from: &Node, to: &Node, session: &str) -> Watching {
    soon(from.pool.watch(&to.member, watch(session), DEADLINE)).await.unwrap()
}

/// All items as numbers, and how it ended.
async fn all(mut watching: Watching) -> (Vec<usize>, Option<CallError>) {
    let mut items = Vec::new();
    loop {
        match soon(watching.next()).await {
            None => return (items, None),
            Some(Err(error)) => return (items, Some(error)),
            Some(Ok(bytes)) => items.push(String::from_utf8(bytes).unwrap().parse().unwrap()),
        }
    }
}

#[tokio::test]
async fn items_come_in_order_to_the_end() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    for many in [0, 1, 15, 16, 17, 1000] {
        let watching = begin(&one, &two, &format!("count-{many}")).await;
        assert_eq!(all(watching).await, ((0..many).collect(), None), "{many}");
    }
    let watching = begin(&one, &two, "broken-20").await;
    let why = CallError::Refused(Told::plain(Code::ContactLost));
    assert_eq!(all(watching).await, ((0..20).collect(), Some(why)));
    let watching = begin(&one, &two, "nothing").await;
    let why = CallError::Refused(Told::plain(Code::NotFound));
    assert_eq!(all(watching).await, (Vec::new(), Some(why)));
}

#[tokio::test]
async fn a_slow_watcher_pulls_no_more_than_the_window_and_holds_nobody_up() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let mut slow = begin(&one, &two, "count-1000000").await;
    let window = usize::try_from(STREAM_WINDOW).unwrap();
    let quick = begin(&one, &two, "count-500").await;
    assert_eq!(all(quick).await.0.len(), 500);
    assert!(soon(one.ask(&two.member)).await.is_ok());
    let pulled = two.handler.pulled.load(Ordering::SeqCst);
    assert!(pulled <= 500 + window, "{pulled} were pulled");
    // It goes on where it was.
    for index in 0..100 {
        assert_eq!(soon(slow.next()).await, Some(Ok(index.to_string().into_bytes())));
    }
}

#[tokio::test]
async fn a_stream_that_nobody_watches_ends_at_its_source() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let mut watching = begin(&one, &two, "count-1000000").await;
    assert!(soon(watching.next()).await.is_some());
    drop(watching);
    soon(two.handler.dropped.notified()).await;
    // So does one whose connection is gone.
    let mut raw = Raw::welcomed(&two, &one, Lane::Streams).await;
    raw.send(1, &Message::Watch(watch("count-1000000"))).await;
    assert!(matches!(soon(raw.hear()).await, Ok(Some((1, Message::Item(_))))));
    drop(raw);
    soon(two.handler.dropped.notified()).await;
}

#[tokio::test]
async fn a_watcher_that_is_removed_sees_no_more() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let mut watching = begin(&one, &two, "count-1000000").await;
    assert!(soon(watching.next()).await.is_some());
    cluster.members.remove(1);
    soon(two.handler.dropped.notified()).await;
    let (items, why) = all(watching).await;
    assert!(items.len() < 100, "{}", items.len());
    assert_eq!(why.unwrap().told().code, Code::NotAMember);
}

#[tokio::test]
async fn room_is_never_more_than_the_window() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let mut raw = Raw::welcomed(&two, &one, Lane::Streams).await;
    raw.send(1, &Message::Watch(watch("count-1000000"))).await;
    let mut items = 0;
    while items < STREAM_WINDOW {
        assert!(matches!(soon(raw.hear()).await, Ok(Some((1, Message::Item(_))))));
        items += 1;
    }
    raw.send(1, &Message::More(More { items: STREAM_WINDOW + 1 })).await;
    assert_eq!(soon(raw.refused()).await.code, Code::BadRequest);
    let mut raw = Raw::welcomed(&two, &one, Lane::Streams).await;
    for _ in 0..2 {
        raw.send(1, &Message::Watch(watch("count-1000000"))).await;
    }
    let refused = async {
        loop {
            match raw.hear().await {
                Ok(Some((1, Message::Item(_)))) => {}
                Ok(Some((0, Message::Refused(refusal)))) => break refusal.code,
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(soon(refused).await, Code::BadRequest.number(), "a number that is used twice");
}

#[tokio::test]
async fn streams_beyond_the_cap_are_refused() {
    let mut cluster = Cluster::new();
    cluster.limits.streams = 2;
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut watching = begin(&one, &two, "count-1000000").await;
        assert!(matches!(soon(watching.next()).await, Some(Ok(_))));
        open.push(watching);
    }
    let (items, why) = all(begin(&one, &two, "count-1").await).await;
    assert_eq!((items, why.unwrap().told().code), (Vec::new(), Code::TooManyRequests));
    drop(open);
    soon(two.handler.dropped.notified()).await;
    let again = async {
        while !all(begin(&one, &two, "count-1").await).await.0.eq(&[0]) {
            tokio::task::yield_now().await;
        }
    };
    soon(again).await;
}
