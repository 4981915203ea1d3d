//! Locks: set, listed, lifted, and what a person who is locked out may still do.

use node_session::ControlError;
use serde_json::{Value, json};

use super::world::{World, name, person_who_may};

fn lock(what: Value) -> Option<Value> {
    Some(json!({ "lock": what, "reason": "lost laptop" }))
}

#[tokio::test]
async fn set_listed_and_lifted() {
    let world = World::new().await;
    let operator = world.token(&person_who_may("lock"));
    let before = world.events().len();
    let body = json!({ "lock": { "person": "nothing" }, "for_seconds": 3600, "reason": "lost" });
    let (status, row) = world.json("POST", "/v1/locks", &operator, Some(body)).await;
    assert_eq!((status, &row["scope"]), (200, &json!("person nothing")));
    assert_eq!((&row["by"], &row["reason"]), (&json!("may-lock"), &json!("lost")));
    assert!(row["until"].is_string());
    for what in [json!({ "target": "web-1" }), json!({ "node": "gw-1" }), json!("all")] {
        let (status, row) = world.json("POST", "/v1/locks", &operator, lock(what)).await;
        assert_eq!((status, &row["until"]), (200, &Value::Null), "until it is lifted");
    }
    let (_, page) = world.json("GET", "/v1/locks", &operator, None).await;
    let scopes: Vec<_> =
        page["items"].as_array().expect("rows").iter().map(|row| row["scope"].clone()).collect();
    assert_eq!(scopes, ["person nothing", "target web-1", "node gw-1", "everything"]);
    let lift = format!("/v1/locks/{}/lift", row["id"]);
    let (status, lifted) =
        world.json("POST", &lift, &operator, Some(json!({ "reason": "found" }))).await;
    assert_eq!((status, &lifted["id"]), (200, &row["id"]));
    let again = world.refused("POST", &lift, &operator, Some(json!({ "reason": "found" }))).await;
    assert_eq!(again, (404, "SP-1503".to_owned()));
    let events = world.events();
    let named: Vec<_> = events[before..].iter().map(|event| event.name.as_str()).collect();
    assert_eq!(named, ["lock.set", "lock.set", "lock.set", "lock.set", "lock.lifted"]);
}

#[tokio::test]
async fn what_is_no_lock() {
    let world = World::new().await;
    let admin = &world.admin;
    let cases = [
        (lock(json!({ "person": "ghost" })), 404, "SP-1503"),
        (lock(json!({ "target": "web-9" })), 404, "SP-1503"),
        (lock(json!({ "node": "gw-9" })), 404, "SP-1503"),
        (lock(json!({ "group": "engineering" })), 400, "SP-1504"),
        (lock(json!({ "person": "../.." })), 400, "SP-1504"),
        (lock(json!({ "person": "nothing", "target": "web-1" })), 400, "SP-1504"),
        (Some(json!({ "lock": "all", "reason": "" })), 400, "SP-1504"),
        (Some(json!({ "lock": "all" })), 400, "SP-1504"),
        (Some(json!({ "lock": "all", "reason": "x", "for_seconds": 0 })), 400, "SP-1504"),
        (Some(json!({ "lock": "all", "reason": "x", "for_seconds": u64::MAX })), 400, "SP-1504"),
    ];
    for (body, status, code) in cases {
        let shown = format!("{body:?}");
        let refused = world.refused("POST", "/v1/locks", admin, body).await;
        assert_eq!(refused, (status, code.to_owned()), "{shown}");
    }
    world.control.fail(Some(ControlError::NoQuorum));
    let refused = world.refused("POST", "/v1/locks", admin, lock(json!("all"))).await;
    assert_eq!(refused, (503, "SP-1508".to_owned()));
}

#[tokio::test]
async fn who_is_locked_out_sees_who_they_are_and_nothing_more() {
    let world = World::new().await;
    let locked = world.token(&person_who_may("sessions"));
    let body = lock(json!({ "person": "may-sessions" }));
    let (_, row) = world.json("POST", "/v1/locks", &world.admin, body).await;
    let before = world.events().len();
    for path in ["/v1/sessions", "/v1/approvals", "/v1/approvals/watch"] {
        let refused = world.refused("GET", path, &locked, None).await;
        assert_eq!(refused, (403, "SP-1007".to_owned()), "{path}");
    }
    assert_eq!(world.recorded_since(before), ["admin.denied by may-sessions"; 3]);
    assert_eq!(world.json("GET", "/v1/whoami", &locked, None).await.0, 200);
    assert_eq!(world.json("GET", "/v1/health", &locked, None).await.0, 200);
    let other = world.token(&person_who_may("export"));
    assert_eq!(world.ask("GET", "/v1/events", Some(&other), None).await.0, 200);
    // Nobody lifts the lock that is on themselves; on everything, whoever may lock does.
    let body = lock(json!({ "person": "may-lock" }));
    let (_, own) = world.json("POST", "/v1/locks", &world.admin, body).await;
    let operator = world.token(&person_who_may("lock"));
    let lift = |row: &Value| format!("/v1/locks/{}/lift", row["id"]);
    let reason = || Some(json!({ "reason": "found" }));
    let refused = world.refused("POST", &lift(&own), &operator, reason()).await;
    assert_eq!(refused, (403, "SP-1007".to_owned()));
    world.json("POST", &lift(&own), &world.admin, reason()).await;
    let (_, all) = world.json("POST", "/v1/locks", &operator, lock(json!("all"))).await;
    assert_eq!(world.json("POST", &lift(&all), &operator, reason()).await.0, 200);
    assert_eq!(world.json("POST", &lift(&row), &operator, reason()).await.0, 200);
    assert_eq!(world.json("GET", "/v1/sessions", &locked, None).await.0, 200);
}

#[tokio::test]
async fn an_administrator_is_no_person_to_lock_out() {
    let world = World::new().await;
    let body = lock(json!({ "person": "administrator" }));
    let refused = world.refused("POST", "/v1/locks", &world.admin, body).await;
    assert_eq!(refused, (404, "SP-1503".to_owned()));
    assert_eq!(world.json("GET", "/v1/locks", &world.token(&name("nothing")), None).await.0, 403);
}
