//! People and targets, replaced as a whole by documents.

use serde_json::{Value, json};

use super::world::{World, key_of, name, person_who_may};

fn people(world: &World, more: &str) -> String {
    let key = |who: &str| {
        let key = key_of(&name(who)).public_key().clone();
        node_identity::keys::one_line(&key).expect("a key")
    };
    let operator = person_who_may("people");
    assert!(!world.admin.is_empty());
    format!(
        "people:\n  - {{ name: {operator}, ssh_keys: [\"{}\"] }}\n  - {{ name: alice, groups: \
         [engineering], ssh_keys: [\"{}\"] }}\n{more}",
        key(operator.as_str()),
        key("alice"),
    )
}

const TARGET: &str = "targets:\n  - { name: db-1, kind: ssh, address: \"db:22\", \
                      labels: { env: prod }, host_keys: [HOST], credential: { private_key: \
                      CREDENTIAL }, as: [deploy] }\n";

fn targets(credential: &str) -> String {
    let host = key_of(&name("host")).public_key().clone();
    let host = format!("\"{}\"", node_identity::keys::one_line(&host).expect("a key"));
    TARGET.replace("HOST", &host).replace("CREDENTIAL", credential)
}

async fn post(world: &World, path: &str, body: Value) -> (u16, Value) {
    world.json("POST", path, &world.admin, Some(body)).await
}

#[tokio::test]
async fn people_are_those_of_the_document_and_no_others() {
    let world = World::new().await;
    let (_, before) = world.json("GET", "/v1/people", &world.admin, None).await;
    assert_eq!(before["revision"], 1);
    let document = people(&world, "");
    let body = json!({ "document": document, "expected_revision": 1 });
    let (status, applied) = post(&world, "/v1/people", body.clone()).await;
    assert_eq!((status, &applied["revision"]), (200, &json!(2)), "{applied}");
    assert_eq!(applied["set"], json!(["alice"]), "the operator was so before");
    assert!(applied["removed"].as_array().expect("names").contains(&json!("nothing")));
    let alice = world.token(&name("alice"));
    assert_eq!(world.json("GET", "/v1/whoami", &alice, None).await.0, 200);
    // Who saw an older revision loses nobody's change.
    let refused = world.refused("POST", "/v1/people", &world.admin, Some(body)).await;
    assert_eq!(refused, (409, "SP-1510".to_owned()));
    // The same once more changes nothing.
    let (_, same) = post(&world, "/v1/people", json!({ "document": document })).await;
    assert_eq!((&same["revision"], &same["set"]), (&json!(2), &json!([])));
}

#[tokio::test]
async fn a_person_is_taken_out() {
    let world = World::new().await;
    let operator = world.token(&person_who_may("people"));
    let path = "/v1/people/nothing/remove";
    let stale = Some(json!({ "expected_revision": 7 }));
    assert_eq!(world.refused("POST", path, &operator, stale).await, (409, "SP-1510".to_owned()));
    let (status, applied) = world.json("POST", path, &operator, Some(json!({}))).await;
    assert_eq!((status, &applied["removed"]), (200, &json!(["nothing"])));
    let again = world.refused("POST", path, &operator, Some(json!({}))).await;
    assert_eq!(again, (404, "SP-1503".to_owned()));
}

#[tokio::test]
async fn wrong_people_are_named_by_their_place() {
    let world = World::new().await;
    let body = json!({ "document": "people:\n  - { name: a b }\n", "file": "team/people.yaml" });
    let (status, told) = post(&world, "/v1/people", body).await;
    assert_eq!((status, &told["code"]), (400, &json!("SP-1602")));
    let text = told["text"].as_str().expect("a text");
    assert!(text.starts_with("team/people.yaml:2:13: "), "{text}");
    for file in ["", "two\nlines", &"x".repeat(257)] {
        let body = json!({ "document": "people: []\n", "file": file });
        assert_eq!(post(&world, "/v1/people", body).await.0, 400, "{file:?}");
    }
    let body = json!({ "document": "people: []\n", "surprise": 1 });
    assert_eq!(post(&world, "/v1/people", body).await.1["code"], "SP-1504");
}

#[tokio::test]
async fn a_password_is_the_nodes_and_its_hash_stays_while_it_fits() {
    let world = World::new().await;
    let with = people(&world, "  - { name: bob, password: { env: ALICE_PASSWORD } }\n");
    let (status, applied) = post(&world, "/v1/people", json!({ "document": with })).await;
    assert_eq!(status, 200, "{applied}");
    let hash = |world: &World| {
        let view = world.api.view();
        view.people.person(&name("bob")).and_then(|bob| bob.password_hash.clone())
    };
    let first = hash(&world).expect("a hash");
    let (_, same) = post(&world, "/v1/people", json!({ "document": with })).await;
    assert_eq!((&same["set"], hash(&world)), (&json!([]), Some(first)));
    let password = ["correct", "horse"].join(" ");
    let body = json!({ "person": "bob", "password": password });
    assert_eq!(world.json("POST", "/v1/login/password", "", Some(body)).await.0, 200);
    let without = people(&world, "  - { name: bob, password: { env: NOT_SET } }\n");
    let (status, told) = post(&world, "/v1/people", json!({ "document": without })).await;
    assert_eq!((status, &told["code"]), (400, &json!("SP-1602")));
}

#[tokio::test]
async fn targets_are_those_of_the_document() {
    let world = World::new().await;
    let operator = world.token(&person_who_may("targets"));
    let apply = async |body: Value| world.json("POST", "/v1/targets", &operator, Some(body)).await;
    let relative = targets("{ file: keys/db }");
    let body = json!({ "document": relative, "base": "/etc/sallyport", "expected_revision": 1 });
    let (status, applied) = apply(body).await;
    assert_eq!(status, 200, "{applied}");
    let shown = json!(["db-1"]);
    assert_eq!((&applied["set"], &applied["removed"]), (&shown, &json!(["web-1"])));
    let view = world.api.view();
    let target = view.targets.get(&name("db-1")).expect("a target");
    let expected = proto::target::CredentialSource::File("/etc/sallyport/keys/db".to_owned());
    assert_eq!(target.credential, expected);
    // A path that each node would look for elsewhere is refused.
    let (status, told) = apply(json!({ "document": relative })).await;
    assert_eq!((status, &told["code"]), (400, &json!("SP-1603")));
    let (status, _) = apply(json!({ "document": relative, "base": "keys" })).await;
    assert_eq!(status, 400);
    let absolute = targets("{ file: /keys/db }");
    assert_eq!(apply(json!({ "document": absolute })).await.0, 200);
    // What this node lacks is said.
    let (status, applied) = apply(json!({ "document": targets("{ env: MISSING }") })).await;
    let problem = json!([{ "id": "db-1", "problem": "MISSING is not set" }]);
    assert_eq!((status, &applied["problems"]), (200, &problem));
    let (_, row) = world.json("GET", "/v1/targets", &operator, None).await;
    assert_eq!(
        (&row["items"][0]["problem"], &row["revision"]),
        (&problem[0]["problem"], &json!(4))
    );
    let (status, applied) =
        world.json("POST", "/v1/targets/db-1/remove", &operator, Some(json!({}))).await;
    assert_eq!((status, &applied["removed"]), (200, &shown));
}

#[tokio::test]
async fn wrong_targets_are_named_by_their_place() {
    let world = World::new().await;
    let first = "targets:\n  - { name: x, kind: telnet }\n";
    let trusting = targets("{ env: KEY }");
    let trusting = {
        let start = trusting.find("host_keys: [").expect("keys");
        let end = trusting[start..].find(']').expect("an end") + start + 1;
        format!("{}host_keys: trust-on-first-use{}", &trusting[..start], &trusting[end..])
    };
    for document in [first, trusting.as_str()] {
        let body = json!({ "document": document, "file": "targets.yaml" });
        let (status, told) = post(&world, "/v1/targets", body).await;
        assert_eq!((status, &told["code"]), (400, &json!("SP-1603")), "{told}");
        assert!(told["text"].as_str().expect("a text").starts_with("targets.yaml:2:"), "{told}");
    }
}

#[tokio::test]
async fn a_document_has_room_and_a_limit() {
    let world = World::new().await;
    let room = format!("# {}\npeople: []\n", "x".repeat(2 * 1024 * 1024));
    assert_eq!(post(&world, "/v1/people", json!({ "document": room })).await.0, 200);
    let large = format!("# {}\npeople: []\n", "x".repeat(5 * 1024 * 1024));
    assert_eq!(post(&world, "/v1/people", json!({ "document": large })).await.0, 400);
    let huge = "x".repeat(9 * 1024 * 1024);
    let huge = json!({ "document": huge });
    assert_eq!(post(&world, "/v1/people", huge).await.0, 400);
    let long = "x".repeat(70 * 1024);
    let small = json!({ "lock": "all", "reason": long });
    assert_eq!(post(&world, "/v1/locks", small).await.0, 400);
}
