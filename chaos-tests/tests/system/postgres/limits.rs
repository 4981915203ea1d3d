//! What policy limits: rows, bytes and time of a statement, statements within a second; and what a
//! message may hold. The connection goes on.

use anyhow::Result;
use chaos_tests::live::DatabaseScene;
use chaos_tests::live::wire::{Message, Wire, bind, execute, parse, query, sync};

const POLICY: &str = r#"version: 1
defaults: { unreadable: allow }
grants:
  - { name: eng, who: { groups: [engineering, dba] }, targets: {}, as: [app], channels: [query, copy] }
limits:
  - { name: few, when: { sql: { tables: [many] } }, limit: { rows: 3 } }
  - { name: small, when: { sql: { tables: [wide] } }, limit: { bytes: 4KiB } }
  - { name: soon, when: { sql: { functions: [pg_sleep] } }, limit: { time: 1s } }
"#;

const TABLES: &str = "create table many(a int); insert into many select generate_series(1, 100000); \
    create table wide(a text); insert into wide select repeat('x', 1000) from generate_series(1, 9); \
    create table big(a text)";

const OVER: &str = "E(53400,SP-1212)";

fn run(sql: &str) -> [Message; 4] {
    [parse("", sql), bind("", "", &[], false), execute("", 0), sync()]
}

#[test]
fn a_statement_that_gives_too_much_is_stopped() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, TABLES)?;
    let mut wire = scene.wire()?;
    let check = |wire: &mut Wire, messages: &[Message], expected: &str| -> Result<()> {
        assert_eq!(wire.ask(messages)?, expected, "{messages:?}");
        // Whatever was asked to stop, it is not this.
        assert_eq!(wire.ask(&[query("select 7")])?, "T D[7] C(SELECT-1) ZI");
        Ok(())
    };
    let three = "D[1] D[2] D[3]";
    let ordered = "select a from many order by a";
    check(
        &mut wire,
        &[query(&format!("{ordered} limit 3"))],
        &format!("T {three} C(SELECT-3) ZI"),
    )?;
    check(&mut wire, &[query(ordered)], &format!("T {three} {OVER} ZI"))?;
    check(&mut wire, &run(ordered), &format!("1 2 {three} {OVER} ZI"))?;
    // So few that it is over before it can be stopped: the client does not get them all the same.
    check(&mut wire, &[query(&format!("{ordered} limit 4"))], &format!("T {three} {OVER} ZI"))?;
    check(&mut wire, &run(&format!("{ordered} limit 4")), &format!("1 2 {three} {OVER} ZI"))?;
    check(&mut wire, &[query("copy many to stdout")], &format!("H d d d {OVER} ZI"))?;
    let many = format!("{ordered} limit 4; select 8; select 9");
    check(&mut wire, &[query(&many)], &format!("T {three} {OVER} ZI"))?;
    // Behind it in one text there is a copy that nobody sends any more.
    let copy = format!("{ordered} limit 4; copy big from stdin");
    check(&mut wire, &[query(&copy)], &format!("T {three} {OVER} ZI"))?;
    let wide = wire.ask(&[query("select a from wide")])?;
    assert_eq!(wide.matches("D[").count(), 4, "of 1,000 bytes and a few each");
    assert!(wide.ends_with(&format!("{OVER} ZI")), "{wide}");
    // In a transaction it fails, as anything that fails.
    assert_eq!(wire.ask(&[query("begin")])?, "C(BEGIN) ZT");
    let endless = "select 1 from many, generate_series(1, 1000000)";
    assert_eq!(wire.ask(&[query(endless)])?, format!("T D[1] D[1] D[1] {OVER} ZE"));
    assert_eq!(wire.ask(&[query("rollback")])?, "C(ROLLBACK) ZI");
    // In pieces there is not more of it.
    assert_eq!(wire.ask(&[query("begin")])?, "C(BEGIN) ZT");
    let first = [parse("", ordered), bind("p", "", &[], false), execute("p", 2), sync()];
    assert_eq!(wire.ask(&first)?, "1 2 D[1] D[2] s ZT");
    let said = wire.ask(&[execute("p", 2), sync()])?;
    assert!(said.starts_with(&format!("D[3] {OVER}")), "{said}");
    assert!(wire.ask(&[query("rollback")])?.ends_with("C(ROLLBACK) ZI"));
    let finished = scene.events_of("command.finished")?;
    assert!(finished.iter().all(|one| one["rows"].as_u64().unwrap_or(0) <= 4), "{finished:?}");
    Ok(())
}

#[test]
fn a_statement_that_takes_too_long_is_stopped() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, TABLES)?;
    let mut wire = scene.wire()?;
    assert_eq!(wire.ask(&[query("select pg_sleep(600)")])?, format!("T {OVER} ZI"));
    assert_eq!(wire.ask(&run("select pg_sleep(600)"))?, format!("1 2 {OVER} ZI"));
    assert_eq!(wire.ask(&[query("select 7")])?, "T D[7] C(SELECT-1) ZI");
    assert_eq!(wire.ask(&[query("select pg_sleep(0)")])?, "T D[] C(SELECT-1) ZI");
    Ok(())
}

#[test]
fn statements_within_a_second() -> Result<()> {
    let pace = "limits: [{ name: pace, when: {}, limit: { statements_per_second: 5 } }]\n";
    let policy = format!("{}{pace}", POLICY.split("limits:").next().unwrap_or_default());
    let scene = DatabaseScene::start(&policy, TABLES)?;
    let mut wire = scene.wire()?;
    let seven = "T D[7] C(SELECT-1) ZI".to_owned();
    let begun = std::time::Instant::now();
    let said: Vec<_> = (0..60).map(|_| wire.ask(&[query("select 7")])).collect::<Result<_>>()?;
    let passed = said.iter().filter(|one| **one == seven).count();
    let most = 5 * (usize::try_from(begun.elapsed().as_secs())? + 2);
    assert!((5..=most).contains(&passed), "{passed} of at most {most}");
    assert!(said.iter().all(|one| *one == seven || *one == format!("{OVER} ZI")), "{said:?}");
    assert!(said.contains(&format!("{OVER} ZI")));
    Ok(())
}

#[test]
fn long_statements() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, TABLES)?;
    let mut wire = scene.wire()?;
    let long = "y".repeat(1_000_000);
    let insert = format!("insert into big values ('{long}')");
    assert_eq!(wire.ask(&[query(&insert)])?, "C(INSERT-0-1) ZI");
    assert_eq!(wire.ask(&run(&insert))?, "1 2 C(INSERT-0-1) ZI");
    let bound = [
        parse("", "insert into big values ($1)"),
        bind("", "", &[&long], false),
        execute("", 0),
        sync(),
    ];
    assert_eq!(wire.ask(&bound)?, "1 2 C(INSERT-0-1) ZI");
    let stored = "select count(*), min(length(a)), max(length(a)) from big";
    assert_eq!(scene.postgres.sql("app", "orders", stored)?, "3|1000000|1000000");
    // Beyond it nothing is passed on that was not read.
    let long = "y".repeat(1_048_576);
    let insert = format!("insert into big values ('{long}')");
    assert_eq!(wire.ask(&[query(&insert)])?, "E(54000,SP-1206) ZI");
    assert_eq!(wire.ask(&run(&insert))?, "E(54000,SP-1206) ZI");
    let bound = [
        parse("", "insert into big values ($1)"),
        bind("", "", &[&long], false),
        execute("", 0),
        sync(),
    ];
    assert_eq!(wire.ask(&bound)?, "1 E(54000,SP-1206) ZI");
    assert_eq!(scene.postgres.sql("app", "orders", stored)?, "3|1000000|1000000");
    Ok(())
}

/// Whoever guesses passwords from one place is soon not listened to, from there.
#[test]
fn passwords_are_not_guessed_for_long() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, TABLES)?;
    let (host, port) = scene.address()?;
    let address = format!("{host}:{port}");
    let guess = |password: &str| -> String {
        let said = Wire::connect(&address, "alice", chaos_tests::live::DATABASE, password);
        said.err().map(|error| error.to_string()).unwrap_or_default()
    };
    // Each takes its time: so side by side.
    let said: Vec<String> = std::thread::scope(|scope| {
        let guesses: Vec<_> = (0..45)
            .map(|at| {
                let guess = &guess;
                scope.spawn(move || guess(&format!("wrong {at}")))
            })
            .collect();
        guesses.into_iter().filter_map(|one| one.join().ok()).collect()
    });
    let wrong = said.iter().filter(|one| one.contains("SP-1506")).count();
    let left = said.iter().filter(|one| one.contains("SP-1505")).count();
    assert_eq!(wrong + left, 45, "{said:?}");
    assert!(guess("one more").contains("SP-1505"), "after {wrong} that were tried");
    assert!(guess(chaos_tests::live::PERSON_PASSWORD).contains("SP-1505"));
    Ok(())
}
