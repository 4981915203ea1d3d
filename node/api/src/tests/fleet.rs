//! Sessions of other nodes: listed, watched, ended.

use http_body_util::BodyExt as _;
use proto::api::{SessionListed, Watched};
use proto::event::Stream;
use proto::ids::{Epoch, SessionId};
use proto::refusal::{Code, Told};
use proto::time::Utc;
use serde_json::{Value, json};

use super::world::{World, name, person, person_who_may};

fn row(node: &str, count: u64, state: &str) -> SessionListed {
    SessionListed {
        id: SessionId::new(&name(node), Epoch(1), count),
        state: state.to_owned(),
        person: name("nothing"),
        target: name("web-1"),
        login: "deploy".to_owned(),
        channel: Some(proto::reading::Channel::Exec),
        grant: Some("staging".to_owned()),
        from: None,
        opened: Utc(i64::try_from(count).expect("small")),
        closed: None,
        reason: None,
        node: name(node),
        epoch: Epoch(1),
        commands_judged: Some(1),
        doing: Some("running command 1".to_owned()),
    }
}

/// Two other nodes: gw-2 answers, gw-3 does not.
async fn world() -> World {
    let world = World::new().await;
    world.control.join(&name("gw-2"));
    world.control.join(&name("gw-33"));
    let rows = vec![row("gw-2", 1, "open"), row("gw-2", 2, "closed")];
    world.others.nodes.lock().insert(name("gw-2"), rows);
    world.open("gw-2", 1, &name("nothing"));
    world.open("gw-33", 1, &name("nothing"));
    world
}

async fn list(world: &World, query: &str) -> Vec<(String, String, Value)> {
    let path = format!("/v1/sessions?{query}");
    let (status, page) = world.json("GET", &path, &world.admin, None).await;
    assert_eq!(status, 200, "{page}");
    let rows = page["items"].as_array().expect("rows").iter();
    let text = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
    rows.map(|row| (text(row, "id"), text(row, "state"), row["doing"].clone())).collect()
}

#[tokio::test]
async fn lists_show_all_nodes_and_what_is_known_of_those_that_are_silent() {
    let world = world().await;
    let running = json!("running command 1");
    let shown =
        |id: &str, state: &str, doing: &Value| (id.to_owned(), state.to_owned(), doing.clone());
    let open = shown("gw-2-1-1", "open", &running);
    let silent = shown("gw-33-1-1", "open", &Value::Null);
    let closed = shown("gw-2-1-2", "closed", &running);
    assert_eq!(list(&world, "").await, [open.clone(), closed.clone(), silent.clone()]);
    assert_eq!(list(&world, "state=open").await, [open, silent]);
    assert_eq!(list(&world, "state=closed").await, [closed]);
    let (status, one) = world.json("GET", "/v1/sessions/gw-33-1-1", &world.admin, None).await;
    assert_eq!((status, &one["node"]), (200, &json!("gw-33")));
    let path = "/v1/sessions/gw-2-1-9/events";
    let (status, told) = world.json("GET", path, &world.admin, None).await;
    assert_eq!(status, 404);
    assert!(told["text"].as_str().expect("a text").contains("https://gw-2:8443"), "{told}");
}

async fn watch(world: &World, token: &str, path: &str) -> Vec<Watched> {
    let response = world.send("GET", path, Some(token), None).await;
    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await.expect("an answer").to_bytes();
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).expect("a line")).collect()
}

#[tokio::test]
async fn watching_is_recorded_and_shows_what_the_other_node_shows() {
    let world = world().await;
    let seen = Watched::Seen {
        stream: Stream::Output,
        text: Some("masked ****\n".to_owned()),
        base64: None,
    };
    let auditor = world.token(&person_who_may("replay"));
    *world.others.shown.lock() = vec![seen.clone(), Watched::Missed { bytes: 3 }, Watched::Over];
    let before = world.events().len();
    let path = "/v1/sessions/gw-2-1-1/watch?follow=true";
    let lines = watch(&world, &auditor, path).await;
    assert_eq!(lines, [seen.clone(), Watched::Missed { bytes: 3 }, Watched::Over]);
    assert_eq!(world.recorded_since(before), ["replay.viewed by may-replay"]);
    // A stream that ends without an end broke off.
    *world.others.shown.lock() = vec![seen.clone()];
    let lines = watch(&world, &auditor, path).await;
    let [first, Watched::Broken { told }] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((first, told.code), (&seen, Code::PeerUnreachable));
    let silent = world.refused("GET", "/v1/sessions/gw-33-1-1/watch", &auditor, None).await;
    assert_eq!(silent, (502, Code::PeerUnreachable.to_string()));
    for path in ["/v1/sessions/gw-2-1-9/watch", "/v1/sessions/gw-1-1-1/watch"] {
        let gone = world.refused("GET", path, &auditor, None).await;
        assert_eq!(gone, (404, Code::NotFound.to_string()), "{path}");
    }
}

#[tokio::test]
async fn whoever_may_watch_no_more_sees_nothing_more() {
    let world = world().await;
    let auditor = world.token(&person_who_may("replay"));
    let text = |text: &str| Watched::Seen {
        stream: Stream::Output,
        text: Some(text.to_owned()),
        base64: None,
    };
    *world.others.shown.lock() = vec![text("secret of the house"), Watched::Over];
    let path = "/v1/sessions/gw-2-1-1/watch";
    let response = world.send("GET", path, Some(&auditor), None).await;
    assert_eq!(response.status(), 200);
    // Before the task that shows it has run: the test's runtime has one thread.
    world.people(vec![person(name("nothing"))]);
    let body = response.into_body().collect().await.expect("an answer").to_bytes();
    let line: Watched = serde_json::from_slice(body.trim_ascii()).expect("one line");
    assert_eq!(line, Watched::Broken { told: Told::plain(Code::NotPermitted) });
}

#[tokio::test]
async fn ending_a_session_of_another_node() {
    let world = world().await;
    let operator = world.token(&person_who_may("kill"));
    let kill = async |id: &str| {
        let path = format!("/v1/sessions/{id}/kill");
        world.json("POST", &path, &operator, Some(json!({ "reason": "runaway" }))).await
    };
    let (status, row) = kill("gw-2-1-1").await;
    assert_eq!((status, &row["id"], &row["node"]), (200, &json!("gw-2-1-1"), &json!("gw-2")));
    assert_eq!(*world.others.killed.lock(), ["gw-2-1-1 by may-kill: runaway"]);
    let (status, told) = kill("gw-33-1-1").await;
    assert_eq!((status, &told["code"]), (502, &json!(Code::PeerUnreachable.to_string())));
    let (status, told) = kill("gw-2-1-9").await;
    assert_eq!((status, &told["code"]), (404, &json!(Code::NotFound.to_string())));
}
