//! Sessions of a node that is gone: listed, shown and replayed from its chain, as something else
//! keeps it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use node_session::Boxed;
use parking_lot::Mutex;
use proto::api::{Page, SessionListed};
use proto::event::Event;
use proto::ids::{Chain, Name};
use proto::refusal::{Code, Told};
use store_views::conformance::record;
use store_views::{CommandState, SessionRow};

use super::world::{Said, World, name};
use crate::foreign::fold;
use crate::ports::Chains;

/// Chains that something keeps.
#[derive(Default)]
struct Kept {
    chains: BTreeMap<Name, Vec<Bytes>>,
    /// From this place on nothing is given any more.
    ends_at: Mutex<Option<u64>>,
}

impl Chains for Kept {
    fn read<'a>(
        &'a self,
        chain: &'a Chain,
        from: u64,
        limit: usize,
    ) -> Boxed<'a, Result<Vec<Bytes>, Told>> {
        let broken = self.ends_at.lock().is_some_and(|end| from >= end);
        let read = if broken {
            Err(Told::plain(Code::PeerUnreachable))
        } else {
            let skipped = usize::try_from(from - 1).expect("small");
            let Chain::Node(node) = chain else {
                return Box::pin(std::future::ready(Ok(Vec::new())));
            };
            let chain = self.chains.get(node).into_iter().flatten();
            // Fewer than are asked for, so that a replay needs several.
            Ok(chain.skip(skipped).take(limit.min(50)).cloned().collect())
        };
        Box::pin(std::future::ready(read))
    }
}

/// A world that knows `gw-2`, which is gone, and its chain of so many sessions.
async fn world(sessions: u64) -> (World, Arc<Kept>) {
    let mut chains: BTreeMap<Name, Vec<Bytes>> = BTreeMap::new();
    let record = record(sessions);
    for (delivered, bytes) in record.events.iter().zip(record.bytes) {
        if let Ok(node) = delivered.event.id.chain.to_string().parse::<Name>() {
            chains.entry(node).or_default().push(bytes.into());
        }
    }
    let kept = Arc::new(Kept { chains, ..Kept::default() });
    let world = World::with(Said { chains: Some(kept.clone()), ..Said::default() }).await;
    world.control.join(&name("gw-2"));
    let views = &world.api.given.views;
    let length = kept.chains[&name("gw-2")].len() as u64;
    // What is kept may be read in the background as well.
    while views.reached(&name("gw-2")).expect("views") < length {
        fold(views, &*kept, &name("gw-2")).await.expect("it is kept");
    }
    (world, kept)
}

#[tokio::test]
async fn sessions_of_a_node_that_is_gone_are_there() {
    let (world, kept) = world(12).await;
    let (status, body) = world.ask("GET", "/v1/sessions", Some(&world.admin), None).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let page: Page<SessionListed> = serde_json::from_slice(&body).expect("a page");
    let ids: Vec<_> = page.items.iter().map(|row| row.id.to_string()).collect();
    assert_eq!(ids, ["gw-2-1-3", "gw-2-1-6", "gw-2-1-9", "gw-2-1-12"]);

    let (status, body) = world.ask("GET", "/v1/sessions/gw-2-1-3", Some(&world.admin), None).await;
    assert_eq!(status, 200);
    let row: SessionRow = serde_json::from_slice(&body).expect("a row");
    assert_eq!(row.commands.len(), 2);
    assert_eq!(row.commands[0].state, CommandState::Finished);

    let before = world.events().len();
    let path = "/v1/sessions/gw-2-1-3/events";
    let (status, body) = world.ask("GET", path, Some(&world.admin), None).await;
    assert_eq!(status, 200);
    let of_session = |bytes: &&Bytes| {
        let event = Event::read(bytes).expect("an event");
        event.about.session.is_some_and(|session| session.as_str() == "gw-2-1-3")
    };
    let expected: Vec<_> =
        kept.chains[&name("gw-2")].iter().filter(of_session).map(|bytes| bytes.to_vec()).collect();
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    assert_eq!(lines.collect::<Vec<_>>(), expected, "its exact bytes");
    assert_eq!(world.recorded_since(before), ["replay.viewed by administrator"]);

    let path = "/v1/sessions/gw-2-1-99/events";
    assert_eq!(world.refused("GET", path, &world.admin, None).await.0, 404);
}

/// A chain is folded under its own name alone, and this node's own comes from its record alone.
#[tokio::test]
async fn what_is_kept_under_another_name_is_not_believed() {
    let (world, kept) = world(3).await;
    let views = &world.api.given.views;
    let own = &kept.chains[&name("gw-1")];
    assert_eq!(views.fold_foreign(own).expect("views"), 0);
    assert_eq!(views.sessions(false, 10).expect("views"), []);
}

/// What cannot be read breaks the answer off: it does not look whole.
#[tokio::test]
async fn a_replay_that_breaks_off_says_so() {
    let (world, kept) = world(60).await;
    let views = &world.api.given.views;
    let id = proto::ids::SessionId::from_text("gw-2-1-18");
    let (_, from, _) = views.place(&id).expect("views").expect("it is there");
    *kept.ends_at.lock() = Some(from);
    let path = "/v1/sessions/gw-2-1-18/events";
    let response = world.send("GET", path, Some(&world.admin), None).await;
    assert_eq!(response.status(), 200);
    let whole = response.into_body().collect().await;
    assert!(whole.is_err(), "it broke off");
}

/// The lines of an answer.
fn lines(body: &[u8]) -> Vec<&[u8]> {
    body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect()
}

#[tokio::test]
async fn a_chain_is_exported_and_that_is_recorded() {
    let (world, kept) = world(60).await;
    let chain: Vec<&[u8]> = kept.chains[&name("gw-2")].iter().map(|bytes| &bytes[..]).collect();
    for (query, expected) in [
        ("", &chain[..]),
        ("?first=3&last=5", &chain[2..5]),
        ("?first=60", &chain[59..]),
        ("?last=1", &chain[..1]),
    ] {
        let before = world.events().len();
        let path = format!("/v1/chains/gw-2/events{query}");
        let (status, body) = world.ask("GET", &path, Some(&world.admin), None).await;
        assert_eq!(status, 200, "{query}");
        assert_eq!(lines(&body), expected, "{query}");
        assert_eq!(world.recorded_since(before), ["audit.exported by administrator"]);
    }
    for path in ["/v1/chains/gw-9/events", "/v1/chains/gw-2/events?first=9999"] {
        assert_eq!(world.refused("GET", path, &world.admin, None).await.0, 404, "{path}");
    }
    // What was asked for and is not there breaks the answer off.
    let last = chain.len() + 1;
    let path = format!("/v1/chains/gw-2/events?last={last}");
    let response = world.send("GET", &path, Some(&world.admin), None).await;
    assert_eq!(response.status(), 200);
    assert!(response.into_body().collect().await.is_err(), "it broke off");
}
