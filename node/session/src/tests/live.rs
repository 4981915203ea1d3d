//! Lists, ends and watches live sessions.

use bytes::Bytes;
use proto::entry::By;
use proto::event::Stream;
use proto::ids::SessionId;
use proto::refusal::Code;

use super::node::{Node, asked, judge, name};
use crate::{Doing, NotLive, NotWatched, Over, Seen};

#[tokio::test]
async fn a_session_is_shown_with_what_goes_on_in_it() {
    let node = Node::start().await;
    let live = node.sessions.live();
    assert_eq!(live.list(), []);
    let mut asked = asked();
    asked.actor.from = Some("192.0.2.7:50022".to_owned());
    let mut session = node.sessions.open(&asked).await.expect("a grant");
    let [shown] = &live.list()[..] else { panic!("one session") };
    assert_eq!((shown.id.as_str(), shown.login.as_str()), ("gw-1-1-1", "deploy"));
    assert_eq!(shown.from.as_deref(), Some("192.0.2.7:50022"));
    assert_eq!(shown.doing, Doing::Nothing);
    drop(judge(&mut session, "id").await.expect("nothing blocks it"));
    assert_eq!(live.list()[0].doing, Doing::Running { command: 1 });
    let ending = node_gate::Ending::Exited(0);
    session.ended(ending, proto::event::Counted::default()).await.expect("kept");
    assert_eq!(live.list()[0].doing, Doing::Nothing);
    drop(session);
    assert_eq!(live.list(), []);
}

#[tokio::test]
async fn an_operator_ends_a_session_and_is_named_in_the_record_alone() {
    let node = Node::start().await;
    let live = node.sessions.live();
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    let id = session.id().clone();
    let by = By::Person(name("bob"));
    let other = SessionId::from_text("gw-1-1-9");
    assert_eq!(live.kill(&other, &by, ""), Err(NotLive));
    let reason = format!("{}=hunter2 {}", "password", "x".repeat(1_000));
    live.kill(&id, &by, &reason).expect("it is live");
    // The first reason counts.
    live.kill(&id, &By::Administrator, "me too").expect("it is still live");
    let Over(told) =
        session.meanwhile(std::future::pending::<()>()).await.expect_err("it is ended");
    assert_eq!(told.to_string(), "SP-1004: The session was ended by an operator.");
    assert_eq!(told.code, Code::SessionEnded);
    session.close("the driver's own reason").await;
    let [closed] = &node.closed()[..] else { panic!("one session") };
    assert!(closed.starts_with("ended by bob: password=***"), "{closed}");
    assert!(closed.len() < 300 && !closed.contains("hunter2"), "{closed}");
}

#[tokio::test]
async fn a_watcher_sees_what_the_client_gets() {
    let node = Node::start().await;
    let live = node.sessions.live();
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    let id = session.id().clone();
    let mut watching = live.watch(&id).expect("it is live");
    drop(judge(&mut session, "cat").await.expect("nothing blocks it"));
    let token = format!("{}_{}", "ghp", "aB3dE6gH9".repeat(4));
    let output = format!("a {token} b\n");
    let mut client = Vec::new();
    for release in session.output(Stream::Output, output.as_bytes()).await.expect("kept") {
        client.extend_from_slice(&release.into_bytes());
    }
    let Some(Seen::Output { stream, bytes }) = watching.next().await else { panic!("output") };
    assert_eq!((stream, &bytes[..]), (Stream::Output, &client[..]));
    assert!(!String::from_utf8_lossy(&bytes).contains("aB3dE6gH9"), "{bytes:?}");
    session.close("finished").await;
    assert_eq!(watching.next().await, None, "the session is over");
    assert_eq!(live.watch(&id).err(), Some(NotWatched::NotLive));
}

#[tokio::test]
async fn a_slow_watcher_misses_bytes_and_is_told_how_many() {
    let node = Node::start().await;
    let live = node.sessions.live();
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    let mut watching = live.watch(session.id()).expect("it is live");
    drop(judge(&mut session, "yes").await.expect("nothing blocks it"));
    // Nobody reads the tap, and the session goes on.
    for _ in 0..300 {
        drop(session.output(Stream::Output, b"y\n").await.expect("kept"));
    }
    let (mut seen, mut missed) = (0, 0);
    for _ in 0..256 {
        match watching.next().await.expect("it waits") {
            Seen::Output { bytes, .. } => seen += bytes.len() as u64,
            Seen::Missed { bytes } => missed += bytes,
        }
    }
    assert_eq!((seen, missed), (512, 0));
    drop(session.output(Stream::Errors, b"late\n").await.expect("kept"));
    assert_eq!(watching.next().await, Some(Seen::Missed { bytes: 88 }));
    let late = Seen::Output { stream: Stream::Errors, bytes: Bytes::from_static(b"late\n") };
    assert_eq!(watching.next().await, Some(late));
}

#[tokio::test]
async fn only_so_many_watch() {
    let node = Node::start().await;
    let live = node.sessions.live();
    let session = node.sessions.open(&asked()).await.expect("a grant");
    let mut watching: Vec<_> =
        (0..16).map(|_| live.watch(session.id()).expect("there is room")).collect();
    assert_eq!(live.watch(session.id()).err(), Some(NotWatched::TooMany));
    watching.pop();
    live.watch(session.id()).expect("one has gone");
}
