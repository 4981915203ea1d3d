//! What connections to one database know of it together, where columns are masked: each is shown
//! what its own person may see, and each sees at once what another one has defined.

use anyhow::Result;
use chaos_tests::live::wire::{Wire, query};
use chaos_tests::live::{DATABASE, DatabaseScene, PERSON_PASSWORD, SHORT, until};

const POLICY: &str = r#"version: 1
defaults: { unreadable: allow }
grants:
  - { name: eng, who: { groups: [engineering, dba] }, targets: {}, as: [app], channels: [query] }
masks:
  - { name: one, when: { who: { groups: [engineering] } }, columns: ["public.people.ssn"], with: redact }
  - { name: other, when: { who: { groups: [dba] } }, columns: ["public.people.note"], with: redact }
"#;

const TABLES: &str = "create table people(id int, ssn text, note text); \
    insert into people values (1, '123-45-6789', 'plain')";

#[test]
fn each_is_shown_what_its_own_person_may_see() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, TABLES)?;
    let (host, port) = scene.address()?;
    let mut alice = scene.wire()?;
    let mut bob = Wire::connect(&format!("{host}:{port}"), "bob", DATABASE, PERSON_PASSWORD)?;
    let select = query("select ssn, note from people");
    for _ in 0..2 {
        assert_eq!(
            alice.ask(std::slice::from_ref(&select))?,
            "T D[***********,plain] C(SELECT-1) ZI"
        );
        assert_eq!(
            bob.ask(std::slice::from_ref(&select))?,
            "T D[123-45-6789,*****] C(SELECT-1) ZI"
        );
    }
    // A third one has no need to ask, and is shown the same.
    let mut again = scene.wire()?;
    assert_eq!(again.ask(&[select])?, "T D[***********,plain] C(SELECT-1) ZI");
    Ok(())
}

#[test]
fn what_one_defines_the_others_see_at_once() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, TABLES)?;
    let (mut one, mut other) = (scene.wire()?, scene.wire()?);
    for round in 0..3 {
        let ask = |wire: &mut Wire, sql: String| wire.ask(&[query(&sql)]);
        assert_eq!(ask(&mut other, "select id from people".into())?, "T D[1] C(SELECT-1) ZI");
        let table = format!("create table made{round}(a int)");
        assert_eq!(ask(&mut one, table)?, "C(CREATE-TABLE) ZI");
        let insert = format!("insert into made{round} values (7)");
        assert_eq!(ask(&mut other, insert)?, "C(INSERT-0-1) ZI");
        let select = format!("select a from made{round}");
        assert_eq!(ask(&mut other, select)?, "T D[7] C(SELECT-1) ZI");
    }
    // What is defined past the gateway is seen once it has asked again.
    let past = "create table past(a int); insert into past values (7)";
    scene.postgres.sql("app", DATABASE, past)?;
    until("it is seen", SHORT, || {
        let said = other.ask(&[query("select a from past")])?;
        Ok((said == "T D[7] C(SELECT-1) ZI").then_some(()))
    })
}
