//! Statements that wait: what their clients are told, how they go away, and that an approval lets
//! exactly one of them go, once.

use anyhow::{Context as _, Result};
use chaos_tests::live::wire::{Message, Wire, bind, bytes, execute, parse, query, sync};
use chaos_tests::live::{DatabaseScene, SHORT, until};
use serde_json::Value;

const POLICY: &str = r#"version: 1
grants:
  - { name: eng, who: { groups: [engineering, dba] }, targets: {}, as: [app], channels: [query] }
rules:
  - name: updates
    when: { sql: { tables: [public.t], effects: [write] } }
    then: hold
    approval: { by: { groups: [dba] }, expires: 60s }
  - name: soon
    when: { sql: { tables: [public.soon], effects: [write] } }
    then: hold
    approval: { by: { groups: [dba] }, expires: 2s }
"#;

const TABLES: &str =
    "create table t(a int); insert into t values (1), (2); create table soon(a int)";

fn approvals(scene: &DatabaseScene) -> Result<Vec<Value>> {
    let said = scene.node.administer(&["approvals", "list", "--output", "json"])?;
    Ok(serde_json::from_str(&said.text())?)
}

/// Waits until the last approval is in a state.
fn becomes(scene: &DatabaseScene, state: &str) -> Result<()> {
    until(&format!("the approval is {state}"), SHORT, || {
        let all = approvals(scene)?;
        let is_so = all.last().is_some_and(|one| one.to_string().contains(state));
        Ok(is_so.then_some(()))
    })
}

/// What comes up to the end of the answer, without notices.
pub(super) fn rest(wire: &mut Wire) -> Result<String> {
    let said = wire.heard(b'Z')?;
    let words: Vec<_> = said.split(' ').filter(|word| *word != "N").collect();
    Ok(words.join(" "))
}

fn update(portal: &str, value: &str, row: &str) -> [Message; 4] {
    [
        parse("", "update t set a = $1 where a = $2"),
        bind(portal, "", &[value, row], false),
        execute(portal, 0),
        sync(),
    ]
}

#[test]
fn its_client_is_told_what_it_waits_for() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, TABLES)?;
    let mut wire = scene.wire()?;
    wire.send(&bytes(&[query("update t set a = 9")]))?;
    let mut told = String::new();
    for _ in 0..2 {
        let (kind, body) = wire.receive()?.context("a notice")?;
        assert_eq!(kind, b'N');
        told.push_str(&String::from_utf8_lossy(&body));
    }
    let id = approvals(&scene)?.last().context("an approval")?["id"].to_string();
    let id = id.trim_matches('"');
    assert!(told.contains("NOTICE\0") && told.contains("SP-1211"), "{told}");
    assert!(told.contains(&format!("It waits as approval {id} until ")), "{told}");
    assert!(told.contains(&format!("sallyport approvals approve {id} --reason")), "{told}");
    // A client that goes away asks for nothing any more.
    drop(wire);
    becomes(&scene, "withdrawn")?;
    assert!(!scene.bob_rules("approve")?, "there is nothing left to approve");
    assert!(!scene.postgres.log()?.contains("update t"));
    Ok(())
}

#[test]
fn nobody_approves_in_time() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, TABLES)?;
    let mut wire = scene.wire()?;
    let said = wire.ask(&[query("insert into soon values (1)")])?;
    assert_eq!(said, "N N E(42501,SP-1208) ZI");
    assert_eq!(wire.ask(&[query("select 7")])?, "T D[7] C(SELECT-1) ZI");
    becomes(&scene, "expired")?;
    assert!(!scene.postgres.log()?.contains("insert into soon"));
    Ok(())
}

/// With the parameters that were shown, once; and what stands behind it in the pipeline waits.
#[test]
fn what_was_approved_runs_with_its_parameters_once() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, TABLES)?;
    let mut wire = scene.wire()?;
    let [parsed, bound, executed, synced] = update("", "50", "1");
    let mut pipeline = vec![parsed, bound, executed];
    pipeline.extend([parse("", "select 7"), bind("", "", &[], false), execute("", 0), synced]);
    wire.send(&bytes(&pipeline))?;
    assert_eq!(wire.heard(b'N')?, "N");
    let shown = approvals(&scene)?.last().context("an approval")?.to_string();
    assert!(shown.contains("$1 = '50'") && shown.contains("$2 = '1'"), "{shown}");
    until("bob may approve it", SHORT, || Ok(scene.bob_rules("approve")?.then_some(())))?;
    assert_eq!(rest(&mut wire)?, "1 2 C(UPDATE-1) 1 2 D[7] C(SELECT-1) ZI");
    let rows =
        || scene.postgres.sql("app", "orders", "select string_agg(a::text, ' ' order by a) from t");
    assert_eq!(rows()?, "2 50");
    becomes(&scene, "consumed")?;
    // The same once more, and another one, wait for approvals of their own.
    for (value, row) in [("50", "1"), ("51", "2")] {
        wire.send(&bytes(&update("", value, row)))?;
        assert_eq!(wire.heard(b'N')?, "N", "{value} {row}");
        until("bob may deny it", SHORT, || Ok(scene.bob_rules("deny")?.then_some(())))?;
        assert_eq!(rest(&mut wire)?, "1 E(42501,SP-1207) ZI");
    }
    assert_eq!(rows()?, "2 50");
    assert_eq!(scene.events_of("command.released")?.len(), 1);
    Ok(())
}

/// One that is bound once and run twice is held twice.
#[test]
fn a_portal_is_held_each_time_that_it_runs() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, TABLES)?;
    let mut wire = scene.wire()?;
    assert_eq!(wire.ask(&[query("begin")])?, "C(BEGIN) ZT");
    let [parsed, bound, executed, synced] = update("p", "60", "2");
    wire.send(&bytes(&[parsed, bound, executed.clone(), synced.clone()]))?;
    assert_eq!(wire.heard(b'N')?, "N");
    until("bob may approve it", SHORT, || Ok(scene.bob_rules("approve")?.then_some(())))?;
    assert_eq!(rest(&mut wire)?, "1 2 C(UPDATE-1) ZT");
    wire.send(&bytes(&[executed, synced]))?;
    assert_eq!(wire.heard(b'N')?, "N");
    until("bob may deny it", SHORT, || Ok(scene.bob_rules("deny")?.then_some(())))?;
    assert_eq!(rest(&mut wire)?, "E(42501,SP-1207) ZE");
    Ok(())
}
