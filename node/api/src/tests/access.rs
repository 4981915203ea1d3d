//! Every endpoint for every kind of caller. The table says it once more than the code does, so that
//! a change of who may what is a change of two places.

use http::StatusCode;
use node_enforce::policy::Permission;
use proto::refusal::Told;
use serde_json::json;

use super::world::{World, name, no_digest, person_who_may};
use crate::endpoint::ENDPOINTS;

/// Endpoint · who passes: `public`, `person`, or permissions · the status of who passes.
const TABLE: &[(&str, &str, u16)] = &[
    ("GET /v1/health", "public", 200),
    ("GET /metrics", "cluster", 200),
    ("GET /openapi.json", "public", 200),
    ("POST /v1/login/challenge", "public", 200),
    ("POST /v1/login/ssh", "public", 400),
    ("POST /v1/login/password", "public", 400),
    ("POST /v1/logout", "person", 200),
    ("POST /v1/credentials/database", "person", 200),
    ("GET /v1/whoami", "person", 200),
    ("GET /v1/sessions", "sessions", 200),
    ("GET /v1/sessions/{id}", "sessions", 404),
    ("GET /v1/sessions/{id}/events", "replay", 404),
    ("GET /v1/events", "export", 200),
    ("GET /v1/chains/{chain}/events", "export", 404),
    ("GET /v1/seals", "cluster export", 200),
    ("GET /v1/sessions/{id}/watch", "replay", 404),
    ("POST /v1/sessions/{id}/kill", "kill", 400),
    ("GET /v1/policy", "policy export", 200),
    ("POST /v1/policy", "policy", 400),
    ("GET /v1/policy/revisions", "policy export", 200),
    ("GET /v1/policy/revisions/{revision}", "policy export", 200),
    ("POST /v1/policy/rollback", "policy", 400),
    ("GET /v1/policy/{digest}", "policy export", 404),
    ("GET /v1/approvals", "person", 200),
    ("GET /v1/approvals/watch", "person", 200),
    ("GET /v1/approvals/{id}", "person", 404),
    ("POST /v1/approvals/{id}/ruling", "person", 400),
    ("POST /v1/approvals/{id}/revoke", "person", 400),
    ("GET /v1/locks", "lock", 200),
    ("POST /v1/locks", "lock", 400),
    ("POST /v1/locks/{id}/lift", "lock", 400),
    ("GET /v1/people", "people", 200),
    ("POST /v1/people", "people", 400),
    ("POST /v1/people/{name}/remove", "people", 404),
    ("GET /v1/targets", "targets", 200),
    ("POST /v1/targets", "targets", 400),
    ("POST /v1/targets/{name}/remove", "targets", 404),
    ("GET /v1/cluster/status", "cluster", 200),
    ("POST /v1/cluster/join-token", "cluster", 200),
    ("POST /v1/cluster/nodes/{name}/remove", "cluster", 404),
    ("POST /v1/cluster/backup", "cluster", 400),
    ("GET /v1/journal/status", "cluster", 200),
    ("GET /v1/views/status", "cluster", 200),
    ("POST /v1/views/rebuild", "cluster", 400),
];

#[tokio::test]
async fn every_endpoint_for_every_caller() {
    let listed: Vec<_> = ENDPOINTS.iter().map(|endpoint| endpoint.name()).collect();
    let tabled: Vec<_> = TABLE.iter().map(|(endpoint, _, _)| (*endpoint).to_owned()).collect();
    assert_eq!(tabled, listed, "the table must name every endpoint");
    for (endpoint, passes, status) in TABLE {
        // A world for each: a logout ends tokens.
        let world = World::new().await;
        check(&world, endpoint, "nobody", None, *passes == "public", *status, 401).await;
        check(
            &world,
            endpoint,
            "stranger",
            Some("spt_no-such-token"),
            *passes == "public",
            *status,
            401,
        )
        .await;
        let admin = world.admin.clone();
        // What is for people alone, the administrator is let ask, and told so.
        let passed = if endpoint.ends_with("/credentials/database") { 400 } else { *status };
        check(&world, endpoint, "administrator", Some(&admin), true, passed, 403).await;
        let token = world.token(&name("nothing"));
        let anybody = matches!(*passes, "public" | "person");
        check(&world, endpoint, "a person without a role", Some(&token), anybody, *status, 403)
            .await;
        for (word, _) in Permission::ALL {
            let token = world.token(&person_who_may(word));
            let through = anybody || passes.split(' ').any(|permission| permission == *word);
            check(&world, endpoint, word, Some(&token), through, *status, 403).await;
        }
    }
}

async fn check(
    world: &World,
    endpoint: &str,
    caller: &str,
    token: Option<&str>,
    through: bool,
    passed: u16,
    denied: u16,
) {
    let (method, path) = endpoint.split_once(' ').expect("method and path");
    let id = if path.starts_with("/v1/sessions") { "gw-1-1-1" } else { "7" };
    let path = path.replace("{id}", id).replace("{digest}", &no_digest());
    let path = path.replace("{revision}", "1").replace("{name}", "ghost");
    if path == "/v1/approvals/watch" {
        // A stream ends when its node does.
        world.api.given.stop.cancel();
    }
    let before = world.events().len();
    let body = (method == "POST").then(|| json!({}));
    let (status, body) = world.ask(method, &path, token, body).await;
    let expected = if through { passed } else { denied };
    let text = String::from_utf8_lossy(&body).into_owned();
    assert_eq!(status.as_u16(), expected, "{endpoint} for {caller}: {text}");
    if status.is_client_error() {
        let told: Result<Told, _> = serde_json::from_slice(&body);
        assert!(told.is_ok(), "{endpoint} for {caller}: no code in {text}");
    }
    let denials: Vec<_> = world
        .recorded_since(before)
        .into_iter()
        .filter(|event| event.starts_with("admin.denied"))
        .collect();
    let recorded = usize::from(status == StatusCode::FORBIDDEN);
    assert_eq!(denials.len(), recorded, "{endpoint} for {caller}: {denials:?}");
}

#[tokio::test]
async fn what_is_not_in_the_table_is_not_found() {
    let world = World::new().await;
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/v1/people/alice"),
        ("DELETE", "/v1/people"),
        ("DELETE", "/v1/policy"),
        ("GET", "/v1/policy/rollback"),
        ("POST", "/v1/policy/revisions"),
        ("POST", "/v1/sessions/gw-1-1-1/watch"),
        ("PUT", "/v1/health"),
        ("GET", "/v1/sessions/../people"),
    ] {
        let (status, _) = world.ask(method, path, Some(&world.admin), None).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{method} {path}");
    }
}

#[tokio::test]
async fn nothing_is_denied_without_a_record_of_it() {
    let world = World::new().await;
    let token = world.token(&name("nothing"));
    let before = world.events().len();
    let (status, _) = world.ask("GET", "/v1/people", Some(&token), None).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(world.recorded_since(before), ["admin.denied by nothing"]);
}

#[tokio::test]
async fn a_health_that_is_red_says_why() {
    let told = Told::plain(proto::refusal::Code::RecordFull);
    let world =
        World::with(super::world::Said { troubles: vec![told.clone()], ..Default::default() })
            .await;
    let (status, body) = world.ask("GET", "/v1/health", None, None).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let health: proto::api::Health = serde_json::from_slice(&body).expect("a health");
    assert_eq!((health.healthy, health.reasons), (false, vec![told]));
}
