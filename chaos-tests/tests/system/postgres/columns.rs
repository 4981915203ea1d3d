//! Masks of columns: hostile ways to read one masked column of a real PostgreSQL. Each line is a
//! way, and what is shown of it instead: never the value, and never nothing at all.

use anyhow::Result;
use chaos_tests::live::DatabaseScene;
use chaos_tests::live::wire::{Wire, bind, describe, execute, parse, query, sync};

/// What must never be seen: parts of the values of `people.ssn`.
const SECRET: &[&str] = &["123-45-6789", "123", "6789", "MTIz", "9876-54-321", "1980"];

const POLICY: &str = r#"version: 1
defaults: { unreadable: allow }
grants:
  - { name: eng, who: { groups: [engineering, dba] }, targets: {}, as: [app], channels: [query, copy] }
masks:
  - { name: ssn, when: {}, columns: ["public.people.ssn", "tag:pii"], with: redact }
  - { name: born, when: {}, columns: ["public.people.born"], with: redact }
"#;

const STRICT: &str = r#"version: 1
defaults: { unreadable: allow }
grants:
  - { name: eng, who: { groups: [engineering, dba] }, targets: {}, as: [app], channels: [query, copy] }
masks:
  - { name: ssn, when: {}, columns: ["*.people.ssn"], with: { keep_last: 0 }, derived: block, predicates: block }
"#;

const TABLES: &str = "create table people(id int primary key, name text, ssn text, born date); \
    insert into people values (1, 'Ann', '123-45-6789', '1980-02-03'); \
    create table others(id int, note text); insert into others values (1, 'plain'); \
    create table tagged(id int, secret text); insert into tagged select 1, '123-45-6789' from generate_series(1, 4); \
    comment on column tagged.secret is 'of people [pii]'; \
    create view seen as select id, ssn from people; \
    create view computed as select id, upper(ssn) as loud from people; \
    create view lists(ssn, id) as select id, ssn from people; \
    create materialized view kept as select id, ssn, upper(ssn) as loud, name from people; \
    create table parent(id int, ssn text) partition by list (id); \
    create table parts partition of parent for values in (1); \
    insert into parent values (1, 'not masked'); \
    create table child() inherits (people); \
    insert into child values (2, 'Bob', '123-45-6789', '1980-02-03'); \
    create table made(ssn text, twice text generated always as (ssn || ssn) stored); \
    create function leaks() returns text language plpgsql as \
      'begin return (select ssn from people where id = 1); end'; \
    create function says() returns void language plpgsql as \
      'begin raise notice ''%'', (select ssn from people where id = 1); end'; \
    create function lists_all() returns setof people language sql as 'select * from people'; \
    create function keeps(text) returns void language plpgsql as \
      'begin insert into others values (9, $1); end'; \
    analyze";

fn scene() -> Result<DatabaseScene> {
    DatabaseScene::start(POLICY, TABLES)
}

#[track_caller]
fn check(wire: &mut Wire, sql: &str, expected: &str) -> Result<()> {
    let simple = wire.ask(&[query(sql)])?;
    assert!(!SECRET.iter().any(|secret| simple.contains(secret)), "{sql}: {simple}");
    assert_eq!(simple, expected, "{sql}");
    Ok(())
}

/// As `check`, and by the extended protocol too, in text and in binary.
#[track_caller]
fn both(wire: &mut Wire, sql: &str, expected: &str) -> Result<()> {
    check(wire, sql, expected)?;
    for binary in [false, true] {
        let run = [parse("", sql), bind("", "", &[], binary), describe(b'P', ""), execute("", 0)];
        let said = wire.ask(&[&run[..], &[sync()]].concat())?;
        assert!(!SECRET.iter().any(|secret| said.contains(secret)), "{sql}: {said}");
        let of_simple = expected.replace("T ", "").replace(" ZI", "");
        let of_extended = said.replace("1 2 ", "").replace("T ", "").replace(" ZI", "");
        if !binary {
            assert_eq!(of_extended, of_simple, "{sql}");
        }
    }
    Ok(())
}

const STARS: &str = "T D[***********] C(SELECT-1) ZI";
const NULL: &str = "T D[null] C(SELECT-1) ZI";
const REFUSED: &str = "E(42501,SP-1220) ZI";

/// Ways to read the column; `{one}` is one row of its table.
const READ: &[(&str, &str)] = &[
    ("select ssn {one}", STARS),
    ("select ssn as x {one}", STARS),
    ("select p.ssn from people p where id = 1", STARS),
    ("select i from people as p(a, b, i) where a = 1", STARS),
    ("select upper(id) from people as p(ssn, b, id) where ssn = 1", NULL),
    ("select s from (select ssn as s {one}) t", STARS),
    ("with t as (select ssn {one}) select * from t", STARS),
    ("with t as materialized (select ssn {one}) select ssn from t", STARS),
    (
        "with recursive t(s, n) as (select ssn, 1 from only people union all \
          select s, n + 1 from t where n < 1) select s from t",
        NULL,
    ),
    ("select distinct ssn {one}", STARS),
    ("select ssn::text {one}", STARS),
    ("select ssn::varchar {one}", STARS),
    ("select cast(ssn as varchar(99)) {one}", NULL),
    ("select ssn collate \"C\" {one}", NULL),
    ("select (ssn) {one}", STARS),
    ("select ssn || '' {one}", NULL),
    ("select concat('a', ssn) {one}", NULL),
    ("select format('%s', ssn) {one}", NULL),
    ("select upper(ssn) {one}", NULL),
    ("select reverse(ssn) {one}", NULL),
    ("select substring(ssn from 1 for 3) {one}", NULL),
    ("select left(ssn, 3) {one}", NULL),
    ("select md5(ssn) {one}", NULL),
    ("select encode(ssn::bytea, 'base64') {one}", NULL),
    ("select ssn::bytea {one}", NULL),
    ("select ascii(ssn) {one}", NULL),
    ("select length(ssn) {one}", NULL),
    ("select to_json(ssn) {one}", NULL),
    ("select to_jsonb(p) from people p where id = 1", NULL),
    ("select row_to_json(p) from people p where id = 1", NULL),
    ("select json_build_object('a', ssn) {one}", NULL),
    ("select p from people p where id = 1", NULL),
    ("select (p).ssn from people p where id = 1", STARS),
    ("select p::text from people p where id = 1", NULL),
    ("select row(id, ssn) {one}", NULL),
    ("select array[ssn] {one}", NULL),
    ("select array_agg(ssn) {one}", NULL),
    ("select string_agg(ssn, ',') {one}", NULL),
    ("select json_agg(p) from people p where id = 1", NULL),
    ("select max(ssn) {one}", NULL),
    ("select min(ssn) over () {one}", NULL),
    ("select lag(ssn, 0) over (order by id) {one}", NULL),
    ("select first_value(ssn) over () {one}", NULL),
    ("select coalesce(ssn, 'x') {one}", NULL),
    ("select nullif(ssn, 'x') {one}", NULL),
    ("select greatest(ssn, '') {one}", NULL),
    ("select case when true then ssn end {one}", NULL),
    ("select case when ssn like '1%' then 'yes' end {one}", NULL),
    ("select (select ssn {one})", NULL),
    ("select array(select ssn {one})", NULL),
    ("select exists(select ssn {one})", NULL),
    ("select ssn {one} union select ssn {one}", STARS),
    (
        "select name {one} intersect select 'Ann' union all select ssn from people \
                  where false",
        "T D[***] C(SELECT-1) ZI",
    ),
    ("select ssn {one} union select note from others where false", STARS),
    ("select x from people, lateral (select people.ssn as x) l where id = 1", STARS),
    ("select x from people, lateral unnest(array[ssn]) x where people.id = 1", NULL),
    ("select x from people, regexp_split_to_table(ssn, 'z') x where id = 1", NULL),
    ("select v.x from people, lateral (values (ssn)) v(x) where id = 1", NULL),
    (
        "select j.value from people p, jsonb_each_text(to_jsonb(p)) j where id = 1 \
                  and j.key = 'ssn'",
        NULL,
    ),
    (
        "select x.a from people p, xmltable('/r' passing xmlelement(name r, \
                  p.ssn) columns a text path '.') x where id = 1",
        NULL,
    ),
    ("select xmlelement(name a, ssn) {one}", NULL),
    ("select xmlforest(ssn) {one}", NULL),
    (
        "select a.ssn from people a join people b using (ssn) where a.id = 1 \
                  and b.id = 1",
        STARS,
    ),
    ("select ssn from people a natural join people b where id = 1", STARS),
    ("table seen", "T D[1,***********] D[2,***********] C(SELECT-2) ZI"),
    ("select ssn from seen where id = 1", STARS),
    ("select loud from computed where id = 1", NULL),
    ("select id from lists where ssn = 1", STARS),
    ("select ssn from kept where id = 1", STARS),
    ("select loud from kept where id = 1", NULL),
    ("select name from kept where id = 1", "T D[Ann] C(SELECT-1) ZI"),
    ("select ssn from child", STARS),
    ("select ssn from parts", "T D[not\\20masked] C(SELECT-1) ZI"),
    ("select secret from tagged limit 1", STARS),
    ("select leaks()", NULL),
    ("select ssn from lists_all() where id = 1", NULL),
    ("select query_to_xml('select ssn from people', true, true, '') is null", NULL),
    ("select table_to_xml('people', true, true, '')", NULL),
    ("select cursor_to_xml('c', 1, true, true, '')", "T E(34000) ZI"),
    (
        "select attname, most_common_vals from pg_stats where tablename = 'tagged' \
             and attname = 'secret'",
        "T D[secret,null] C(SELECT-1) ZI",
    ),
    ("select born {one}", "T D[1970-01-01] C(SELECT-1) ZI"),
    ("select id, name {one}", "T D[1,Ann] C(SELECT-1) ZI"),
    ("select count(*) {one}", "T D[1] C(SELECT-1) ZI"),
    (
        "select name from people where ssn = 'x' or id = 1 and ssn is not null",
        "T D[Ann] C(SELECT-1) ZI",
    ),
];

#[test]
fn ways_to_read_a_masked_column() -> Result<()> {
    let scene = scene()?;
    let mut wire = scene.wire()?;
    let one = "from people where id = 1";
    for (sql, expected) in READ {
        // Binary has forms of its own; that none of them shows the value is looked at all the same.
        both(&mut wire, &sql.replace("{one}", one), expected)?;
    }
    Ok(())
}

/// Ways to carry it away, and what looks like it and is none.
const CARRIED: &[(&str, &str)] = &[
    ("insert into others select id, ssn from people", REFUSED),
    ("insert into others values (5, (select ssn from people where id = 1))", REFUSED),
    ("create table stolen as select ssn from people", REFUSED),
    ("create temp table stolen as select * from people", REFUSED),
    ("select ssn into stolen from people", REFUSED),
    ("create materialized view stolen as select ssn from people", REFUSED),
    ("update others set note = ssn from people", REFUSED),
    ("update people set name = ssn", REFUSED),
    ("update others set note = (select upper(ssn) from people where id = 1)", REFUSED),
    (
        "insert into people values (1, 'x', 'y') on conflict (id) do update set name = people.ssn",
        REFUSED,
    ),
    ("with w as (insert into others select id, ssn from people returning *) table w", REFUSED),
    (
        "merge into others o using people p on o.id = p.id when matched then update \
          set note = p.ssn",
        REFUSED,
    ),
    ("select set_config('a.b', ssn, false) from people", REFUSED),
    ("select pg_notify('c', ssn) from people", REFUSED),
    ("select lo_from_bytea(0, ssn::bytea) from people", REFUSED),
    ("select keeps(ssn) from people", REFUSED),
    ("select keeps(leaks())", REFUSED),
    ("select set_config('a.b', leaks(), false)", REFUSED),
    ("alter table others add column x text default leaks()", REFUSED),
    ("alter role app set search_path = elsewhere", REFUSED),
    ("insert into others select 1, leaks()", REFUSED),
    ("do $$ begin raise notice '%', (select ssn from people where id = 1); end $$", REFUSED),
    ("create function f() returns text language sql as 'select ssn from people'", REFUSED),
    ("create rule r as on insert to others do also select ssn from people", REFUSED),
    (
        "create trigger t before update on people for each row execute function \
          suppress_redundant_updates_trigger()",
        REFUSED,
    ),
    ("alter table people rename column ssn to x", REFUSED),
    ("alter table people rename to x", REFUSED),
    ("alter view seen rename column ssn to x", REFUSED),
    ("alter schema public rename to x", REFUSED),
    ("comment on column tagged.secret is 'plain'", REFUSED),
    ("create table mine() inherits (people)", REFUSED),
    ("create index on people((upper(ssn)))", REFUSED),
    ("copy people to '/tmp/x'", REFUSED),
    ("copy people to program 'cat'", REFUSED),
    ("copy (select ssn from people) to stdout (null 'x')", REFUSED),
    // What has nothing to do with it goes on.
    ("insert into others values (2, 'x')", "C(INSERT-0-1) ZI"),
    ("insert into others select id, name from people where ssn is not null", "C(INSERT-0-2) ZI"),
    ("update people set ssn = ssn || '' where id = 7", "C(UPDATE-0) ZI"),
    ("delete from others where id = 2", "C(DELETE-2) ZI"),
    ("create table made_here as select id, name from people", "C(SELECT-2) ZI"),
    ("drop table made_here", "C(DROP-TABLE) ZI"),
    ("select note from others", "T D[plain] D[Ann] C(SELECT-2) ZI"),
];

#[test]
fn ways_to_carry_a_masked_column_away() -> Result<()> {
    let scene = scene()?;
    let mut wire = scene.wire()?;
    for (sql, expected) in CARRIED {
        check(&mut wire, sql, expected)?;
    }
    let log = scene.postgres.log()?;
    assert!(!log.contains("statement: create table stolen"), "the database has seen it");
    Ok(())
}

#[test]
fn what_comes_back_of_statements_that_change_rows() -> Result<()> {
    let scene = scene()?;
    let mut wire = scene.wire()?;
    for (sql, expected) in [
        (
            "update people set name = name where id = 1 returning ssn",
            "T D[***********] C(UPDATE-1) ZI",
        ),
        ("update people set name = name where id = 1 returning people", "T D[null] C(UPDATE-1) ZI"),
        (
            "insert into people values (7, 'Eve', '123-45-6789') returning ssn, upper(ssn)",
            "T D[***********,null] C(INSERT-0-1) ZI",
        ),
        (
            "delete from people where id = 7 returning *",
            "T D[7,Eve,***********,null] C(DELETE-1) ZI",
        ),
        (
            "with w as (update people set name = name where id = 1 returning ssn) table w",
            "T D[***********] C(SELECT-1) ZI",
        ),
    ] {
        check(&mut wire, sql, expected)?;
    }
    Ok(())
}

#[test]
fn errors_and_notices_tell_no_values() -> Result<()> {
    let scene = scene()?;
    let mut wire = scene.wire()?;
    for (sql, expected) in [
        ("select cast(ssn as int) from people", "E(22P02) ZI"),
        ("select ssn::regclass from people", "E(42P01) ZI"),
        ("select to_tsquery('a ' || ssn) from people", "E(42601) ZI"),
        ("select ('{' || ssn)::json from people", "E(22P02) ZI"),
        ("select says()", "T N D[null] C(SELECT-1) ZI"),
        ("select emial from people", "E(42703) ZI"),
    ] {
        wire.send(&chaos_tests::live::wire::bytes(&[query(sql)]))?;
        let mut said = Vec::new();
        loop {
            let Some((kind, body)) = wire.receive()? else { panic!("{sql}: it ended") };
            let text = String::from_utf8_lossy(&body).into_owned();
            assert!(!SECRET.iter().any(|secret| text.contains(secret)), "{sql}: {text}");
            said.push(chaos_tests::live::wire::shown(kind, &body));
            if kind == b'Z' {
                break;
            }
        }
        assert_eq!(said.join(" ").replace("T E", "E"), expected, "{sql}");
    }
    // What is wrong with names is told all the same.
    let said = scene.psql("alice", "select emial from people")?;
    assert!(said.said().contains("column \"emial\" does not exist"), "{}", said.said());
    let said = scene.psql("alice", "select ssn::int from people")?;
    assert!(said.said().contains("not shown"), "{}", said.said());
    let released = scene.events_of("output.released")?;
    assert!(!released.is_empty());
    // Numbers and digests of events may hold a short part by chance.
    let recorded = format!("{released:?}");
    assert!(!recorded.contains(SECRET[0]), "{recorded}");
    Ok(())
}

#[test]
fn copies_are_masked_in_every_format() -> Result<()> {
    let scene = scene()?;
    #[track_caller]
    fn check(scene: &DatabaseScene, script: &str, expected: &str) -> Result<()> {
        let said = scene.psql("alice", script)?;
        let both = format!("{}{}", said.text(), said.said());
        assert!(!SECRET.iter().any(|secret| both.contains(secret)), "{script}: {both}");
        assert_eq!(both.trim(), expected.trim(), "{script}");
        Ok(())
    }
    let rows = "1\tAnn\t***********\t\\N";
    check(&scene, "copy people to stdout", rows)?;
    check(&scene, "copy people(ssn, id) to stdout", "***********\t1")?;
    check(&scene, "copy people(ssn, name) to stdout csv header", "ssn,name\n\"***********\",Ann")?;
    check(&scene, "copy people(name, ssn) to stdout (delimiter '|')", "Ann|***********")?;
    check(
        &scene,
        "copy (select ssn, upper(ssn), name from only people) to stdout",
        "***********\t\\N\tAnn",
    )?;
    check(&scene, "copy (select upper(ssn), name from only people) to stdout csv", ",Ann")?;
    check(&scene, "copy (select leaks()) to stdout", "\\N")?;
    check(&scene, "copy others to stdout", "1\tplain")?;
    let mut wire = scene.wire()?;
    wire.send(&chaos_tests::live::wire::bytes(&[query("copy people to stdout binary")]))?;
    let mut copied = Vec::new();
    while let Some((kind, body)) = wire.receive()? {
        if kind == b'd' {
            copied.extend_from_slice(&body);
        }
        if kind == b'Z' {
            break;
        }
    }
    let text = String::from_utf8_lossy(&copied).into_owned();
    assert!(text.contains("***********") && text.contains("Ann"), "{text:?}");
    assert!(!SECRET.iter().any(|secret| text.contains(secret)), "{text:?}");
    Ok(())
}

/// What one session says, in order.
const OWN: &[(&str, &str)] = &[
    // Cursors, within a transaction and beyond it.
    ("begin", "C(BEGIN) ZT"),
    (
        "declare c cursor for select ssn, upper(ssn), name from people where id = 1",
        "C(DECLARE-CURSOR) ZT",
    ),
    ("fetch c", "T D[***********,null,Ann] C(FETCH-1) ZT"),
    ("move backward all in c", "C(MOVE-0) ZT"),
    ("fetch all from c", "T D[***********,null,Ann] C(FETCH-1) ZT"),
    ("savepoint s", "C(SAVEPOINT) ZT"),
    // A second cursor of that name fails, and the first is still what it was.
    ("declare c cursor for select name, name, name from people", "E(42P03) ZE"),
    ("rollback to s", "C(ROLLBACK) ZT"),
    ("fetch backward all from c", "T D[***********,null,Ann] C(FETCH-1) ZT"),
    ("commit", "C(COMMIT) ZI"),
    ("declare h cursor with hold for select ssn from people where id = 1", "C(DECLARE-CURSOR) ZI"),
    ("fetch h", "T D[***********] C(FETCH-1) ZI"),
    // Prepared by SQL.
    ("prepare p as select ssn, name from people where id = $1", "C(PREPARE) ZI"),
    ("execute p(1)", "T D[***********,Ann] C(SELECT-1) ZI"),
    ("execute nobody", REFUSED),
    ("prepare q as insert into others select id, ssn from people", REFUSED),
    ("explain execute p(1)", REFUSED),
    // Plans show no rows.
    (
        "explain (analyze, verbose, costs off, timing off, summary off) select leaks()",
        "T D[null] D[null] C(EXPLAIN) ZI",
    ),
    // A view of the session's own hides another of the same name.
    ("create temp view others as select ssn as note from people where id = 1", "C(CREATE-VIEW) ZI"),
    ("select note from others", NULL),
    ("select upper(note) from others", NULL),
    ("insert into people(id, name) select 99, note from others", REFUSED),
    ("select note from public.others", NULL),
    ("select name from people where id = 1", "T D[Ann] C(SELECT-1) ZI"),
    // What is not committed yet is not seen by anybody else.
    ("begin", "C(BEGIN) ZT"),
    (
        "create or replace view seen as select id, upper(ssn) as ssn from people",
        "C(CREATE-VIEW) ZT",
    ),
    ("select ssn from seen where id = 1", "T D[null] C(SELECT-1) ZT"),
    ("rollback", "C(ROLLBACK) ZI"),
    ("select ssn from seen where id = 1", STARS),
    // Names are looked up where the session looks.
    (
        "create view elsewhere.tagged as select 1 as id, ssn as secret from people where id = 1",
        "C(CREATE-VIEW) ZI",
    ),
    ("set search_path = elsewhere, public", "C(SET) ZI"),
    ("select secret from tagged", STARS),
    ("select upper(secret) from tagged", NULL),
    ("select name from public.people where id = 1", "T D[Ann] C(SELECT-1) ZI"),
    ("select set_config('search_path', 'public', false)", "T D[public] C(SELECT-1) ZI"),
    ("select name from people where id = 1", NULL),
    ("set search_path = public", "C(SET) ZI"),
    ("select name from people where id = 1", "T D[Ann] C(SELECT-1) ZI"),
    (
        "select ssn from people where id = 1; select name from people where id = 1",
        "T D[***********] C(SELECT-1) T D[Ann] C(SELECT-1) ZI",
    ),
];

#[test]
fn what_a_session_makes_its_own() -> Result<()> {
    let scene = scene()?;
    let schema = "create schema elsewhere authorization app";
    scene.postgres.sql("postgres", "orders", schema)?;
    let mut wire = scene.wire()?;
    for (sql, expected) in OWN {
        check(&mut wire, sql, expected)?;
    }
    // A view that somebody defines elsewhere counts at the latest after a second.
    scene.postgres.sql("app", "orders", "create view late as select ssn as plain from people")?;
    chaos_tests::live::until("the view is known", chaos_tests::live::SHORT, || {
        let said = wire.ask(&[query("select plain from late where false")])?;
        Ok((said == "T C(SELECT-0) ZI").then_some(()))
    })?;
    check(&mut wire, "select plain from late limit 1", STARS)?;
    Ok(())
}

#[test]
fn policy_may_forbid_expressions_and_conditions() -> Result<()> {
    let scene = DatabaseScene::start(STRICT, TABLES)?;
    let mut wire = scene.wire()?;
    for (sql, expected) in [
        ("select ssn from people where id = 1", STARS),
        ("select upper(ssn) from people", REFUSED),
        ("select p from people p", REFUSED),
        ("select id from people where ssn like '1%'", REFUSED),
        ("select id from people order by ssn", REFUSED),
        ("select count(*) from people group by ssn", REFUSED),
        ("select leaks()", REFUSED),
        ("select a.id from people a join people b on a.ssn = b.name", REFUSED),
        ("select id, name from people where id = 1", "T D[1,Ann] C(SELECT-1) ZI"),
    ] {
        check(&mut wire, sql, expected)?;
    }
    Ok(())
}

#[test]
fn notifications_say_nothing() -> Result<()> {
    let scene = scene()?;
    let mut wire = scene.wire()?;
    check(&mut wire, "listen c", "C(LISTEN) ZI")?;
    let value = "select pg_notify('c', ssn) from people";
    scene.postgres.sql("app", "orders", value)?;
    wire.send(&chaos_tests::live::wire::bytes(&[query("select 1")]))?;
    loop {
        let Some((kind, body)) = wire.receive()? else { panic!("it ended") };
        if kind == b'A' {
            let text = String::from_utf8_lossy(&body).into_owned();
            assert!(text.contains("not shown"), "{text}");
            return Ok(());
        }
        if kind == b'Z' {
            wire.send(&chaos_tests::live::wire::bytes(&[query("select 1")]))?;
        }
    }
}
