//! FAULTS 19: by which ways a value that is masked may try to leave. Each is tried as a `Query`,
//! and by `Parse`, `Bind` and `Execute` with results in text and in binary; what came of it is said
//! for each of the three. What is not covered is said too, and tested as such.

use anyhow::Result;
use chaos_tests::live::DatabaseScene;
use chaos_tests::live::wire::{Message, Wire, bind, describe, execute, parse, query, sync};

use super::POLICY;

const SECRET: &str = "ann@example.com";

const TABLES: &str = r#"
create table customers(id int primary key, name text, email text unique, papers xml, more jsonb);
insert into customers values (1, 'Ann', 'ann@example.com',
    '<a b="ann@example.com">ann@example.com</a>', '{"mail": ["ann@example.com"]}');
create view people as select id as number, lower(email) as contact from customers;
create table strict(email varchar(8), check (email <> 'ann@example.com'));
create table letters(mail varchar, padded char(20), raw bytea, list text[], one customers);
insert into letters select email, email, email::bytea, array[email], c from customers c;
create function says(how text) returns text language plpgsql as $$
declare found text;
begin
    select email into found from customers where id = 1;
    if how = 'notice' then raise notice 'of %', found;
    elsif how = 'warning' then raise warning 'of %', found using detail = found, hint = found;
    elsif how = 'log' then raise info '%', found;
    elsif how = 'error' then raise exception 'of %', found;
    elsif how = 'detail' then raise exception 'x' using detail = 'of ' || found;
    elsif how = 'hint' then raise exception 'x' using hint = found;
    elsif how = 'column' then raise exception 'x' using column = found, table = found;
    elsif how = 'notify' then perform pg_notify('news', found);
    elsif how = 'channel' then perform pg_notify(found, '');
    elsif how = 'status' then perform set_config('application_name', found, false);
    elsif how = 'context' then execute 'select 1 / (length($1) - 15)' using found;
    elsif how = 'query' then execute 'select no_such_thing(''' || found || ''')';
    else return found;
    end if;
    return 'said';
end $$
"#;

/// A parameter is told only when it changes: the second and third way say nothing then.
/// The statement, and what becomes of the value in simple, in text and in binary: `masked`, or
/// `nothing` of it is there, neither masked nor as it is.
const WAYS: &[(&str, [&str; 3])] = &[
    ("select email from customers", ["masked", "masked", "masked"]),
    ("select email as id from customers", ["masked", "masked", "masked"]),
    ("select * from customers", ["masked", "masked", "masked"]),
    ("select c.email::varchar(40) from customers c", ["masked", "masked", "masked"]),
    ("select email::name from customers", ["masked", "masked", "masked"]),
    ("select email::char(20) from customers", ["masked", "masked", "masked"]),
    ("select 'to ' || email || '!' from customers", ["masked", "masked", "masked"]),
    ("select format('<%s>', email) from customers", ["masked", "masked", "masked"]),
    ("select concat_ws(',', id, email) from customers", ["masked", "masked", "masked"]),
    ("select coalesce(null, email) from customers", ["masked", "masked", "masked"]),
    ("select max(email) from customers", ["masked", "masked", "masked"]),
    ("select string_agg(email, ';') from customers", ["masked", "masked", "masked"]),
    ("select first_value(email) over () from customers", ["masked", "masked", "masked"]),
    ("select (select email from customers limit 1)", ["masked", "masked", "masked"]),
    ("select 'x' union select email from customers", ["masked", "masked", "masked"]),
    ("with x as (select email from customers) table x", ["masked", "masked", "masked"]),
    ("select * from people", ["masked", "masked", "masked"]),
    ("select says('it')", ["masked", "masked", "masked"]),
    ("select regexp_split_to_table(email, ';') from customers", ["masked", "masked", "masked"]),
    ("insert into letters(mail) select email from customers returning mail", ["masked"; 3]),
    ("update letters set mail = mail returning mail", ["masked"; 3]),
    ("select mail, padded from letters where raw is not null", ["masked"; 3]),
    ("values ((select email from customers))", ["masked"; 3]),
    ("select c from customers c", ["masked", "masked", "nothing"]),
    ("select row(email, 1) from customers", ["masked", "masked", "nothing"]),
    ("select one from letters where one is not null", ["masked", "masked", "nothing"]),
    ("select list from letters where list is not null", ["masked", "masked", "nothing"]),
    ("select array_agg(email) from customers", ["masked", "masked", "nothing"]),
    ("select array[[email, email]] from customers", ["masked", "masked", "nothing"]),
    ("select (email, email) from customers", ["masked", "masked", "nothing"]),
    ("select to_json(email) from customers", ["masked"; 3]),
    ("select to_jsonb(c) from customers c", ["masked"; 3]),
    ("select json_agg(c) from customers c", ["masked"; 3]),
    ("select row_to_json(c) from customers c", ["masked"; 3]),
    ("select jsonb_build_object(email, 1) from customers", ["masked"; 3]),
    ("select more from customers", ["masked"; 3]),
    ("select more->'mail'->>0 from customers", ["masked"; 3]),
    ("select jsonb_path_query(more, '$.mail[0]') from customers", ["masked"; 3]),
    ("select papers from customers", ["masked"; 3]),
    ("select xmlelement(name a, email) from customers", ["masked"; 3]),
    ("select xmlforest(email) from customers", ["masked"; 3]),
    ("select xpath('//text()', papers) from customers", ["masked", "masked", "nothing"]),
    ("select query_to_xml('select email from customers', true, true, '')", ["masked"; 3]),
    ("select table_to_xml('customers', true, true, '')", ["masked"; 3]),
    ("select database_to_xml(true, true, '')", ["masked"; 3]),
    ("select cursor_to_xml('none', 1, true, true, '')", ["nothing"; 3]),
    ("select quote_literal(email), quote_ident(email) from customers", ["masked"; 3]),
    ("select email::tsvector from customers", ["masked", "masked", "nothing"]),
    (
        "select int4range(1, 2), textrange from (select email as textrange from customers) x",
        ["masked"; 3],
    ),
    ("copy customers to stdout", ["masked"; 3]),
    ("copy (select email from customers) to stdout with (format csv, header)", ["masked"; 3]),
    (
        "copy (select 1, email from customers) to stdout with (format csv, delimiter '|')",
        ["masked"; 3],
    ),
    ("copy (select id, email from customers) to stdout with (format binary)", ["nothing"; 3]),
    ("copy (select raw, list from letters) to stdout with (format binary)", ["nothing"; 3]),
    ("select email::int from customers", ["masked"; 3]),
    ("select email::date from customers", ["masked"; 3]),
    ("select email::json from customers", ["nothing"; 3]),
    ("select to_number(email, '9') / 0 from customers", ["nothing"; 3]),
    ("insert into customers select 2, name, email from customers", ["masked"; 3]),
    ("insert into strict select email from customers", ["nothing"; 3]),
    ("insert into strict select left(email, 8) from customers where false", ["nothing"; 3]),
    ("select says('notice')", ["masked"; 3]),
    ("select says('warning')", ["masked"; 3]),
    ("select says('log')", ["masked"; 3]),
    ("select says('error')", ["masked"; 3]),
    ("select says('detail')", ["masked"; 3]),
    ("select says('hint')", ["masked"; 3]),
    ("select says('column')", ["masked"; 3]),
    ("select says('context')", ["nothing"; 3]),
    ("select says('query')", ["masked"; 3]),
    ("select says('notify')", ["masked"; 3]),
    ("select says('channel')", ["masked"; 3]),
    ("select says('status')", ["masked", "nothing", "nothing"]),
    ("select pg_notify('news', email) from customers", ["masked"; 3]),
    ("select set_config('application_name', email, false) from customers", ["masked"; 3]),
    ("select current_setting('application_name')", ["masked"; 3]),
    ("select 1 as \"ann@example.com\"", ["masked", "masked", "masked"]),
    ("select 'ann@example.com'::no_such_type", ["nothing"; 3]),
    ("select no_such_column_ann@example.com", ["nothing"; 3]),
    ("explain select * from customers where email = 'ann@example.com'", ["masked"; 3]),
    ("set application_name = 'ann@example.com'", ["nothing"; 3]),
    ("set application_name = 'of ann@example.com'", ["masked", "nothing", "nothing"]),
    ("show application_name", ["masked"; 3]),
];

/// The statement, and what the value leaves as: a content mask does not know it there. Masks of
/// columns are for these.
const NOT_COVERED: &[(&str, &str)] = &[
    ("select encode(email::bytea, 'hex') from customers", "616e6e406578616d706c652e636f6d"),
    ("select encode(email::bytea, 'base64') from customers", "YW5uQGV4YW1wbGUuY29t"),
    ("select raw from letters where raw is not null", "\\x616e6e406578616d706c652e636f6d"),
    ("select reverse(email) from customers", "moc.elpmaxe@nna"),
    ("select replace(email, '@', ' at ') from customers", "ann\\20at\\20example.com"),
    ("select split_part(email, '@', 1) from customers", "ann"),
    ("select left(email, 4), right(email, 11) from customers", "ann@,example.com"),
    ("select translate(email, '@.', '##') from customers", "ann#example#com"),
];

fn extended(sql: &str, binary: bool) -> Vec<Message> {
    vec![parse("", sql), bind("", "", &[], binary), describe(b'P', ""), execute("", 0), sync()]
}

/// What became of the value.
fn outcome(answer: &[Message]) -> &'static str {
    let all: Vec<u8> = answer.iter().flat_map(|(_, body)| body.iter().copied()).collect();
    let has = |wanted: &str| all.windows(wanted.len()).any(|piece| piece == wanted.as_bytes());
    // As it is, as an escape, or padded by zero bytes: nothing of the middle may be there.
    if has(SECRET) || has("nn@examp") {
        "leaves"
    } else if has("e.com") && has("*@***") {
        "masked"
    } else {
        "nothing"
    }
}

fn tried(wire: &mut Wire, sql: &str) -> Result<[&'static str; 3]> {
    let mut became = [""; 3];
    let ways = [vec![query(sql)], extended(sql, false), extended(sql, true)];
    for (came, messages) in became.iter_mut().zip(ways) {
        let answer = wire.answer(&messages)?;
        assert_eq!(answer.last().map(|(kind, _)| *kind), Some(b'Z'), "{sql} ends the connection");
        *came = outcome(&answer);
    }
    Ok(became)
}

#[test]
fn what_is_masked_leaves_by_no_way() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, TABLES)?;
    let mut wire = scene.wire()?;
    assert_eq!(
        wire.ask(&[query("listen news"), query("listen \"ann@example.com\"")])?,
        "C(LISTEN) ZI"
    );
    assert_eq!(wire.heard(b'Z')?, "C(LISTEN) ZI");
    let mut wrong = Vec::new();
    for (sql, expected) in WAYS {
        let became = tried(&mut wire, sql)?;
        if became != *expected {
            wrong.push(format!("{sql}: {became:?}, expected {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for name in ["command.judged", "command.finished", "output.released"] {
        for event in scene.events_of(name)? {
            assert!(!event.to_string().contains(SECRET), "{name}: {event}");
        }
    }
    Ok(())
}

#[test]
fn cursors_and_fetches_are_masked_too() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, TABLES)?;
    let mut wire = scene.wire()?;
    let declared = "declare c scroll cursor for select email from customers";
    assert_eq!(wire.ask(&[query("begin")])?, "C(BEGIN) ZT");
    assert_eq!(wire.ask(&[query(declared)])?, "C(DECLARE-CURSOR) ZT");
    for sql in ["fetch 1 from c", "fetch first from c", "fetch absolute 1 from c"] {
        assert_eq!(tried(&mut wire, sql)?[..1], ["masked"], "{sql}");
    }
    let binary = "declare b binary cursor for select email from customers";
    assert_eq!(wire.ask(&[query(binary)])?, "C(DECLARE-CURSOR) ZT");
    assert_eq!(wire.ask(&[query("fetch b")])?, "T D[***@******e.com] C(FETCH-1) ZT");
    Ok(())
}

/// What policy does not cover is known, and said.
#[test]
fn what_a_content_mask_does_not_cover() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, TABLES)?;
    let mut wire = scene.wire()?;
    for (sql, leaves_as) in NOT_COVERED {
        let said = wire.ask(&[query(sql)])?;
        assert!(said.contains(leaves_as), "{sql}: {said}");
    }
    Ok(())
}
