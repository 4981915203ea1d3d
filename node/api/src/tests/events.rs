//! Events as lines: exact bytes, filters, following, and what is recorded of the asking.

use std::time::Duration;

use http::StatusCode;
use http_body_util::BodyExt as _;
use proto::api::LAST_POSITION_HEADER;
use proto::event::{About, Kind, NodeStopped};
use store_log::{Backend, Position};

use super::world::World;

fn stopped(reason: &str) -> Kind {
    Kind::NodeStopped(NodeStopped { reason: reason.to_owned() })
}

fn lines(body: &[u8]) -> Vec<&[u8]> {
    body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect()
}

#[tokio::test]
async fn the_bytes_are_those_of_the_record() {
    let world = World::new().await;
    world.record(About::default(), stopped("one")).await;
    let stored = world.memory.read(Position(1), 1000).expect("a log");
    let response = world.send("GET", "/v1/events", Some(&world.admin), None).await;
    assert_eq!(response.status(), StatusCode::OK);
    let last = response.headers()[LAST_POSITION_HEADER].to_str().expect("text").to_owned();
    let body = response.into_body().collect().await.expect("an answer").to_bytes();
    let exact: Vec<_> = stored.iter().map(|one| &one.bytes[..]).collect();
    assert_eq!(lines(&body), exact);
    assert_eq!(last, exact.len().to_string());
    let recorded = world.recorded_since(exact.len());
    assert_eq!(recorded, ["audit.exported by administrator"]);
}

#[tokio::test]
async fn filters() {
    let world = World::new().await;
    world.record(About::default(), stopped("one")).await;
    let count = |query: &'static str| {
        let world = &world;
        async move {
            let path = format!("/v1/events?{query}");
            let (status, body) = world.ask("GET", &path, Some(&world.admin), None).await;
            (status.as_u16(), lines(&body).len())
        }
    };
    assert_eq!(count("kind=node.stopped").await, (200, 1));
    assert_eq!(count("kind=node.stopped,policy.changed").await, (200, 2));
    assert_eq!(count("kind=no.such").await.0, 400);
    assert_eq!(count("from=2999-01-01T00:00:00Z").await, (200, 0));
    assert_eq!(count("to=2999-01-01T00:00:00Z&kind=node.stopped").await, (200, 1));
    assert_eq!(count("from=yesterday").await.0, 400);
    assert_eq!(count("tail=1").await, (200, 1));
    assert_eq!(count("position=2&kind=node.stopped").await, (200, 1));
    assert_eq!(count("session=gw-1-1-1").await, (200, 0));
    assert_eq!(count("sessions=gw-1-1-1").await.0, 400);
}

#[tokio::test]
async fn following_sees_what_comes() {
    let world = World::new().await;
    let path = "/v1/events?follow=true&kind=node.stopped";
    let response = world.send("GET", path, Some(&world.admin), None).await;
    let mut body = response.into_body();
    for reason in ["first", "second"] {
        world.record(About::default(), stopped(reason)).await;
        let next = tokio::time::timeout(Duration::from_secs(10), body.frame()).await;
        let frame = next.expect("in time").expect("more").expect("unbroken");
        let line = frame.into_data().expect("data");
        assert!(String::from_utf8_lossy(&line).contains(reason));
    }
    world.api.given.stop.cancel();
    let end = tokio::time::timeout(Duration::from_secs(10), body.frame()).await.expect("in time");
    assert!(end.is_none(), "a node that stops ends its streams");
}

#[tokio::test]
async fn streams_are_bounded() {
    let world = World::new().await;
    let mut open = Vec::new();
    for _ in 0..64 {
        let path = "/v1/events?follow=true&kind=node.stopped";
        let response = world.send("GET", path, Some(&world.admin), None).await;
        assert_eq!(response.status(), StatusCode::OK);
        open.push(response);
    }
    let (status, _) = world.ask("GET", "/v1/events", Some(&world.admin), None).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
}
