//! What people see with their own `psql`.

use std::process::Stdio;

use anyhow::Result;
use chaos_tests::live::{LONG, Process, SHORT, until};

use super::scene;

#[test]
fn what_psql_shows() -> Result<()> {
    let scene = scene()?;
    #[track_caller]
    fn check(scene: &chaos_tests::live::DatabaseScene, script: &str, expected: &str) -> Result<()> {
        let said = scene.psql("alice", script)?;
        // What it shows, then what it complains about.
        let both = format!("{}{}", said.text(), said.said());
        assert_eq!(both.trim(), expected.trim(), "{script}");
        Ok(())
    }
    let blocked = "psql:<stdin>:1: ERROR:  SP-1201: Nobody drops anything here.\n\
                   DETAIL:  Sallyport SP-1201: the command is blocked by policy.";
    check(&scene, "select 1, 'plain'", "1|plain")?;
    check(&scene, "select 1; select 2", "1\n2")?;
    check(&scene, "select email, n from customers order by id", "***@******e.com|7\n|8")?;
    check(
        &scene,
        "select email as x from (select * from customers) c where id = 1",
        "***@******e.com",
    )?;
    check(&scene, "select customers from customers where id = 1", "(1,Ann,***@******e.com,7)")?;
    check(&scene, "select to_json(email) from customers where id = 1", "\"***@******e.com\"")?;
    check(&scene, "copy customers to stdout", "1\tAnn\t***@******e.com\t7\n2\tBob\t\\N\t8")?;
    check(
        &scene,
        "copy (select email from customers where id = 1) to stdout with (format csv)",
        "***@******e.com",
    )?;
    check(&scene, "drop table customers", blocked)?;
    check(&scene, "select 1 \\; drop table customers \\; select 2", blocked)?;
    // A blocked statement fails its transaction, as any that fails does.
    check(
        &scene,
        "begin; create table kept(a int);\ndrop table customers;\nselect 1;\ncommit;\n\
         select count(*) from pg_class where relname = 'kept'",
        &format!(
            "0\n{}\npsql:<stdin>:3: ERROR:  current transaction is aborted, commands ignored until \
             end of transaction block",
            blocked.replace(":1:", ":2:")
        ),
    )?;
    check(
        &scene,
        "create temp table t(a int, b text);\ncopy t from stdin;\n1\tx\n2\ty@example.com\n\\.\n\
         select * from t order by a",
        "1|x\n2|*@******e.com",
    )?;
    check(
        &scene,
        "do $$ begin raise exception 'of ann@example.com'; end $$",
        "psql:<stdin>:1: ERROR:  of ***@******e.com\n\
         CONTEXT:  PL/pgSQL function inline_code_block line 1 at RAISE",
    )?;
    check(
        &scene,
        "do $$ begin raise notice 'of ann@example.com'; end $$",
        "psql:<stdin>:1: NOTICE:  of ***@******e.com",
    )?;
    check(&scene, "select ssl from pg_stat_ssl where pid = pg_backend_pid()", "f")?;
    let log = scene.postgres.log()?;
    assert!(!log.contains("drop table"), "the database has seen a blocked statement");
    assert!(log.contains("select 1, 'plain'"), "the database writes down what it gets");
    let finished = scene.events_of("command.finished")?;
    let rows: Vec<_> = finished.iter().filter_map(|one| one["rows"].as_u64()).collect();
    assert!(rows.contains(&2), "{rows:?}");
    assert!(finished.iter().any(|one| one["masked"]["email"] == 1), "{finished:?}");
    let errors = scene.events_of("output.released")?;
    assert!(errors.iter().any(|one| one["text"].to_string().contains("of ***@******e.com")));
    Ok(())
}

#[test]
fn the_meta_commands_of_psql_work() -> Result<()> {
    let scene = scene()?;
    let said = scene.psql("alice", "\\d customers\n\\dt\n\\l\n\\du\n\\df\n\\dn\n")?;
    assert!(!said.said().contains("ERROR"), "{}", said.said());
    assert!(said.text().contains("email|text"), "{}{}", said.text(), said.said());
    Ok(())
}

#[test]
fn strangers_learn_nothing() -> Result<()> {
    let scene = scene()?;
    let mut said = Vec::new();
    for (who, password) in [("alice", "wrong"), ("nobody", "wrong"), ("no body", "wrong")] {
        let mut client = scene.client(who, &["-c", "select 1"])?;
        client.env("PGPASSWORD", password).env("PGSSLMODE", "disable");
        let heard = chaos_tests::live::run(&mut client, Vec::new(), SHORT)?;
        assert!(!heard.status.success());
        said.push(heard.said());
    }
    assert!(said[0].contains("SP-1506"), "{}", said[0]);
    assert!(said.iter().all(|one| *one == said[0]), "{said:?}");
    Ok(())
}

#[test]
fn a_held_statement_runs_once_when_somebody_else_approves() -> Result<()> {
    let scene = scene()?;
    let mut client = scene.client("alice", &["-c", "update customers set name = 'Eve'"])?;
    client.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut waiting = Process::start(&mut client)?;
    until("bob may approve it", SHORT, || Ok(scene.bob_rules("approve")?.then_some(())))?;
    assert!(waiting.wait(LONG)?.success());
    assert_eq!(scene.postgres.sql("app", "orders", "select distinct name from customers")?, "Eve");
    assert_eq!(scene.postgres.log()?.matches("update customers").count(), 1);
    assert_eq!(scene.events_of("command.released")?.len(), 1);
    Ok(())
}

#[test]
fn a_held_statement_that_is_denied_never_runs() -> Result<()> {
    let scene = scene()?;
    let mut client = scene.client("alice", &["-c", "update customers set name = 'Eve'"])?;
    client.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut waiting = Process::start(&mut client)?;
    until("bob may deny it", SHORT, || Ok(scene.bob_rules("deny")?.then_some(())))?;
    assert!(!waiting.wait(LONG)?.success());
    assert_eq!(scene.postgres.log()?.matches("update customers").count(), 0);
    Ok(())
}
