//! What the record shows of statements where policy says that their rows are recorded: masked, as
//! a table, up to the record's limit.

use anyhow::{Context as _, Result, ensure};
use chaos_tests::live::wire::{bind, describe, execute, parse, query, sync};
use chaos_tests::live::{DatabaseScene, SHORT, until};
use serde_json::Value;

const POLICY: &str = r#"version: 1
defaults: { unreadable: allow }
grants:
  - { name: eng, who: { groups: [engineering, dba] }, targets: {}, as: [app], channels: [query, copy] }
masks:
  - { name: people, when: {}, detect: [personal], with: { keep_last: 4 } }
records:
  - { name: rows, when: { not: { sql: { tables: [quiet] } } }, rows: true, limit: 64KiB }
"#;

const TABLES: &str = "create table customers(id int, email text); \
    insert into customers values (1, 'ann@example.com'), (2, null); \
    create table quiet(email text); insert into quiet values ('bob@example.com')";

fn asked(scene: &DatabaseScene, arguments: &[&str]) -> Result<String> {
    let said = scene.node.administer(arguments)?;
    ensure!(said.status.success(), "{arguments:?}: {}", said.said());
    Ok(said.text())
}

/// The replay of the only session, once it is over.
fn replay(scene: &DatabaseScene) -> Result<String> {
    until("the session ends", SHORT, || {
        Ok((!scene.events_of("session.closed")?.is_empty()).then_some(()))
    })?;
    let list: Value = serde_json::from_str(&asked(scene, &["sessions", "list", "-o", "json"])?)?;
    let id = list[0]["id"].as_str().context("a session")?;
    asked(scene, &["sessions", "replay", id, "--no-wait"])
}

#[test]
fn a_replay_shows_statements_with_their_rows() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, TABLES)?;
    let mut wire = scene.wire()?;
    wire.ask(&[query("select id, email from customers order by id")])?;
    wire.ask(&[query("select 1 as one; select 'two' as two")])?;
    wire.ask(&[query("copy customers to stdout")])?;
    wire.ask(&[query("select email from quiet")])?;
    let text = "select id, email, $1 as said from customers where id = $2::text::int";
    let bound = bind("", "", &["mail bob@example.com", "1"], true);
    let binary = [parse("", text), bound, describe(b'P', ""), execute("", 0), sync()];
    wire.ask(&binary)?;
    wire.ask(&[query("select 'x' / 0")])?;
    drop(wire);
    let shown = replay(&scene)?;
    for line in [
        "=> select id, email from customers order by id",
        "id | email",
        "1 | ***@******e.com",
        "2 | null",
        "   (2 rows,",
        "one\n1\ntwo\ntwo\n",
        "1\\t***@******e.com\n2\\t\\\\N\n",
        "=> select email from quiet\n   (1 rows,",
        "$1 = 'mail ***@******e.com'",
        "$2 = '1'",
        "id | email | said\n1 | ***@******e.com | mail ***@******e.com\n",
        "(failed after 0 rows)",
    ] {
        assert!(shown.contains(line), "{line:?} is not in\n{shown}");
    }
    assert!(!shown.contains("ann@example.com") && !shown.contains("bob@example.com"), "{shown}");
    let released = scene.events_of("output.released")?;
    assert!(released.iter().all(|one| !one.to_string().contains("ann@example.com")));
    assert!(released.iter().any(|one| one["text"].to_string().contains("***@******e.com")));
    assert!(released.iter().all(|one| !one.to_string().contains("***@******b@")));
    Ok(())
}

#[test]
fn beyond_the_records_limit_rows_are_counted() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, TABLES)?;
    let mut wire = scene.wire()?;
    let many = "select repeat('x', 900) from generate_series(1, 2000)";
    let said = wire.ask(&[query(many)])?;
    assert_eq!(said.matches("D[").count(), 2000, "the client gets them all");
    // One row that is longer than any window.
    wire.ask(&[query("select repeat('y', 300000)")])?;
    drop(wire);
    let recorded: usize = scene
        .events_of("output.released")?
        .iter()
        .filter_map(|one| one["text"].as_str().map(str::len))
        .sum();
    assert!((32 * 1024..=70 * 1024).contains(&recorded), "{recorded} bytes are recorded");
    assert!(replay(&scene)?.contains("(2000 rows,"));
    Ok(())
}

/// Types are those that the database has described, or else those that the client said.
#[test]
fn a_replay_shows_parameters_by_their_types() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, TABLES)?;
    let mut wire = scene.wire()?;
    let run = |values: &[&str]| [bind("", "a", values, false), execute("", 0), sync()];
    wire.ask(&[parse("a", "select $1::text, $2::int"), sync()])?;
    wire.ask(&run(&["x", "7"]))?;
    wire.ask(&[describe(b'S', "a"), sync()])?;
    wire.ask(&run(&["y", "8"]))?;
    let typed = (b'P', b"b\0select $1, $2\0\0\x02\0\0\0\x17\0\0\0\x19".to_vec());
    let values = b"\0\0\0\x04\0\0\0\x2a\0\0\0\x0fbob@example.com";
    let binary = [&b"\0b\0\0\x01\0\x01\0\x02"[..], values, b"\0\0"].concat();
    wire.ask(&[typed, (b'B', binary), execute("", 0), sync()])?;
    drop(wire);
    let shown = replay(&scene)?;
    for line in [
        "$1 = 'x'\n   $2 = '7'\n",
        "$1 = 'y'::text\n   $2 = '8'::int4\n",
        "$1 = '42'::int4\n   $2 = '***@******e.com'::text\n",
    ] {
        ensure!(shown.contains(line), "{line:?} is not in {shown}");
    }
    let list: Value = serde_json::from_str(&asked(&scene, &["sessions", "list", "-o", "json"])?)?;
    let id = list[0]["id"].as_str().context("a session")?;
    let session = asked(&scene, &["sessions", "show", id])?;
    ensure!(session.contains("'8'::int4"), "{session}");
    // What was sealed is what was sent, types and all: a decision comes out as it was.
    let key = scene.path("data").join("keys/audit.key").display().to_string();
    let said = asked(&scene, &["audit", "rederive", "--audit-key", &key, "-o", "json"])?;
    let said: Value = serde_json::from_str(&said)?;
    let counts = said.get(0).unwrap_or(&said);
    let same = counts["differences"] == 0 && counts["readings_changed"] == 0;
    ensure!(same && counts["opened"].as_u64() >= Some(3), "{said}");
    Ok(())
}
