//! The cluster: how it is shown, and what is done to it.

use std::time::Duration;

use node_session::seal::backup::BackupKey;
use proto::api::{ClusterProblem, ClusterStatus, JoinTokenGiven, NodePresence, NodeRole};
use proto::entry::{Entry, NodeEpoch};
use proto::ids::Epoch;
use proto::refusal::{Code, Told};
use serde_json::json;

use super::world::{Said, World, name, person_who_may};
use crate::ports::Agreement;

async fn status(world: &World) -> ClusterStatus {
    let operator = world.token(&person_who_may("cluster"));
    let (status, shown) = world.json("GET", "/v1/cluster/status", &operator, None).await;
    assert_eq!(status, 200, "{shown}");
    serde_json::from_value(shown).expect("a status")
}

#[tokio::test]
async fn nodes_and_what_they_do() {
    let world = World::new().await;
    world.control.join(&name("gw-2"));
    world.control.join(&name("gw-33"));
    world.open("gw-2", 1, &name("nothing"));
    *world.members.agreement.lock() = Agreement {
        leader: Some(name("gw-1")),
        term: 7,
        voters: [name("gw-1"), name("gw-2")].into(),
        learners: [name("gw-33")].into(),
        heard_ms: [(name("gw-2"), 40)].into(),
        behind: [(name("gw-33"), 900)].into(),
        problems: Vec::new(),
    };
    let shown = status(&world).await;
    assert_eq!(
        (shown.id, shown.node, shown.leader),
        (name("test"), name("gw-1"), Some(name("gw-1")))
    );
    assert_eq!((shown.term, shown.cluster_version, shown.contact_ms), (7, 1, 15_000));
    assert!(shown.has_contact && shown.contact_age_ms < 15_000);
    assert_eq!((shown.open_sessions, shown.locks, shown.open_approvals), (1, 0, 0));
    assert_eq!((shown.ledger.count, shown.policy_revision), (0, 1));
    assert_eq!(shown.problems, []);
    let nodes: Vec<_> = shown
        .nodes
        .iter()
        .map(|row| (row.id.as_str(), row.role, row.presence, row.heard_ms, row.behind))
        .collect();
    assert_eq!(
        nodes,
        [
            ("gw-1", NodeRole::Leader, NodePresence::Up, None, None),
            ("gw-2", NodeRole::Voter, NodePresence::Up, Some(40), None),
            ("gw-33", NodeRole::Learner, NodePresence::Up, None, Some(900)),
        ]
    );
    assert_eq!(shown.nodes[1].api_address, "gw-2:8443");
}

#[tokio::test]
async fn what_is_wrong_is_said_with_a_code() {
    // What the node says of itself as a whole and of its replica is one problem, not two.
    let troubles =
        [Code::RecordFull, Code::LogDamaged, Code::ContactLost].map(Told::plain).to_vec();
    let world = World::with(Said { troubles, ..Said::default() }).await;
    world.control.join(&name("gw-2"));
    let lost = NodeEpoch { node: name("gw-2"), epoch: Epoch(1) };
    world.control.enter(Entry::NodeLost(lost));
    let off = ClusterProblem { node: name("gw-3"), told: Told::plain(Code::ClockOff) };
    let damaged = ClusterProblem { node: name("gw-1"), told: Told::plain(Code::LogDamaged) };
    let elsewhere = ClusterProblem { node: name("gw-3"), told: Told::plain(Code::LogDamaged) };
    world.members.agreement.lock().problems.extend([off, damaged, elsewhere]);
    world.control.contact_was(Duration::ZERO);
    let shown = status(&world).await;
    let problems: Vec<_> = shown
        .problems
        .iter()
        .map(|problem| (problem.node.as_str().to_owned(), problem.told.code))
        .collect();
    assert_eq!(
        problems,
        [
            ("gw-1".to_owned(), Code::RecordFull),
            ("gw-1".to_owned(), Code::LogDamaged),
            ("gw-1".to_owned(), Code::ContactLost),
            ("gw-3".to_owned(), Code::ClockOff),
            ("gw-3".to_owned(), Code::LogDamaged),
            ("gw-2".to_owned(), Code::PeerUnreachable),
        ]
    );
    assert!(!shown.has_contact);
    assert_eq!(shown.nodes[1].presence, NodePresence::Lost);
}

#[tokio::test]
async fn joining_and_leaving() {
    let world = World::new().await;
    let operator = world.token(&person_who_may("cluster"));
    let post = async |path: &str| world.json("POST", path, &operator, Some(json!({}))).await;
    let (status, given) = post("/v1/cluster/join-token").await;
    let given: JoinTokenGiven = serde_json::from_value(given).expect("a token");
    assert_eq!((status, given.join_file.as_str()), (200, "made by may-cluster\n"));
    assert!(!format!("{given:?}").contains("made by"));
    world.control.join(&name("gw-2"));
    let (status, row) = post("/v1/cluster/nodes/gw-2/remove").await;
    assert_eq!((status, &row["id"]), (200, &json!("gw-2")));
    assert_eq!(*world.members.removed.lock(), ["gw-2 by may-cluster"]);
    for nobody in ["gw-9", "..", "a b"] {
        let path = format!("/v1/cluster/nodes/{}/remove", nobody.replace(' ', "%20"));
        assert_eq!(post(&path).await.0, 404, "{nobody}");
    }
    assert_eq!(world.members.removed.lock().len(), 1);
}

#[tokio::test]
async fn a_backup_is_recorded_and_opens_with_its_key() {
    let world = World::new().await;
    let key = BackupKey::fresh();
    let body = json!({ "recipient": key.recipient().to_string() });
    let before = world.events().len();
    let (status, backup) =
        world.ask("POST", "/v1/cluster/backup", Some(&world.admin), Some(body)).await;
    assert_eq!(status, 200);
    assert_eq!(key.open(&backup).expect("it opens").as_slice(), b"everything");
    let events = world.events();
    let Some(proto::event::Kind::BackupTaken(taken)) = &events[before].kind else {
        panic!("{:?}", events[before].name);
    };
    assert_eq!(taken.recipient, key.recipient().digest());
    for recipient in ["", "AAAA", "not a key"] {
        let body = Some(json!({ "recipient": recipient }));
        let refused = world.refused("POST", "/v1/cluster/backup", &world.admin, body).await;
        assert_eq!(refused, (400, "SP-1504".to_owned()), "{recipient:?}");
    }
}
