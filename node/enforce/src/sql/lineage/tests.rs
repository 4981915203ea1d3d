//! Lineage as tables: trees as PostgreSQL 15 wrote them down, and what becomes of statements.

use super::nodes::{self, Node};
use super::*;
use crate::mask::Action;

const PEOPLE: u32 = 16_384;
const VIEW: u32 = 16_391;

fn mask(derived: Derived, predicates: Predicates) -> ColumnMaskList {
    vec![crate::policy::ColumnMask {
        name: "m".into(),
        columns: vec!["public.people.ssn".to_owned()],
        action: Action::Redact,
        derived,
        predicates,
    }]
}

type ColumnMaskList = Vec<crate::policy::ColumnMask>;

fn function(oid: u32, name: &str, language: &str, volatility: char) -> Function {
    let name = ["pg_catalog".to_owned(), name.to_owned()];
    Function { oid, name, kind: 'f', language: language.to_owned(), volatility }
}

/// `people(id, name, ssn)`, a view of it, and `others(id)`.
fn catalog(masks: &[crate::policy::ColumnMask]) -> Catalog {
    let relation = |oid, name: &str, columns: &[&str]| {
        let column = |(at, name): (usize, &&str)| {
            (i16::try_from(at + 1).expect("few"), (*name).to_owned(), String::new())
        };
        let columns = columns.iter().enumerate().map(column).collect();
        Relation { oid, schema: "public".to_owned(), name: name.to_owned(), columns }
    };
    let rows = Rows {
        relations: vec![
            relation(PEOPLE, "people", &["id", "name", "ssn"]),
            relation(VIEW, "v", &["id", "u"]),
            relation(16_400, "others", &["id"]),
        ],
        reads: vec![(VIEW, PEOPLE)],
        functions: vec![
            function(871, "upper", "internal", 'i'),
            function(2, "random", "internal", 'v'),
            function(3, "query_to_xml", "internal", 'v'),
            function(20_000, "leaks", "plpgsql", 'v'),
        ],
        operators: vec![(96, 65), (98, 67), (551, 177)],
        ..Rows::default()
    };
    Catalog::new(rows, masks)
}

fn tree(of: &str) -> String {
    let all = include_str!("../../../cases/lineage/trees.txt");
    let (_, behind) = all.split_once(&format!("== {of}\n")).expect("the tree is there");
    behind.split("\n== ").next().unwrap_or_default().trim().to_owned()
}

/// What is shown of each column: `+` as it is, `*` masked, `-` nothing.
#[track_caller]
fn check(of: &str, masks: &[crate::policy::ColumnMask], expected: &str) {
    let told = match trace(&tree(of), &catalog(masks)) {
        Ok(Ok(lineage)) => match &lineage.outputs {
            Outputs::Columns(columns) => columns
                .iter()
                .map(|one| match one.shown {
                    Shown::Plain => '+',
                    Shown::Replaced { .. } => '*',
                    Shown::Hidden => '-',
                })
                .collect(),
            other => format!("{other:?}"),
        },
        Ok(Err(Exposes(why))) => why.to_owned(),
        Err(NotSeen(why)) => why.to_owned(),
    };
    assert_eq!(told, expected, "{of}");
}

#[test]
fn columns_are_traced_by_number_and_not_by_name() {
    let masks = mask(Derived::Null, Predicates::Allow);
    // Names are changed so that `i` is the name and `ssn` the number.
    check("select p.ssn, upper(i), p from people p(ssn, i, n)", &masks, "++-");
    check("select u, v.id from v where v.id = 1", &masks, "-+");
    check(
        "with recursive t(a, b) as (select 1, ssn from people union all select length(b), 'x' \
         from t) select a from t union select id from people where name = 'x'",
        &masks,
        "-",
    );
}

#[test]
fn values_are_not_carried_away() {
    let masks = mask(Derived::Null, Predicates::Allow);
    let of = "insert into people select id + 1, ssn, name from people returning ssn";
    check(of, &masks, "it would write values of a masked column into another one");
    check(of, &[], "+");
}

#[test]
fn what_policy_forbids() {
    let blocked = mask(Derived::Block, Predicates::Allow);
    check("select u, v.id from v where v.id = 1", &blocked, DERIVED);
}

#[test]
fn trees_that_are_not_of_the_form() {
    #[track_caller]
    fn check(text: &str) {
        assert!(nodes::read(text).is_err(), "{text}");
    }
    check("");
    check("(");
    check("({QUERY :a})");
    check("({QUERY :a 1 2})");
    check("({QUERY :a 1 :a 2})");
    check("({QUERY a 1})");
    check("({QUERY :a\" 1})");
    check("({QUERY :a 1}) x");
    check("({query :a 1})");
    check("({QUERY :a x [ 1 ]})");
    check("({QUERY :a 4 [ 1 )})");
    check(&format!("{}{}", "(".repeat(300), ")".repeat(300)));
    // A word that did not fit is broken in two: its rest could be anything.
    check(&format!("({{QUERY :a\n{}\n:b 1}})", "x".repeat(78)));
    let read = nodes::read(r"({QUERY :a x\ \(y :b <> :c 4 [ 1 -2 ] :d (i 1 2)})").expect("a tree");
    let query = &read.list()[0];
    assert_eq!(query.get("a").word(), "x (y");
    assert_eq!(query.get("b"), &Node::Nothing);
    assert_eq!(query.get("c").word(), "4");
    assert_eq!(query.get("d").list().len(), 3);
}

/// What a text is, without a database: its steps, or why it must not run.
#[track_caller]
fn taken(text: &str, expected: &str) {
    let catalog = catalog(&mask(Derived::Null, Predicates::Allow));
    let told = match steps(text, &catalog) {
        Err(Exposes(why)) => format!("refused: {why}"),
        Ok(steps) => {
            let one = |step: &Step| match &step.what {
                What::Rows(_) => "rows".to_owned(),
                What::Copied(text, _) => format!("copied {text}"),
                What::Cursor(text, name) => format!("cursor {name} {text}"),
                What::Prepares(text, name) => format!("prepares {name} {text}"),
                What::Plan(text) => format!("plan {text}"),
                What::Kept(text) => format!("kept {text}"),
                What::Executes(name) => format!("executes {name}"),
                What::Known(lineage) => format!("{:?} {:?}", lineage.outputs, lineage.says),
            };
            steps.iter().map(one).collect::<Vec<_>>().join("; ")
        }
    };
    assert_eq!(told, expected, "{text}");
}

#[test]
fn statements_are_taken_apart() {
    taken("select 1; table people", "rows; rows");
    taken("declare c cursor for select ssn from people", "cursor c SELECT ssn FROM people");
    taken(
        "copy people(ssn, \"a\"\"b\") to stdout",
        "copied select \"ssn\", \"a\"\"b\" from only \"people\"",
    );
    taken("copy (select 1) to stdout csv", "copied SELECT 1");
    taken("create table t as select 1", "kept SELECT 1");
    taken("select 1 as a into t union select 2", "kept SELECT 1 AS a UNION SELECT 2");
    taken("prepare p as delete from others", "prepares p DELETE FROM others");
    taken("explain analyze select 1", "plan SELECT 1");
    taken("fetch c", "Cursor(\"c\") Names");
    taken("execute p(1)", "executes p");
    taken("begin; commit", "Plain Plain; Plain Plain");
    taken("create view w as select ssn from people", "Plain Names");
    taken("drop table people", "Plain Names");
    taken("call p()", "Hidden Nothing");
}

#[test]
fn statements_that_must_not_run() {
    let code = "refused: it defines or runs code that cannot be seen into, which may show masked \
                columns";
    taken("do $$ $$", code);
    taken("create function f() returns int language sql as 'select 1'", code);
    taken("create domain d as text check (leaks() <> '')", code);
    taken("create trigger t before update on others execute function f()", code);
    taken("execute p(leaks())", code);
    taken("call p(leaks())", code);
    taken("alter table others add column note text default leaks()", code);
    taken("create index on others((leaks()))", code);
    let changes = "refused: it changes the definition of something with masked columns, which may \
                   unmask them";
    taken("alter table people rename column ssn to x", changes);
    taken("alter view v rename to w", changes);
    taken("create index on people(ssn)", changes);
    taken("alter schema public rename to x", changes);
    taken("alter role app set search_path = x", changes);
    taken("alter database orders set search_path = x", changes);
    let out = "refused: it moves rows by way of the database's own machine";
    taken("copy others to program 'cat'", out);
    taken("copy others from '/etc/passwd'", out);
    let unread = "refused: it cannot be read, so nobody knows whether it shows masked columns";
    taken("selekt", unread);
    taken("explain execute p", unread);
}

/// What is taken for known where the database does not tell.
#[track_caller]
fn unseen(text: &str, own: &str, expected: &str) {
    let catalog = catalog(&mask(Derived::Null, Predicates::Allow));
    let steps = steps(text, &catalog).expect("it may run");
    let is_own = |parts: &[String]| parts.last().is_some_and(|name| name == own);
    let told = match steps[0].unseen(&catalog, &is_own) {
        Ok(lineage) => format!("{:?} {:?}", lineage.outputs, lineage.says),
        Err(Exposes(_)) => "refused".to_owned(),
    };
    assert_eq!(told, expected, "{text}");
}

#[test]
fn what_is_not_seen_is_not_shown() {
    unseen("select 1", "", "Plain Plain");
    unseen("select id from others", "", "Plain Plain");
    unseen("select id from others", "others", "Hidden Names");
    unseen("select id from unknown", "", "Hidden Names");
    unseen("select id from v", "", "Hidden Names");
    unseen("select random()", "", "Plain Plain");
    unseen("select leaks()", "", "Hidden Nothing");
    unseen("select query_to_xml('x', true, true, '')", "", "Hidden Nothing");
    unseen("select unknown()", "", "Hidden Nothing");
    unseen("insert into t values (1)", "t", "Hidden Names");
    unseen("insert into t values ((select 1))", "t", "refused");
    unseen("insert into t values (leaks())", "t", "refused");
    unseen("insert into t select 1", "t", "refused");
    unseen("insert into t values (1) on conflict (a) do update set b = t.c", "t", "refused");
    unseen("update t set a = b", "t", "refused");
    unseen("delete from t", "t", "Hidden Names");
    unseen("create table w as select 1 from t", "t", "refused");
    unseen("with w as (update t set a = b returning 1) select 1", "t", "refused");
}
