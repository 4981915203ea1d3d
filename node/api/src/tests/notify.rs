//! Notifications, received by a real HTTP server: what is in them, what is not, who sends them,
//! and what becomes of those that nobody takes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use consensus_state::Reply;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use proto::entry::{
    ApprovalId, ApprovalRequest, ApprovalRuling, AskedRule, By, CommandRef, Covered, Entry, Ruling,
};
use proto::ids::{Digest, Epoch};
use ring::hmac;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::world::{World, name, person};
use crate::notify::{
    Hook, HookError, HookKind, HookOptions, SIGNATURE_HEADER, TIMESTAMP_HEADER, notify,
};

type Received = (HeaderMap, String);

/// A server that keeps what it gets, and answers as it is told.
#[derive(Clone)]
struct Server {
    received: mpsc::UnboundedSender<Received>,
    answers: Arc<Mutex<Vec<StatusCode>>>,
}

impl Server {
    /// Its address, and what it gets; it gives these answers first, then takes everything.
    async fn start(answers: &[StatusCode]) -> (String, mpsc::UnboundedReceiver<Received>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let answers = answers.iter().rev().copied().collect();
        let server = Self { received: sender, answers: Arc::new(Mutex::new(answers)) };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().fallback(take).with_state(server);
        tokio::spawn(async move { axum::serve(listener, router).await });
        (format!("http://{address}/hook"), receiver)
    }
}

async fn take(State(server): State<Server>, headers: HeaderMap, body: String) -> StatusCode {
    server.received.send((headers, body)).expect("a test that waits");
    server.answers.lock().pop().unwrap_or(StatusCode::OK)
}

fn secret() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(vec![42; 32])
}

fn options(url: &str, kind: HookKind) -> HookOptions {
    HookOptions {
        name: "chat".to_owned(),
        url: Zeroizing::new(url.to_owned()),
        kind,
        secret: secret(),
        include_text: false,
        authorities: Vec::new(),
        link: "https://gw-1:8443/v1/approvals/".to_owned(),
        first_pause: Some(Duration::from_millis(10)),
    }
}

async fn world(hooks: Vec<HookOptions>, leads: bool) -> World {
    let world = World::new().await;
    world.people(["alice", "bob", "carol"].map(|who| person(name(who))).to_vec());
    world.members.leads.store(leads, Ordering::Relaxed);
    let hooks = hooks.into_iter().map(|options| Hook::new(options).expect("a hook")).collect();
    tokio::spawn(notify(world.api.clone(), hooks));
    // The task begins with what is recorded from now on: it must have looked where that is.
    tokio::task::yield_now().await;
    world
}

fn ask(world: &World, command: u64, count: u32) -> ApprovalId {
    let session = world.open("gw-1", command, &name("alice"));
    let reply = world.control.enter(Entry::ApprovalRequested(ApprovalRequest {
        command: CommandRef {
            node: name("gw-1"),
            epoch: Epoch(1),
            session,
            command,
            digest: Digest([7; 32]),
        },
        person: name("alice"),
        target: name("web-1"),
        login: "deploy".to_owned(),
        text: "echo <!here> ```&``` [x](y)".to_owned(),
        incomplete: false,
        policy_revision: 1,
        rules: vec![AskedRule {
            rule: "eyes".to_owned(),
            count,
            approvers: vec![name("bob"), name("carol")],
        }],
        covered: Covered::Command,
        expires_ms: 900_000,
    }));
    match reply {
        Reply::Approval(id) => id,
        other => panic!("{other:?}"),
    }
}

fn rule(world: &World, approval: ApprovalId, who: &str, ruling: Ruling) {
    let (by, reason) = (By::Person(name(who)), "a reason that stays in the record".to_owned());
    let ruling = ApprovalRuling { approval, by, ruling, reason };
    let reply = world.control.enter(Entry::ApprovalRuled(ruling));
    assert!(matches!(reply, Reply::Ruled { .. }), "{reply:?}");
}

async fn next(received: &mut mpsc::UnboundedReceiver<Received>) -> (HeaderMap, Value, String) {
    let next = tokio::time::timeout(Duration::from_secs(10), received.recv()).await;
    let (headers, body) = next.expect("in time").expect("a message");
    let value = serde_json::from_str(&body).expect("JSON");
    (headers, value, body)
}

#[track_caller]
fn check_signature(headers: &HeaderMap, body: &str) {
    let text = |name: &str| headers[name].to_str().expect("text").to_owned();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret());
    let signed = format!("{}.{body}", text(TIMESTAMP_HEADER));
    let code: String =
        hmac::sign(&key, signed.as_bytes()).as_ref().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(text(SIGNATURE_HEADER), format!("v1={code}"));
}

#[tokio::test]
async fn a_request_and_its_outcome_are_told_signed_and_without_the_text() {
    let (url, mut received) = Server::start(&[]).await;
    let world = world(vec![options(&url, HookKind::Json)], true).await;
    let id = ask(&world, 1, 2);
    let (headers, told, body) = next(&mut received).await;
    check_signature(&headers, &body);
    assert_eq!(told["event"], "approval.requested");
    assert_eq!((&told["id"], &told["cluster"]), (&Value::from(id.0), &Value::from("test")));
    assert_eq!(
        (&told["person"], &told["target"], &told["login"]),
        (&Value::from("alice"), &Value::from("web-1"), &Value::from("deploy"),)
    );
    assert_eq!(told["rules"], serde_json::json!(["eyes"]));
    assert_eq!(told["link"], format!("https://gw-1:8443/v1/approvals/{id}"));
    assert!(told.get("text").is_none() && !body.contains("echo"), "{body}");
    // The first of two who must agree is no outcome.
    rule(&world, id, "bob", Ruling::Approve);
    rule(&world, id, "carol", Ruling::Approve);
    let (headers, told, body) = next(&mut received).await;
    check_signature(&headers, &body);
    assert_eq!((&told["event"], &told["by"]), (&"approval.approved".into(), &"carol".into()));
    assert!(!body.contains("a reason"), "{body}");
    let denied = ask(&world, 2, 1);
    next(&mut received).await;
    rule(&world, denied, "bob", Ruling::Deny);
    let (_, told, _) = next(&mut received).await;
    assert_eq!((&told["event"], &told["id"]), (&"approval.denied".into(), &denied.0.into()));
    let expired = ask(&world, 3, 1);
    next(&mut received).await;
    // The two that were approved and not used end with it.
    world.control.pass(Duration::from_secs(901));
    let (_, told, _) = next(&mut received).await;
    assert_eq!(told["event"], "approval.expired");
    assert!([id.0, expired.0].contains(&told["id"].as_u64().expect("an id")));
}

#[tokio::test]
async fn what_is_sent_again_has_the_same_id_and_a_new_signature() {
    let failing = [StatusCode::INTERNAL_SERVER_ERROR, StatusCode::TOO_MANY_REQUESTS];
    let (url, mut received) = Server::start(&failing).await;
    let world = world(vec![options(&url, HookKind::Json)], true).await;
    ask(&world, 1, 1);
    let mut deliveries = Vec::new();
    for _ in 0..3 {
        let (headers, _, body) = next(&mut received).await;
        check_signature(&headers, &body);
        deliveries.push(headers["sallyport-delivery"].to_str().expect("text").to_owned());
    }
    assert!(deliveries.iter().all(|delivery| *delivery == deliveries[0]), "{deliveries:?}");
    ask(&world, 2, 1);
    let (headers, _, _) = next(&mut received).await;
    assert_ne!(headers["sallyport-delivery"], deliveries[0].as_str(), "it goes on in order");
}

#[tokio::test]
async fn what_is_refused_is_dropped_and_the_next_is_sent() {
    let (url, mut received) = Server::start(&[StatusCode::FORBIDDEN]).await;
    let world = world(vec![options(&url, HookKind::Json)], true).await;
    let first = ask(&world, 1, 1);
    let second = ask(&world, 2, 1);
    let ids =
        [next(&mut received).await.1["id"].clone(), next(&mut received).await.1["id"].clone()];
    assert_eq!(ids, [Value::from(first.0), Value::from(second.0)]);
}

#[tokio::test]
async fn a_server_that_is_down_holds_nobody_up() {
    // Nothing listens on port 1 of loopback.
    let down = options("http://127.0.0.1:1/", HookKind::Json);
    let (url, mut received) = Server::start(&[]).await;
    let world = world(vec![down, options(&url, HookKind::Json)], true).await;
    for command in 1..=20 {
        let id = ask(&world, command, 1);
        assert_eq!(next(&mut received).await.1["id"], id.0);
    }
}

#[tokio::test]
async fn only_the_leader_sends() {
    let (url, mut received) = Server::start(&[]).await;
    let world = world(vec![options(&url, HookKind::Json)], false).await;
    ask(&world, 1, 1);
    let nothing = tokio::time::timeout(Duration::from_millis(300), received.recv()).await;
    assert!(nothing.is_err(), "a follower sent {nothing:?}");
    world.members.leads.store(true, Ordering::Relaxed);
    let second = ask(&world, 2, 1);
    assert_eq!(next(&mut received).await.1["id"], second.0, "from now on, not what was before");
}

#[tokio::test]
async fn slack_and_teams_get_their_shapes_and_nothing_that_acts() {
    let (slack_url, mut slack) = Server::start(&[]).await;
    let (teams_url, mut teams) = Server::start(&[]).await;
    let with_text = |url: &str, kind| HookOptions { include_text: true, ..options(url, kind) };
    let hooks =
        vec![with_text(&slack_url, HookKind::Slack), with_text(&teams_url, HookKind::Teams)];
    let world = world(hooks, true).await;
    let id = ask(&world, 1, 1);
    let (_, told, _) = next(&mut slack).await;
    let expires = world.api.given.control.views().borrow().applied;
    assert!(expires > 0);
    let text = told["text"].as_str().expect("a text");
    let expected = [
        format!("*Approval {id}: alice asks for a command for deploy@web-1*"),
        "Rules: eyes".to_owned(),
        "```echo &lt;!here&gt; ` ` `&amp;` ` ` [x](y)```".to_owned(),
    ];
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[..3], expected);
    assert!(
        lines[3].ends_with(&format!("`sallyport approvals approve {id} --reason …`")),
        "{text}"
    );
    assert_eq!(lines[4], format!("<https://gw-1:8443/v1/approvals/{id}|{id} in test>"));
    let (_, told, _) = next(&mut teams).await;
    let card = &told["attachments"][0];
    assert_eq!(card["contentType"], "application/vnd.microsoft.card.adaptive");
    let blocks = &card["content"]["body"];
    let headline = format!("Approval {id}: alice asks for a command for deploy@web-1");
    assert_eq!(blocks[0]["text"], headline);
    assert_eq!(blocks[2]["text"], "echo \\<!here\\> \\`\\`\\`&\\`\\`\\` \\[x\\]\\(y\\)");
    assert_eq!(
        card["content"]["actions"][0]["url"],
        format!("https://gw-1:8443/v1/approvals/{id}")
    );
}

#[test]
fn hooks_that_cannot_be() {
    let refused = |url: &str| Hook::new(options(url, HookKind::Json)).err().is_some();
    for url in ["http://chat.example.com/", "ftp://127.0.0.1/", "chat", "", "http://127.0.0.2/"] {
        assert!(refused(url), "{url}");
    }
    for url in ["https://chat.example.com/x", "http://localhost:1/", "http://[::1]:1/"] {
        assert!(!refused(url), "{url}");
    }
    let short = HookOptions {
        secret: Zeroizing::new(vec![1; 15]),
        ..options("https://chat.example.com/x", HookKind::Json)
    };
    assert!(matches!(Hook::new(short).err(), Some(HookError::Secret)));
    let hook =
        Hook::new(options("https://chat.example.com/path-that-is-a-secret", HookKind::Slack));
    assert!(!format!("{hook:?}").contains("path"));
}
