//! Without a majority: what is refused, with which code, and what still works.

use std::time::Duration;

use node_session::ControlError;
use proto::refusal::{Code, Told};
use serde_json::json;

use super::control::CONTACT;
use super::world::{World, person_who_may, policy_set};

/// Changes, with a body that is right.
fn changes() -> Vec<(&'static str, serde_json::Value)> {
    vec![
        ("/v1/policy", json!({ "document": "version: 1\n" })),
        ("/v1/policy/rollback", json!({ "revision": 1 })),
        ("/v1/people", json!({ "document": "people: []\n" })),
        ("/v1/people/nothing/remove", json!({})),
        ("/v1/targets", json!({ "document": "targets: []\n" })),
        ("/v1/targets/web-1/remove", json!({})),
        ("/v1/locks", json!({ "lock": "all", "reason": "x" })),
    ]
}

#[tokio::test]
async fn changes_are_refused_with_what_still_works() {
    let world = World::new().await;
    world.control.fail(Some(ControlError::NoQuorum));
    world.control.proposed();
    for (path, body) in changes() {
        let (status, told) = world.json("POST", path, &world.admin, Some(body)).await;
        let code = Code::NoQuorum.to_string();
        assert_eq!((status, &told["code"]), (503, &json!(code)), "{path}");
        assert!(told["text"].as_str().expect("a text").contains("can still be read"), "{path}");
    }
    assert_eq!(world.control.proposed(), [] as [&str; 0]);
    for path in ["/v1/sessions", "/v1/policy", "/v1/people", "/v1/cluster/status", "/v1/locks"] {
        assert_eq!(world.json("GET", path, &world.admin, None).await.0, 200, "{path}");
    }
}

#[tokio::test]
async fn an_unknown_outcome_is_said_as_such() {
    let world = World::new().await;
    world.control.fail(Some(ControlError::Unknown));
    for (path, body) in changes() {
        let (status, told) = world.json("POST", path, &world.admin, Some(body)).await;
        let code = Code::OutcomeUnknown.to_string();
        assert_eq!((status, &told["code"]), (504, &json!(code)), "{path}");
        assert!(told["text"].as_str().expect("a text").contains("before you ask again"), "{path}");
    }
    world.control.fail(Some(ControlError::Unavailable("the disk is gone".to_owned())));
    for (path, body) in changes() {
        let refused = world.refused("POST", path, &world.admin, Some(body)).await;
        assert_eq!(refused, (503, Code::RecordUnavailable.to_string()), "{path}");
    }
    world.control.fail(Some(ControlError::TooLarge));
    let body = Some(json!({ "document": "people: []\n" }));
    let refused = world.refused("POST", "/v1/people", &world.admin, body).await;
    assert_eq!(refused, (400, Code::BadRequest.to_string()));
}

#[tokio::test]
async fn what_is_done_to_the_cluster_itself_says_the_same() {
    let world = World::new().await;
    world.control.join(&super::world::name("gw-2"));
    let recipient = node_session::seal::backup::BackupKey::fresh().recipient().to_string();
    let remedies = [
        (Code::NoQuorum, 503, "can still be read"),
        (Code::OutcomeUnknown, 504, "before you ask again"),
    ];
    for (code, expected, remedy) in remedies {
        *world.members.fails.lock() = Some(Told::plain(code));
        for (path, body) in [
            ("/v1/cluster/join-token", json!({})),
            ("/v1/cluster/nodes/gw-2/remove", json!({})),
            ("/v1/cluster/backup", json!({ "recipient": recipient })),
        ] {
            let (status, told) = world.json("POST", path, &world.admin, Some(body)).await;
            assert_eq!((status, &told["code"]), (expected, &json!(code.to_string())), "{path}");
            assert!(told["text"].as_str().expect("a text").contains(remedy), "{path}: {told}");
        }
    }
    assert_eq!(*world.members.removed.lock(), [] as [&str; 0]);
}

#[tokio::test]
async fn a_node_without_contact_does_not_know_what_a_person_may() {
    let world = World::new().await;
    let auditor = world.token(&person_who_may("sessions"));
    let read = async || world.json("GET", "/v1/sessions", &auditor, None).await;
    let now = world.api.given.clock.now().elapsed;
    world.control.contact_was(now.saturating_sub(CONTACT / 2));
    assert_eq!(read().await.0, 200);
    world.control.contact_was(now.saturating_sub(CONTACT + Duration::from_secs(1)));
    let (status, told) = read().await;
    assert_eq!((status, &told["code"]), (503, &json!(Code::ContactLost.to_string())));
    // What needs no role, what only ends something, and how the cluster is, stay.
    assert_eq!(world.json("GET", "/v1/approvals", &auditor, None).await.0, 200);
    let operator = world.token(&person_who_may("cluster"));
    let (status, shown) = world.json("GET", "/v1/cluster/status", &operator, None).await;
    assert_eq!((status, &shown["has_contact"]), (200, &json!(false)));
    let killer = world.token(&person_who_may("kill"));
    let body = Some(json!({ "reason": "x" }));
    let gone = world.refused("POST", "/v1/sessions/gw-1-1-9/kill", &killer, body).await;
    assert_eq!(gone, (404, Code::NotFound.to_string()));
    assert_eq!(world.json("GET", "/v1/sessions", &world.admin, None).await.0, 200);
}

#[tokio::test]
async fn whoever_changes_is_judged_by_what_the_majority_knows() {
    let world = World::new().await;
    let operator = world.token(&person_who_may("lock"));
    let body = || Some(json!({ "lock": "all", "reason": "x" }));
    // The role is gone, and this node has not heard of it yet.
    world.control.fall_behind(policy_set("version: 1\n"));
    let refused = world.refused("POST", "/v1/locks", &operator, body()).await;
    assert_eq!(refused, (403, Code::NotPermitted.to_string()));
    assert_eq!(world.control.proposed(), [] as [&str; 0]);
}

#[tokio::test]
async fn a_stranger_does_not_make_a_node_ask_the_others() {
    let world = World::new().await;
    world.control.fail(Some(ControlError::NoQuorum));
    let body = Some(json!({ "lock": "all", "reason": "x" }));
    let refused = world.refused("POST", "/v1/locks", "spt_made-up", body).await;
    assert_eq!(refused, (401, Code::NotAuthenticated.to_string()));
}
