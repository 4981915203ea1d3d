//! Statements that are executed by a name: judged by what was prepared under it, whether SQL's
//! `PREPARE` did that or the protocol's `Parse`.

use anyhow::{Context as _, Result};
use chaos_tests::live::wire::{Message, bind, execute, parse, query, sync};
use chaos_tests::live::{DatabaseScene, SHORT, until};
use serde_json::Value;

/// Nothing is written to the ledger, nothing is deleted; who updates waits for Bob.
const POLICY: &str = r#"version: 1
grants:
  - { name: eng, who: { groups: [engineering, dba] }, targets: {}, as: [app], channels: [query] }
rules:
  - { name: no-ledger, when: { sql: { tables: [public.ledger], effects: [write] } }, then: block }
  - { name: no-delete, when: { sql: { statements: [delete] } }, then: block }
  - name: updates
    when: { sql: { statements: [update] } }
    then: hold
    approval: { by: { groups: [dba] } }
masks:
  - { name: people, when: {}, detect: [personal], with: { keep_last: 4 } }
"#;

const TABLES: &str = "create table t(a int, mail text); insert into t values (1, 'ann@example.com'); \
    create table ledger(a int)";

const BLOCKED: &str = "E(42501,SP-1201) ZI";
const UNREADABLE: &str = "E(42501,SP-1202) ZI";
const UNKNOWN: &str = "E(26000,SP-1503) ZI";

fn run(name: &str, parameters: &[&str]) -> [Message; 3] {
    [bind("", name, parameters, false), execute("", 0), sync()]
}

/// The last command that was judged, as the record has it.
fn last(scene: &DatabaseScene) -> Result<Value> {
    scene.events_of("command.judged")?.pop().context("something was judged")
}

#[test]
fn what_a_name_runs_is_judged() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, TABLES)?;
    let mut wire = scene.wire()?;
    let mut check = |messages: &[Message], expected: &str| -> Result<()> {
        assert_eq!(wire.ask(messages)?, expected, "{messages:?}");
        Ok(())
    };
    // What is prepared by SQL runs by SQL and by the protocol.
    check(&[query("prepare mails as select mail from t")], "C(PREPARE) ZI")?;
    check(&[query("execute mails")], "T D[***@******e.com] C(SELECT-1) ZI")?;
    check(&run("mails", &[]), "2 D[***@******e.com] C(SELECT-1) ZI")?;
    let [bound, executed, synced] = run("", &[]);
    let by_name = [parse("", "execute mails"), bound, executed, synced];
    check(&by_name, "1 2 D[***@******e.com] C(SELECT-1) ZI")?;
    // What is prepared by the protocol runs by SQL, with parameters.
    check(&[parse("one", "select $1::int + 1"), sync()], "1 ZI")?;
    check(&[query("execute one(41)")], "T D[42] C(SELECT-1) ZI")?;
    // To prepare is not to run; to run is to be judged by what runs.
    check(&[query("prepare gone as delete from t")], "C(PREPARE) ZI")?;
    check(&[query("execute gone")], BLOCKED)?;
    check(&[query("select 1; execute gone")], BLOCKED)?;
    check(&run("gone", &[]), BLOCKED)?;
    check(&[parse("", "execute gone"), sync()], BLOCKED)?;
    check(&run("", &[]), UNKNOWN)?;
    check(&[query("prepare ledger as insert into ledger values (1)")], BLOCKED)?;
    check(&[parse("ledger", "insert into ledger values (1)"), sync()], BLOCKED)?;
    check(&[query("execute ledger")], UNREADABLE)?;
    // Names are the database's: their case, their quotes, their length.
    check(&[query("execute MAILS")], "T D[***@******e.com] C(SELECT-1) ZI")?;
    check(&[query("execute \"MAILS\"")], UNREADABLE)?;
    // The database says that it cuts.
    let long = "x".repeat(63);
    check(&[parse(&format!("{long}yz"), "delete from t where a = 7"), sync()], BLOCKED)?;
    check(&[parse(&format!("{long}yz"), "select 7"), sync()], "1 ZI")?;
    check(&[query(&format!("execute {long}abc"))], "N T D[7] C(SELECT-1) ZI")?;
    assert!(!scene.postgres.log()?.contains("execute gone"));
    assert_eq!(scene.postgres.sql("app", "orders", "select count(*) from t")?, "1");
    Ok(())
}

#[test]
fn what_is_forgotten_or_made_anew() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, TABLES)?;
    let mut wire = scene.wire()?;
    let mut check = |messages: &[Message], expected: &str| -> Result<()> {
        assert_eq!(wire.ask(messages)?, expected, "{messages:?}");
        Ok(())
    };
    let seven = "T D[7] C(SELECT-1) ZI";
    check(&[query("prepare p as select 7")], "C(PREPARE) ZI")?;
    check(&[query("prepare p as delete from t")], "E(42P05) ZI")?;
    check(&[query("execute p")], seven)?;
    check(&[query("deallocate p")], "C(DEALLOCATE) ZI")?;
    check(&[query("execute p")], UNREADABLE)?;
    check(&run("p", &[]), UNKNOWN)?;
    // Within one text, in the order of the text.
    check(&[query("prepare p as select 7; execute p")], "C(PREPARE) T D[7] C(SELECT-1) ZI")?;
    check(&[query("deallocate p; prepare p as delete from t; execute p")], BLOCKED)?;
    check(&[query("execute p")], seven)?;
    check(
        &[query("execute p; deallocate p; prepare p as select 8; execute p")],
        "T D[7] C(SELECT-1) C(DEALLOCATE) C(PREPARE) T D[8] C(SELECT-1) ZI",
    )?;
    // What failed in the middle has done what was before.
    check(
        &[query("deallocate p; select 1 / 0; prepare p as select 9")],
        "C(DEALLOCATE) E(22012) ZI",
    )?;
    check(&[query("execute p")], UNREADABLE)?;
    // Names do not come back when their transaction is undone, and do not go.
    check(&[query("begin")], "C(BEGIN) ZT")?;
    check(&[query("prepare p as select 7")], "C(PREPARE) ZT")?;
    check(&[query("rollback")], "C(ROLLBACK) ZI")?;
    check(&[query("execute p")], seven)?;
    check(&[query("begin; deallocate p; rollback")], "C(BEGIN) C(DEALLOCATE) C(ROLLBACK) ZI")?;
    check(&[query("execute p")], UNREADABLE)?;
    for all in ["deallocate all", "discard all"] {
        check(&[parse("q", "select 7"), sync()], "1 ZI")?;
        check(&[query("execute q")], seven)?;
        let tag = all.to_uppercase().replace(' ', "-");
        check(&[query(all)], &format!("C({tag}) ZI"))?;
        check(&[query("execute q")], UNREADABLE)?;
        check(&run("q", &[]), UNKNOWN)?;
    }
    // By way of another statement, what is done to names is not counted: they are forgotten.
    check(&[parse("q", "select 7"), parse("all", "deallocate all"), sync()], "1 1 ZI")?;
    check(&[query("execute \"all\"")], "C(DEALLOCATE-ALL) ZI")?;
    check(&[query("execute q")], UNREADABLE)?;
    // Closed by the protocol.
    check(&[parse("q", "select 7"), (b'C', b"Sq\0".to_vec()), sync()], "1 3 ZI")?;
    check(&[query("execute q")], UNREADABLE)?;
    Ok(())
}

#[test]
fn what_is_held_runs_by_its_name_once_approved() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, TABLES)?;
    let mut wire = scene.wire()?;
    assert_eq!(wire.ask(&[parse("up", "update t set a = $1"), sync()])?, "1 ZI");
    wire.send(&chaos_tests::live::wire::bytes(&[query("execute up(5)")]))?;
    assert_eq!(wire.heard(b'N')?, "N");
    let asked = last(&scene)?;
    let text = asked["text"].as_str().context("a text")?;
    assert_eq!(text, "execute up(5)\n-- prepared as 'up': 'update t set a = $1'");
    assert_eq!(asked["reading"]["statements"][0]["tag"], "update");
    until("bob may approve it", SHORT, || Ok(scene.bob_rules("approve")?.then_some(())))?;
    assert_eq!(super::held::rest(&mut wire)?, "C(UPDATE-1) ZI");
    assert_eq!(scene.postgres.sql("app", "orders", "select a from t")?, "5");
    assert_eq!(scene.events_of("command.released")?.len(), 1);
    Ok(())
}

#[test]
fn parameters_of_the_session_are_recorded() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, TABLES)?;
    let mut wire = scene.wire()?;
    let mut check = |sql: &str, session: Value| -> Result<()> {
        let said = wire.ask(&[query(sql)])?;
        assert!(!said.contains("E("), "{sql}: {said}");
        wire.ask(&[query("select 1")])?;
        let found = last(&scene)?["reading"]["session"].clone();
        assert_eq!(found, session, "{sql}");
        Ok(())
    };
    check("select 1", Value::Null)?;
    let path = serde_json::json!({ "search_path": "other, public" });
    check("set search_path = other, public", path.clone())?;
    check("begin; set local search_path = here; commit", path.clone())?;
    check("begin; reset search_path; rollback", path)?;
    check("reset all", Value::Null)?;
    check("set role app", serde_json::json!({ "role": "app" }))?;
    check("set role none", Value::Null)?;
    check("set session authorization app", serde_json::json!({ "session_authorization": "app" }))?;
    check("discard all", Value::Null)?;
    let by_function = "select set_config('search_path', 'x' || 1, false)";
    check(by_function, serde_json::json!({ "search_path": "unknown" }))?;
    Ok(())
}
