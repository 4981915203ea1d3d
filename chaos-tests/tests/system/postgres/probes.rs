//! FAULTS 18: what a client may try with SQL, against rules about SQL. Each line is tried as a
//! `Query`, and by `Parse`, `Bind` and `Execute` with results in text and in binary.

use anyhow::{Context as _, Result};
use chaos_tests::live::DatabaseScene;
use chaos_tests::live::wire::{Message, Wire, bind, execute, parse, query, sync};

/// Nothing that is special, and nobody sees salaries.
const POLICY: &str = r#"version: 1
grants:
  - { name: eng, who: { groups: [engineering, dba] }, targets: {}, as: [app], channels: [query, copy] }
rules:
  - { name: no-drop, when: { sql: { statements: [drop table, truncate table] } }, then: block }
  - name: nothing-special
    when: { sql: { effects: [privilege, program, file, remote, execute, admin] } }
    then: block
  - { name: no-salaries, when: { sql: { tables: [public.salaries] } }, then: block }
  - { name: not-all-rows, when: { sql: { unbounded: true } }, then: block }
"#;

const TABLES: &str = "create table t(a int); insert into t values (1); \
    create table salaries(who text, pays int); insert into salaries values ('Ann', 777888)";

/// Stands in each statement that is tried: the database must not have heard it.
const MARK: &str = "/*tried*/";

/// Blocked by a rule.
const BLOCKED: &[&str] = &[
    "select 1; drop table t",
    "drop table t; select 1",
    "begin; drop table t; commit",
    "/* /* */ */ drop table t",
    "/* */ drop table t /* */",
    "/* /* /* */ */ -- */ drop table u; drop table t",
    "select 1 /* drop /* nested */ */; drop table t",
    "drop/**/table/**/t",
    "drop\ttable\nt",
    "select 1; -- \ndrop table t",
    "select 1; -- ;\n drop table t",
    "select $$x$$; drop table t",
    "select $a$ $$ ; $a$; drop table t",
    "select $a$ $b$ $a$; drop table t; --$b$",
    "select E'\\''; drop table t",
    "select E'\\\\'; drop table t; --'",
    "select '\\'; drop table t; --'",
    "select ''''; drop table t",
    "select U&'\\0027'; drop table t",
    "select N'x', B'1', X'f'; drop table t",
    "select 'a'\n'b'; drop table t",
    "drop table U&\"\\0074\"",
    "drop table U&\"!0074\" uescape '!'",
    "select * from U&\"sal\\0061ries\"",
    "select * from U&\"sal!0061ries\" uescape '!'",
    "select * from \"salaries\"",
    "select * from SALARIES",
    "select * from public.salaries",
    "select * from orders.public.salaries",
    "table salaries",
    "select salaries from salaries",
    "select 'x', 1 union select who, pays from salaries",
    "select (select max(pays) from salaries)",
    "select * from t where exists (select from salaries where pays = 777888)",
    "with x as (select * from salaries) select * from x",
    "with recursive x as (select who from salaries union select who from x) select * from x",
    "insert into t select pays from salaries",
    "merge into t using salaries s on t.a = s.pays when matched then update set a = 2",
    "update t set a = (select pays from salaries limit 1) where a = 1",
    "create table s as select * from salaries",
    "select * into s from salaries",
    "create view v as select * from salaries",
    "create materialized view v as select * from salaries",
    "create rule r as on select to t do instead select pays as a from salaries",
    "declare c cursor for select * from salaries",
    "prepare p as select * from salaries",
    "lock table salaries in access share mode",
    "explain select * from salaries where pays > 5",
    "copy salaries to stdout",
    "copy salaries (who) to stdout with (format binary)",
    "copy (select * from salaries) to stdout with (format csv)",
    "copy salaries from stdin",
    "select query_to_xml('select * from salaries', true, true, '')",
    "select table_to_xml('salaries', true, true, '')",
    "alter table salaries rename to harmless",
    "alter table t inherit salaries",
    "create table u (like salaries including all)",
    "create temp table salaries (a int)",
    "comment on table salaries is 'x'",
    "analyze salaries",
    "with x as (delete from t returning *) select * from x",
    "with x as (update t set a = 2 returning *) select * from x",
    "explain analyze delete from t",
    "explain (analyze) delete from t",
    "explain (analyze on, format json) update t set a = 2",
    "explain (analyze off, analyze) delete from t",
    "delete from t where true",
    "delete from t where 1 = 1",
    "update t set a = 2 where now() > '2000-01-01'",
    "truncate t",
    "do $$ begin drop table t; end $$",
    "do language plpgsql 'begin drop table t; end'",
    "call p()",
    "copy (select 1) to program 'id > /tmp/tried'",
    "copy t to program 'cat'",
    "copy t from program 'echo 1'",
    "copy t from '/etc/passwd'",
    "copy t to '/tmp/tried'",
    "select pg_read_file('/etc/passwd')",
    "select PG_CATALOG.\"pg_read_file\"('/etc/passwd')",
    "select U&\"pg\\005fread_file\"('/etc/passwd')",
    "select pg_ls_dir('.'), lo_import('/etc/passwd')",
    "select * from dblink('dbname=orders', 'drop table t') as x(a int)",
    "select dblink_connect('dbname=orders')",
    "select public.dblink_exec('dbname=orders', 'drop table t')",
    "create extension dblink",
    "create server s foreign data wrapper postgres_fdw",
    "set role postgres",
    "set local role postgres",
    "set session authorization postgres",
    "reset role",
    "select set_config('role', 'postgres', false)",
    "select set_config('ROLE', 'postgres', true)",
    "alter role app superuser",
    "create role evil superuser",
    "grant postgres to app",
    "grant all on t to public",
    "alter table t owner to postgres",
    "alter system set archive_command = 'id'",
    "load 'evil'",
    "checkpoint",
    "execute unknown",
    "explain analyze execute unknown",
];

/// Blocked because nobody can know what they do.
const UNREADABLE: &[&str] = &[
    "selekt 1",
    "select 1 /* never ends",
    "select 'never ends",
    "drop table\u{a0}t; drop table t",
    "select 1 -- \ndrop table t; drop table t",
    "select $$never ends",
    "select \"never ends",
    "select $a$ $$; drop table t",
    "select U&'\\00'",
    "select query_to_xml('sel' || 'ect 1', true, true, '')",
    "select query_to_xml($$selekt$$, true, true, '')",
    "select table_to_xml('public.t', true, true, '')",
    "select schema_to_xml('public', true, true, '')",
    "select set_config('ro' || 'le', 'postgres', false)",
    "select set_config(setting_name => 'role', new_value => 'postgres', is_local => false)",
    "update pg_settings set setting = 'postgres' where name = 'role'",
    "identify_system",
    "start_replication slot s logical 0/0",
    "base_backup",
];

/// Allowed, since what looks like more is none: what the one value comes out as.
const HARMLESS: &[(&str, &str)] = &[
    ("select '; drop table t'", ";\\20drop\\20table\\20t"),
    ("select $$; drop table t$$", ";\\20drop\\20table\\20t"),
    ("select $x$ $$ ; drop table t; $x$", "\\20$$\\20;\\20drop\\20table\\20t;\\20"),
    ("select E'\\'; drop table t'", "';\\20drop\\20table\\20t"),
    ("select ''';' -- drop table t", "';"),
    ("select 'x' /* drop /* table */ t */", "x"),
    ("select U&'\\0027; drop table t'", "';\\20drop\\20table\\20t"),
    ("select 'salaries'", "salaries"),
    ("with salaries as (select text 'none') select * from salaries", "none"),
];

fn extended(sql: &str, binary: bool) -> Vec<Message> {
    vec![parse("", sql), bind("", "", &[], binary), execute("", 0), sync()]
}

/// What comes back otherwise than expected, of each way to say it.
fn tried(wire: &mut Wire, sql: &str, simple: &str, rest: &str) -> Result<Vec<String>> {
    let ways = [
        ("simple", vec![query(sql)], simple),
        ("in text", extended(sql, false), rest),
        ("in binary", extended(sql, true), rest),
    ];
    let mut wrong = Vec::new();
    for (way, messages, expected) in ways {
        let said = wire.ask(&messages)?;
        if said != expected {
            wrong.push(format!("{way}: {sql}: {said}, expected {expected}"));
        }
    }
    Ok(wrong)
}

#[test]
fn what_is_blocked_is_blocked_however_it_is_written() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, TABLES)?;
    let mut wire = scene.wire()?;
    let mut wrong = Vec::new();
    for (probes, answer) in [(BLOCKED, "E(42501,SP-1201) ZI"), (UNREADABLE, "E(42501,SP-1202) ZI")]
    {
        for sql in probes {
            wrong.extend(tried(&mut wire, &format!("{MARK} {sql}"), answer, answer)?);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let log = scene.postgres.log()?;
    assert!(!log.contains(MARK), "the database has heard what is blocked");
    for (sql, value) in HARMLESS {
        let (sql, rest) = (format!("{MARK} {sql}"), format!("1 2 D[{value}] C(SELECT-1) ZI"));
        let simple = format!("T D[{value}] C(SELECT-1) ZI");
        wrong.extend(tried(&mut wire, &sql, &simple, &rest)?);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(scene.postgres.log()?.contains(MARK), "the database writes down what it gets");
    assert_eq!(scene.postgres.sql("app", "orders", "select a from t")?, "1");
    Ok(())
}

/// A name that leads elsewhere: the table is judged by its name wherever the path may lead.
#[test]
fn names_that_are_shadowed_are_judged_all_the_same() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, TABLES)?;
    let mut wire = scene.wire()?;
    let blocked = "E(42501,SP-1201) ZI";
    assert_eq!(wire.ask(&[query("create schema other")])?, "E(42501) ZI");
    assert_eq!(wire.ask(&[query("set search_path = pg_temp, public")])?, "C(SET) ZI");
    assert_eq!(wire.ask(&[query("select * from salaries")])?, blocked);
    assert_eq!(wire.ask(&[query("select * from other.salaries")])?, "E(42P01) ZI");
    // A table of one's own under another name is one's own; what is put into it was read before.
    assert_eq!(wire.ask(&[query("create temp table mine(a int)")])?, "C(CREATE-TABLE) ZI");
    assert_eq!(wire.ask(&[query("insert into mine select pays from salaries")])?, blocked);
    assert_eq!(wire.ask(&[query("select * from mine")])?, "T C(SELECT-0) ZI");
    assert_eq!(wire.ask(&[query("alter table mine rename to salaries")])?, "C(ALTER-TABLE) ZI");
    assert_eq!(wire.ask(&[query("select * from salaries")])?, blocked);
    assert_eq!(wire.ask(&[query("select * from pg_temp.salaries")])?, "T C(SELECT-0) ZI");
    Ok(())
}

/// What is said when a connection begins is refused before the database hears of it.
#[test]
fn what_a_startup_may_not_say() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, TABLES)?;
    for parameter in [
        ("replication", "true"),
        ("replication", "database"),
        ("replication", "on"),
        ("replication", "1"),
        ("replication", "yes"),
        ("replication", "TRUE"),
        ("options", "-c standard_conforming_strings=off"),
        ("options", "-c search_path=evil"),
        ("options", "--role=postgres"),
        ("search_path", "evil"),
        ("role", "postgres"),
        ("session_authorization", "postgres"),
        ("client_encoding", "SJIS"),
        ("client_encoding", "LATIN1"),
        ("standard_conforming_strings", "off"),
        ("session_preload_libraries", "evil"),
        ("default_transaction_isolation", "serializable"),
        ("user", "bob"),
    ] {
        let refused = scene.wire_with(&[parameter]).err().context("it is let in")?;
        let said = refused.to_string();
        // The same parameter twice is no startup at all, and gets no answer.
        let expected = if parameter.0 == "user" { "an answer" } else { "E(22023,SP-1009)" };
        assert!(said.ends_with(expected), "{parameter:?}: {said}");
    }
    for parameter in
        [("replication", "false"), ("options", " "), ("client_encoding", "utf-8"), ("_pq_.x", "1")]
    {
        let mut wire = scene.wire_with(&[parameter])?;
        assert_eq!(wire.ask(&[query("select 1")])?, "T D[1] C(SELECT-1) ZI", "{parameter:?}");
    }
    Ok(())
}
