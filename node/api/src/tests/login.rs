//! Logging in and out, and what the record says of it.

use http::StatusCode;
use node_identity::sign_challenge;
use proto::api::{Challenge, DatabaseCredential, LoggedIn, WhoAmI};
use proto::refusal::{Code, Told};
use serde_json::json;

use super::world::{World, key_of, name};

async fn challenge(world: &World) -> String {
    let (status, body) = world.ask("POST", "/v1/login/challenge", None, Some(json!({}))).await;
    assert_eq!(status, StatusCode::OK);
    serde_json::from_slice::<Challenge>(&body).expect("a challenge").challenge
}

#[tokio::test]
async fn a_signature_gives_a_token_that_a_logout_ends() {
    let world = World::new().await;
    let challenge = challenge(&world).await;
    let signature = sign_challenge(&key_of(&name("nothing")), &challenge).expect("a signature");
    let login = json!({ "challenge": challenge, "signature": signature });
    let before = world.events().len();
    let (status, body) = world.ask("POST", "/v1/login/ssh", None, Some(login.clone())).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(world.recorded_since(before), ["login.succeeded by nothing"]);
    let given: LoggedIn = serde_json::from_slice(&body).expect("a token");
    let (status, body) = world.ask("GET", "/v1/whoami", Some(&given.token), None).await;
    assert_eq!(status, StatusCode::OK);
    let me: WhoAmI = serde_json::from_slice(&body).expect("somebody");
    assert_eq!((me.name.as_str(), me.administrator, me.permissions.len()), ("nothing", false, 0));
    // The same answer to the same challenge is worth nothing.
    let (status, _) = world.ask("POST", "/v1/login/ssh", None, Some(login)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let (status, _) = world.ask("POST", "/v1/logout", Some(&given.token), Some(json!({}))).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = world.ask("GET", "/v1/whoami", Some(&given.token), None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_database_credential_is_for_a_person_and_is_recorded() {
    let world = World::new().await;
    let token = world.token(&name("nothing"));
    let before = world.events().len();
    let path = "/v1/credentials/database";
    let (status, body) = world.ask("POST", path, Some(&token), Some(json!({}))).await;
    assert_eq!(status, StatusCode::OK);
    let given: DatabaseCredential = serde_json::from_slice(&body).expect("a credential");
    assert!(given.user.starts_with("nothing+") && given.expires_in == 3600, "{}", given.user);
    assert_eq!(world.recorded_since(before), ["credential.issued by nothing"]);
    // The administrator is no person, and a stranger is nobody.
    let (status, _) = world.ask("POST", path, Some(&world.admin), Some(json!({}))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, _) = world.ask("POST", path, None, Some(json!({}))).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn every_refusal_is_told_the_same_and_recorded_precisely() {
    let world = World::new().await;
    let stranger = key_of(&name("stranger"));
    let unknown_key = challenge(&world).await;
    let signature = sign_challenge(&stranger, &unknown_key).expect("a signature");
    let other = challenge(&world).await;
    let crossed = sign_challenge(&key_of(&name("nothing")), &other).expect("a signature");
    let crossed_challenge = challenge(&world).await;
    let cases = [
        (
            "/v1/login/ssh",
            json!({ "challenge": unknown_key, "signature": signature }),
            "is nobody's",
        ),
        ("/v1/login/ssh", json!({ "challenge": "x", "signature": "y" }), "never issued"),
        (
            "/v1/login/ssh",
            json!({ "challenge": crossed_challenge, "signature": crossed }),
            "is not of this challenge",
        ),
        ("/v1/login/password", json!({ "person": "ghost", "password": "x" }), "no person"),
        ("/v1/login/password", json!({ "person": "nothing", "password": "x" }), "no password"),
        ("/v1/login/password", json!({ "person": "../..", "password": "x" }), "no person"),
    ];
    for (path, body, reason) in cases {
        let before = world.events().len();
        let (status, body) = world.ask("POST", path, None, Some(body)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{reason}");
        let told: Told = serde_json::from_slice(&body).expect("a refusal");
        assert_eq!(told, Told::plain(Code::LoginRefused), "{reason}");
        let events = world.events();
        let Some(proto::event::Kind::LoginFailed(failed)) = &events[before].kind else {
            panic!("{reason}: {:?} was recorded", events[before].name);
        };
        assert!(failed.reason.contains(reason), "{:?} does not say {reason:?}", failed.reason);
    }
}

#[tokio::test]
async fn too_many_failures_are_refused_before_they_are_looked_at() {
    let world = World::new().await;
    let wrong = json!({ "challenge": "x", "signature": "y" });
    let mut statuses = Vec::new();
    for _ in 0..11 {
        statuses.push(world.ask("POST", "/v1/login/ssh", None, Some(wrong.clone())).await.0);
    }
    assert!(statuses[..10].iter().all(|status| *status == StatusCode::UNAUTHORIZED));
    assert_eq!(statuses[10], StatusCode::TOO_MANY_REQUESTS);
    let (status, _) = world.ask("POST", "/v1/login/challenge", None, Some(json!({}))).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_body_that_is_not_right_is_never_repeated() {
    let world = World::new().await;
    let secret = concat!("hunter2", "-and-more");
    for body in [json!({ "person": "x", "password": [secret] }), json!([secret]), json!(secret)] {
        let (status, answer) = world.ask("POST", "/v1/login/password", None, Some(body)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(!String::from_utf8_lossy(&answer).contains(secret));
    }
}
