//! The policy: changed, looked up, gone back to, and agreed to by a second person.

use node_session::ControlExt as _;
use serde_json::{Value, json};

use super::world::{World, name, person, person_who_may, policy_set};

/// A policy under which eve and frank may change it, eve only with a second person.
const SECOND: &str = "version: 1
roles:
  - { name: editors, who: { users: [eve, frank] }, may: [policy], second_person: true }
  - { name: chief, who: { users: [frank, grace] }, may: [policy] }
  - { name: auditors, who: { users: [may-export] }, may: [export] }
";

async fn second() -> World {
    let world = World::new().await;
    let people = ["eve", "frank", "grace", "may-export"];
    world.people(people.into_iter().map(|who| person(name(who))).collect());
    world.policy(SECOND);
    world
}

fn wanted(comment: &str) -> Value {
    json!({ "document": format!("{SECOND}# {comment}\n") })
}

async fn apply(world: &World, token: &str, body: Value) -> (u16, Value) {
    world.json("POST", "/v1/policy", token, Some(body)).await
}

#[tokio::test]
async fn it_comes_into_force_unless_somebody_else_was_faster() {
    let world = World::new().await;
    let editor = world.token(&person_who_may("policy"));
    let document = world
        .api
        .given
        .control
        .look(|state| format!("{}# more\n", state.policy().expect("a policy").document));
    let body = json!({ "document": document, "expected_revision": 1 });
    let (status, applied) = apply(&world, &editor, body.clone()).await;
    assert_eq!((status, &applied["revision"], &applied["changed"]), (200, &json!(2), &json!(true)));
    let (_, now) = world.json("GET", "/v1/policy", &editor, None).await;
    assert_eq!((&now["document"], &now["revision"]), (&json!(document), &json!(2)));
    let refused = world.refused("POST", "/v1/policy", &editor, Some(body)).await;
    assert_eq!(refused, (409, "SP-1510".to_owned()));
    let (status, same) = apply(&world, &editor, json!({ "document": document })).await;
    assert_eq!((status, &same["revision"], &same["changed"]), (200, &json!(2), &json!(false)));
    let events = world.events();
    let last = events.iter().rfind(|event| event.name == "policy.changed").expect("an event");
    let Some(proto::event::Kind::PolicyChanged(changed)) = &last.kind else { panic!() };
    assert_eq!((changed.by.as_str(), changed.revision), ("may-policy", 2));
}

#[tokio::test]
async fn what_is_wrong_is_named_by_its_place() {
    let world = World::new().await;
    let body = json!({ "document": "version: 1\nrules: 7\n", "file": "prod/policy.yaml" });
    let (status, told) = apply(&world, &world.admin, body).await;
    assert_eq!((status, &told["code"]), (400, &json!("SP-1601")));
    let text = told["text"].as_str().expect("a text");
    assert!(text.starts_with("prod/policy.yaml:2:8: "), "{text}");
    assert_eq!(world.api.view().policy.as_ref().map(|(_, now)| now.revision), Some(1));
}

#[tokio::test]
async fn revisions_and_going_back() {
    let world = World::new().await;
    let (_, first) = world.json("GET", "/v1/policy", &world.admin, None).await;
    apply(&world, &world.admin, json!({ "document": "version: 1\n# second\n" })).await;
    let (_, page) = world.json("GET", "/v1/policy/revisions", &world.admin, None).await;
    let row = |at: usize| (page["items"][at]["id"].clone(), page["items"][at]["in_force"].clone());
    assert_eq!([row(0), row(1)], [(json!(1), json!(false)), (json!(2), json!(true))]);
    assert_eq!((&page["revision"], &page["items"][1]["by"]), (&json!(2), &json!("administrator")));
    let (_, one) = world.json("GET", "/v1/policy/revisions/1", &world.admin, None).await;
    assert_eq!(one["document"], first["document"]);
    let body = json!({ "revision": 1, "expected_revision": 1 });
    let stale = world.refused("POST", "/v1/policy/rollback", &world.admin, Some(body)).await;
    assert_eq!(stale, (409, "SP-1510".to_owned()));
    let body = json!({ "revision": 1, "expected_revision": 2 });
    let (status, back) = world.json("POST", "/v1/policy/rollback", &world.admin, Some(body)).await;
    assert_eq!((status, &back["revision"], &back["digest"]), (200, &json!(3), &first["digest"]));
    for path in ["/v1/policy/revisions/0", "/v1/policy/revisions/4"] {
        let refused = world.refused("GET", path, &world.admin, None).await;
        assert_eq!(refused, (404, "SP-1503".to_owned()), "{path}");
    }
    assert_eq!(world.refused("GET", "/v1/policy/revisions/x", &world.admin, None).await.0, 400);
    let body = Some(json!({ "revision": 9 }));
    let refused = world.refused("POST", "/v1/policy/rollback", &world.admin, body).await;
    assert_eq!(refused, (404, "SP-1503".to_owned()));
}

#[tokio::test]
async fn a_second_person_agrees_to_the_exact_text() {
    let world = second().await;
    let (eve, frank) = (world.token(&name("eve")), world.token(&name("frank")));
    let (status, applied) = apply(&world, &eve, wanted("by eve")).await;
    assert_eq!(
        (status, &applied["changed"], &applied["revision"]),
        (202, &json!(false), &json!(2))
    );
    let id = applied["approval"].as_u64().expect("an approval");
    let path = format!("/v1/approvals/{id}");
    let (_, row) = world.json("GET", &path, &frank, None).await;
    assert_eq!(row["policy"]["document"], wanted("by eve")["document"]);
    assert_eq!(row["rules"][0]["approvers"], json!(["frank", "grace"]));
    let (_, list) = world.json("GET", "/v1/approvals", &frank, None).await;
    assert_eq!(list["items"][0]["policy"].get("document"), None, "lists leave it out");
    let ruling = format!("{path}/ruling");
    let approve = || Some(json!({ "ruling": "approve", "reason": "reviewed" }));
    let own = world.refused("POST", &ruling, &eve, approve()).await;
    assert_eq!(own, (403, "SP-1511".to_owned()));
    let admin = world.refused("POST", &ruling, &world.admin, approve()).await;
    assert_eq!(admin, (403, "SP-1515".to_owned()));
    let (status, row) = world.json("POST", &ruling, &frank, approve()).await;
    assert_eq!((status, &row["state"]), (200, &json!("consumed")));
    let (_, now) = world.json("GET", "/v1/policy", &world.admin, None).await;
    assert_eq!(now["document"], wanted("by eve")["document"]);
    let (_, page) = world.json("GET", "/v1/policy/revisions", &world.admin, None).await;
    assert_eq!(
        (&page["items"][2]["by"], &page["items"][2]["approval"]),
        (&json!("eve"), &json!(id))
    );
}

#[tokio::test]
async fn whoever_may_alone_needs_nobody() {
    let world = second().await;
    for who in ["frank", "grace"] {
        let token = world.token(&name(who));
        let (status, applied) = apply(&world, &token, wanted(who)).await;
        assert_eq!((status, &applied["changed"]), (200, &json!(true)), "{who}");
    }
    let (status, _) = apply(&world, &world.admin, wanted("the administrator")).await;
    assert_eq!(status, 200, "the administrator is no role of the policy");
}

#[tokio::test]
async fn a_role_that_comes_to_need_a_second_person_is_not_passed_by() {
    let world = second().await;
    world.policy(&SECOND.replace(", second_person: true", ""));
    let eve = world.token(&name("eve"));
    world.control.proposed();
    world.control.be_overtaken(policy_set(SECOND));
    let (status, applied) = apply(&world, &eve, wanted("by eve")).await;
    assert_eq!((status, &applied["changed"]), (202, &json!(false)), "{applied}");
    assert_eq!(world.control.proposed(), ["PolicySet", "PolicyProposed"]);
}

#[tokio::test]
async fn a_change_of_people_loses_no_other() {
    let world = World::new().await;
    let taken_out = |who: &str| {
        let people = world.api.view().people.people().cloned().collect::<Vec<_>>();
        let people = people.into_iter().filter(|one| one.name != name(who)).collect();
        let (by, expected_revision) = (proto::entry::By::Administrator, None);
        proto::entry::Entry::PeopleSet(proto::entry::PeopleSetting {
            people,
            expected_revision,
            by,
        })
    };
    world.control.be_overtaken(taken_out("may-replay"));
    let path = "/v1/people/nothing/remove";
    let (status, applied) = world.json("POST", path, &world.admin, Some(json!({}))).await;
    assert_eq!((status, &applied["revision"]), (200, &json!(3)), "{applied}");
    let left: Vec<_> = world.api.view().people.people().map(|one| one.name.to_string()).collect();
    assert!(!left.contains(&"nothing".to_owned()) && !left.contains(&"may-replay".to_owned()));
}

#[tokio::test]
async fn a_rollback_needs_the_second_person_too() {
    let world = second().await;
    let eve = world.token(&name("eve"));
    let body = Some(json!({ "revision": 1 }));
    let (status, applied) = world.json("POST", "/v1/policy/rollback", &eve, body).await;
    assert_eq!(status, 202, "{applied}");
}

#[tokio::test]
async fn a_policy_that_waits_is_void_when_another_comes() {
    let world = second().await;
    let (eve, frank) = (world.token(&name("eve")), world.token(&name("frank")));
    let (_, applied) = apply(&world, &eve, wanted("waits")).await;
    let id = &applied["approval"];
    apply(&world, &frank, wanted("is faster")).await;
    let ruling = format!("/v1/approvals/{id}/ruling");
    let body = Some(json!({ "ruling": "approve", "reason": "late" }));
    let (status, told) = world.json("POST", &ruling, &frank, body).await;
    assert_eq!(status, 409, "{told}");
    let (_, now) = world.json("GET", "/v1/policy", &world.admin, None).await;
    assert_eq!(now["document"], wanted("is faster")["document"]);
}

#[tokio::test]
async fn nobody_is_left_to_agree() {
    let world = second().await;
    world.people(vec![person(name("eve"))]);
    let eve = world.token(&name("eve"));
    let refused = world.refused("POST", "/v1/policy", &eve, Some(wanted("alone"))).await;
    assert_eq!(refused, (403, "SP-1516".to_owned()));
}
