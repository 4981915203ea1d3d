//! Requests for approvals: who sees them, who rules, and what everybody else is told.

use std::time::Duration;

use consensus_state::Reply;
use http_body_util::BodyExt as _;
use node_session::ControlError;
use proto::entry::{
    ApprovalConsumption, ApprovalId, ApprovalRequest, AskedRule, CommandRef, Covered, Entry,
};
use proto::ids::{Digest, Epoch, SessionId};
use serde_json::{Value, json};

use super::world::{World, name, person, person_who_may};

/// A world in which alice may ask, and bob, carol and dora may rule.
async fn world() -> World {
    let world = World::new().await;
    let mut people: Vec<_> =
        ["alice", "bob", "carol", "dora", "eve"].into_iter().map(|who| person(name(who))).collect();
    people.push(person(person_who_may("sessions")));
    people.push(person(person_who_may("kill")));
    people.push(person(person_who_may("lock")));
    world.people(people);
    world
}

fn request(session: SessionId, command: u64, rules: &[(&str, u32, &[&str])]) -> ApprovalRequest {
    let rule = |(rule, count, approvers): &(&str, u32, &[&str])| AskedRule {
        rule: (*rule).to_owned(),
        count: *count,
        approvers: approvers.iter().map(|who| name(who)).collect(),
    };
    ApprovalRequest {
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
        text: "rm -rf /srv/old".to_owned(),
        incomplete: false,
        policy_revision: 1,
        rules: rules.iter().map(rule).collect(),
        covered: Covered::Command,
        expires_ms: 900_000,
    }
}

fn ask(world: &World, command: u64, rules: &[(&str, u32, &[&str])]) -> ApprovalId {
    let session = world.open("gw-1", command, &name("alice"));
    let entry = Entry::ApprovalRequested(request(session, command, rules));
    match world.control.enter(entry) {
        Reply::Approval(id) => id,
        other => panic!("{other:?}"),
    }
}

const TWO: &[(&str, u32, &[&str])] = &[("eyes", 2, &["bob", "carol", "dora"])];
const ONE: &[(&str, u32, &[&str])] = &[("eyes", 1, &["bob", "carol"])];

fn rule(ruling: &str, reason: &str) -> Option<Value> {
    Some(json!({ "ruling": ruling, "reason": reason }))
}

fn token(world: &World, who: &str) -> String {
    world.token(&name(who))
}

#[track_caller]
fn ids(page: &Value) -> Vec<u64> {
    let rows = page["items"].as_array().expect("rows").iter();
    rows.map(|row| row["id"].as_u64().expect("an id")).collect()
}

#[tokio::test]
async fn two_must_agree_and_each_counts_once() {
    let world = world().await;
    let id = ask(&world, 1, TWO);
    let path = format!("/v1/approvals/{id}/ruling");
    let (bob, carol) = (token(&world, "bob"), token(&world, "carol"));
    let before = world.events().len();
    let (status, row) = world.json("POST", &path, &bob, rule("approve", "seen")).await;
    assert_eq!((status, &row["state"], &row["may_rule"]), (200, &json!("open"), &json!(false)));
    let again = world.refused("POST", &path, &bob, rule("approve", "seen again")).await;
    assert_eq!(again, (409, "SP-1513".to_owned()));
    let (status, row) = world.json("POST", &path, &carol, rule("approve", "too")).await;
    assert_eq!((status, &row["state"]), (200, &json!("approved")));
    let reasons: Vec<_> = (0..2).map(|at| row["rulings"][at]["reason"].clone()).collect();
    assert_eq!(reasons, [json!("seen"), json!("too")]);
    let late = world.refused("POST", &path, &token(&world, "dora"), rule("approve", "x")).await;
    assert_eq!(late, (409, "SP-1514".to_owned()));
    let events = world.events();
    let named: Vec<_> = events[before..].iter().map(|event| event.name.as_str()).collect();
    assert_eq!(named, ["approval.ruled", "approval.ruled"]);
}

#[tokio::test]
async fn whoever_may_not_rule_is_told_why() {
    let world = world().await;
    let id = ask(&world, 1, ONE);
    let path = format!("/v1/approvals/{id}/ruling");
    let kill = world.token(&person_who_may("kill"));
    let cases = [
        ("who asked", token(&world, "alice"), rule("approve", "mine"), 403, "SP-1511"),
        ("who denies it themselves", token(&world, "alice"), rule("deny", "mine"), 403, "SP-1511"),
        ("somebody else", token(&world, "eve"), rule("approve", "why not"), 403, "SP-1512"),
        ("an operator", kill, rule("deny", "no"), 403, "SP-1512"),
        ("the administrator", world.admin.clone(), rule("approve", "go"), 403, "SP-1515"),
        ("without a reason", token(&world, "bob"), rule("approve", "  "), 400, "SP-1504"),
        ("with no ruling", token(&world, "bob"), rule("maybe", "x"), 400, "SP-1504"),
        (
            "with more than a reason",
            token(&world, "bob"),
            rule("approve", &"x".repeat(1025)),
            400,
            "SP-1504",
        ),
    ];
    for (who, token, body, status, code) in cases {
        let refused = world.refused("POST", &path, &token, body).await;
        assert_eq!(refused, (status, code.to_owned()), "{who}");
    }
    let gone = "/v1/approvals/9999/ruling";
    let refused = world.refused("POST", gone, &token(&world, "bob"), rule("deny", "x")).await;
    assert_eq!(refused, (404, "SP-1503".to_owned()));
    let refused =
        world.refused("POST", "/v1/approvals/x/ruling", &token(&world, "bob"), None).await;
    assert_eq!(refused.0, 400);
}

#[tokio::test]
async fn what_is_over_is_over() {
    let world = world().await;
    let bob = token(&world, "bob");
    let path = |id: ApprovalId| format!("/v1/approvals/{id}/ruling");
    let expired = ask(&world, 1, ONE);
    world.control.pass(Duration::from_secs(901));
    let refused = world.refused("POST", &path(expired), &bob, rule("approve", "late")).await;
    assert_eq!(refused, (409, "SP-1514".to_owned()));
    let used = ask(&world, 2, ONE);
    let (status, _) = world.json("POST", &path(used), &bob, rule("approve", "go")).await;
    assert_eq!(status, 200);
    let consumption = |digest| {
        let mut command = request(SessionId::new(&name("gw-1"), Epoch(1), 2), 2, ONE).command;
        command.digest = digest;
        let rules = vec!["eyes".to_owned()];
        let consumption =
            ApprovalConsumption { approval: used, command, policy_revision: 1, rules };
        world.control.enter(Entry::ApprovalConsumed(consumption))
    };
    let changed = consumption(Digest([8; 32]));
    assert!(matches!(changed, Reply::Refused(_)), "other bytes: {changed:?}");
    assert!(matches!(consumption(Digest([7; 32])), Reply::Consumed { .. }));
    assert!(matches!(consumption(Digest([7; 32])), Reply::Refused(_)), "once");
    let refused = world.refused("POST", &path(used), &bob, rule("deny", "too late")).await;
    assert_eq!(refused, (409, "SP-1514".to_owned()));
    let denied = ask(&world, 3, ONE);
    world.json("POST", &path(denied), &bob, rule("deny", "no")).await;
    let carol = token(&world, "carol");
    let refused = world.refused("POST", &path(denied), &carol, rule("approve", "yes")).await;
    assert_eq!(refused, (409, "SP-1514".to_owned()));
}

#[tokio::test]
async fn who_sees_what() {
    let world = world().await;
    let (first, second) = (ask(&world, 1, ONE), ask(&world, 2, TWO));
    let both = vec![first.0, second.0];
    let list = |who: String| {
        let world = &world;
        async move { world.json("GET", "/v1/approvals", &who, None).await.1 }
    };
    assert_eq!(ids(&list(token(&world, "alice")).await), both, "whoever asked");
    assert_eq!(ids(&list(token(&world, "bob")).await), both, "whoever may rule on both");
    assert_eq!(ids(&list(token(&world, "dora")).await), [second.0], "on one");
    assert_eq!(ids(&list(token(&world, "eve")).await), [] as [u64; 0], "on none");
    assert_eq!(ids(&list(world.token(&person_who_may("sessions"))).await), both);
    assert_eq!(ids(&list(world.admin.clone()).await), both);
    let one = format!("/v1/approvals/{first}");
    let (status, _) = world.json("GET", &one, &token(&world, "dora"), None).await;
    assert_eq!(status, 404, "what one may not see is not there");
    let (_, row) = world.json("GET", &one, &token(&world, "bob"), None).await;
    assert_eq!(row["command"]["text"], "rm -rf /srv/old");
    assert_eq!((&row["may_rule"], &row["person"]), (&json!(true), &json!("alice")));
    let (_, row) = world.json("GET", &one, &token(&world, "alice"), None).await;
    assert_eq!(row["may_rule"], false);
    let page = |query: &'static str| {
        let world = &world;
        async move { world.json("GET", &format!("/v1/approvals?{query}"), &world.admin, None).await }
    };
    let (_, first_page) = page("limit=1").await;
    assert_eq!((ids(&first_page), &first_page["next"]), (vec![first.0], &json!(first.to_string())));
    let (_, rest) =
        world.json("GET", &format!("/v1/approvals?after={first}"), &world.admin, None).await;
    assert_eq!(ids(&rest), [second.0]);
    assert_eq!(ids(&page("state=approved").await.1), [] as [u64; 0]);
    assert_eq!(ids(&page("state=open").await.1), both);
    for wrong in ["state=pending", "after=x", "who=me"] {
        assert_eq!(page(wrong).await.0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn taking_back() {
    let world = world().await;
    let reason = || Some(json!({ "reason": "changed my mind" }));
    let approved = |command| {
        let world = &world;
        async move {
            let id = ask(world, command, ONE);
            let path = format!("/v1/approvals/{id}/ruling");
            world.json("POST", &path, &token(world, "bob"), rule("approve", "go")).await;
            format!("/v1/approvals/{id}/revoke")
        }
    };
    let path = approved(1).await;
    let eve = world.refused("POST", &path, &token(&world, "eve"), reason()).await;
    assert_eq!(eve, (404, "SP-1503".to_owned()), "it is none of hers");
    let sees = world.token(&person_who_may("sessions"));
    let sees = world.refused("POST", &path, &sees, reason()).await;
    assert_eq!(sees, (403, "SP-1512".to_owned()), "seeing is not taking back");
    let (status, row) = world.json("POST", &path, &token(&world, "carol"), reason()).await;
    assert_eq!((status, &row["state"]), (200, &json!("revoked")));
    let again = world.refused("POST", &path, &token(&world, "carol"), reason()).await;
    assert_eq!(again, (409, "SP-1514".to_owned()));
    for (command, who) in [(2, "kill"), (3, "lock")] {
        let (path, token) = (approved(command).await, world.token(&person_who_may(who)));
        let (status, row) = world.json("POST", &path, &token, reason()).await;
        assert_eq!((status, &row["state"]), (200, &json!("revoked")), "who may {who}");
    }
    let (status, row) = world.json("POST", &approved(4).await, &world.admin, reason()).await;
    assert_eq!((status, &row["state"]), (200, &json!("revoked")), "the administrator forbids");
    let gone = world.refused("POST", "/v1/approvals/9999/revoke", &world.admin, reason()).await;
    assert_eq!(gone, (404, "SP-1503".to_owned()));
}

#[tokio::test]
async fn watching_shows_what_is_open_and_each_change_of_it() {
    let world = world().await;
    let over = ask(&world, 1, ONE);
    let deny = format!("/v1/approvals/{over}/ruling");
    world.json("POST", &deny, &token(&world, "bob"), rule("deny", "no")).await;
    let open = ask(&world, 2, TWO);
    let bob = token(&world, "bob");
    let response = world.send("GET", "/v1/approvals/watch?follow=true", Some(&bob), None).await;
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    let mut next = async || {
        let frame = tokio::time::timeout(Duration::from_secs(10), body.frame()).await;
        let frame = frame.expect("in time")?;
        let line = frame.expect("unbroken").into_data().expect("data");
        let row: Value = serde_json::from_slice(&line).expect("a row");
        Some((row["id"].as_u64(), row["state"].clone(), row["rulings"].as_array().map(Vec::len)))
    };
    assert_eq!(next().await, Some((Some(open.0), json!("open"), Some(0))));
    let path = format!("/v1/approvals/{open}/ruling");
    world.json("POST", &path, &token(&world, "dora"), rule("approve", "go")).await;
    assert_eq!(next().await, Some((Some(open.0), json!("open"), Some(1))));
    world.json("POST", &path, &token(&world, "carol"), rule("approve", "go")).await;
    assert_eq!(next().await, Some((Some(open.0), json!("approved"), Some(2))));
    // What bob may not see does not come; what he may does.
    ask(&world, 3, &[("eyes", 1, &["carol"] as &[&str])]);
    let his = ask(&world, 4, ONE);
    assert_eq!(next().await, Some((Some(his.0), json!("open"), Some(0))));
    // A person who is gone watches nothing any more.
    world.people(vec![person(name("alice"))]);
    assert_eq!(next().await, None);
}

#[tokio::test]
async fn without_a_majority_nothing_is_approved() {
    let world = world().await;
    let path = format!("/v1/approvals/{}/ruling", ask(&world, 1, ONE));
    let bob = token(&world, "bob");
    world.control.fail(Some(ControlError::NoQuorum));
    let (status, told) = world.json("POST", &path, &bob, rule("approve", "go")).await;
    assert_eq!((status, &told["code"]), (503, &json!("SP-1508")));
    let text = told["text"].as_str().expect("a text");
    assert!(text.contains("nothing was changed") && text.contains("can still be read"), "{text}");
    world.control.fail(Some(ControlError::Unknown));
    let (status, told) = world.json("POST", &path, &bob, rule("approve", "go")).await;
    assert_eq!((status, &told["code"]), (504, &json!("SP-1509")));
    world.control.fail(None);
    let (_, row) = world.json("GET", path.trim_end_matches("/ruling"), &bob, None).await;
    assert_eq!(row["state"], "open");
}

#[tokio::test]
async fn a_reason_keeps_no_secret() {
    let world = world().await;
    let path = format!("/v1/approvals/{}/ruling", ask(&world, 1, ONE));
    // Put together, so that it is no secret that this repository keeps.
    let secret = ["ghp", "_", "k3Vq8Zt0Lm5Xc2Rw7Yb1Nd6", "Hs9Jf4PgT0aQe"].concat();
    let body = rule("approve", &format!("the token is {secret}"));
    let (status, row) = world.json("POST", &path, &token(&world, "bob"), body).await;
    assert_eq!(status, 200);
    let reason = row["rulings"][0]["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("the token is ") && !reason.contains(&secret), "{reason}");
}
