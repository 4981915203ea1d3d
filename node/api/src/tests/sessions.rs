//! Sessions: pages, filters, one of them, its events.

use http::StatusCode;
use proto::api::{Page, SessionListed};
use proto::event::{About, Actor, Kind, SessionClosed, SessionOpened, TargetAsWas};
use proto::ids::{Epoch, SessionId};
use proto::reading::Channel;
use proto::target::TargetKind;
use store_views::SessionRow;

use super::world::{World, name};

fn about(session: &SessionId, seq: u64, person: &str) -> About {
    About {
        session: Some(session.clone()),
        session_seq: Some(seq),
        actor: Some(Actor {
            person: name(person),
            issuer: "file".to_owned(),
            groups: Vec::new(),
            from: None,
            credential: None,
        }),
        target: Some(TargetAsWas {
            name: name("web-1"),
            kind: TargetKind::Ssh,
            labels: Default::default(),
            login: "deploy".to_owned(),
        }),
        policy: None,
    }
}

async fn session(world: &World, count: u64, person: &str, closed: bool) -> SessionId {
    let id = SessionId::new(&name("gw-1"), Epoch(1), count);
    let (channel, grant) = (Channel::Exec, "staging".to_owned());
    let opened = Kind::SessionOpened(SessionOpened { channel, grant, connection: 1 });
    world.record(about(&id, 1, person), opened).await;
    if closed {
        let reason = "finished".to_owned();
        let closed = SessionClosed { reason, duration_ms: 5, commands: 0, sealed: None };
        world.record(about(&id, 2, person), Kind::SessionClosed(closed)).await;
    }
    id
}

async fn list(world: &World, query: &str) -> (Vec<String>, Option<String>) {
    let path = format!("/v1/sessions?{query}");
    let (status, body) = world.ask("GET", &path, Some(&world.admin), None).await;
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
    let page: Page<SessionListed> = serde_json::from_slice(&body).expect("a page");
    (page.items.iter().map(|row| row.id.to_string()).collect(), page.next)
}

#[tokio::test]
async fn lists_are_oldest_first_in_pages() {
    let world = World::new().await;
    for count in 1..=5 {
        session(&world, count, if count == 2 { "bob" } else { "alice" }, count != 4).await;
    }
    let ids = |counts: &[u64]| -> Vec<String> {
        counts.iter().map(|count| format!("gw-1-1-{count}")).collect()
    };
    assert_eq!(list(&world, "").await, (ids(&[1, 2, 3, 4, 5]), None));
    let (first, next) = list(&world, "limit=2").await;
    let next = next.expect("more");
    let (second, last) = list(&world, &format!("limit=2&after={next}")).await;
    let last = last.expect("more");
    assert_eq!((first, second), (ids(&[1, 2]), ids(&[3, 4])));
    assert_eq!(list(&world, &format!("limit=2&after={last}")).await, (ids(&[5]), None));
    assert_eq!(list(&world, "person=bob").await.0, ids(&[2]));
    assert_eq!(list(&world, "state=open").await.0, ids(&[4]));
    assert_eq!(list(&world, "state=closed").await.0, ids(&[1, 2, 3, 5]));
    assert_eq!(list(&world, "from=2999-01-01T00:00:00Z").await.0, ids(&[]));
    for wrong in ["state=ajar", "after=gw-1-1-9", "limit=x", "what=ever"] {
        let path = format!("/v1/sessions?{wrong}");
        let (status, _) = world.ask("GET", &path, Some(&world.admin), None).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn a_replay_is_recorded_before_it_is_given() {
    let world = World::new().await;
    let id = session(&world, 1, "alice", true).await;
    session(&world, 2, "bob", true).await;
    let before = world.events().len();
    let path = format!("/v1/sessions/{id}/events");
    let (status, body) = world.ask("GET", &path, Some(&world.admin), None).await;
    assert_eq!(status, StatusCode::OK);
    let events: Vec<_> =
        body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    assert_eq!(events.len(), 2, "its own events and no others");
    assert_eq!(world.recorded_since(before), ["replay.viewed by administrator"]);
    let (status, body) =
        world.ask("GET", &format!("/v1/sessions/{id}"), Some(&world.admin), None).await;
    assert_eq!(status, StatusCode::OK);
    let row: SessionRow = serde_json::from_slice(&body).expect("a row");
    assert_eq!(row.id, id);
}
