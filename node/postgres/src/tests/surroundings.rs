//! What names mean in a session, told as what was sent and what came back.

use node_enforce::sql::lineage::{Catalog, Rows, steps};

use crate::codec::places::Finder;
use crate::conversation::{Conversation, script};

fn come(talk: &mut Conversation, kind: u8, body: &[u8]) {
    let mut places = Vec::new();
    let finder = Finder { places: &mut places, at: 0 };
    talk.answered(kind, body, finder).expect("the database keeps to the protocol");
}

/// Sends texts one after the other; `!` before one says that its last statement fails, a bar behind
/// one that a transaction is open after it.
fn after(texts: &[&str]) -> Conversation {
    let catalog = Catalog::new(Rows::default(), &[]);
    let mut talk = Conversation::new();
    talk.began(b"session_authorization\0app\0");
    for line in texts {
        let (text, fails) = line.strip_prefix('!').map_or((*line, false), |text| (text, true));
        let (text, open) = text.strip_suffix('|').map_or((text, false), |text| (text, true));
        let lookup = talk.lookup();
        for step in &steps(text, &catalog).expect("it may run") {
            talk.veil.surroundings.defines(step, lookup.as_ref());
        }
        let (_, read) = talk.command(&script(text.as_bytes()), text.as_bytes(), None);
        talk.queried(read);
        let statements: Vec<_> = text.split(';').map(str::trim).collect();
        for (at, statement) in statements.iter().enumerate() {
            if fails && at + 1 == statements.len() {
                come(&mut talk, b'E', b"C42601\0\0");
                continue;
            }
            let word = statement.split(' ').next().unwrap_or_default().to_uppercase();
            let tag = if word == "DISCARD" { statement.to_uppercase() } else { word };
            come(&mut talk, b'C', format!("{tag}\0").as_bytes());
        }
        come(&mut talk, b'Z', if open { b"T" } else { b"I" });
        talk.take_over();
    }
    talk
}

/// The search path and the role after a script; nothing when they are not known.
#[track_caller]
fn check(script: &[&str], expected: Option<(&str, &str)>) {
    let known = after(script);
    let told = known.lookup().map(|lookup| {
        let word = |value: &Option<String>| value.clone().unwrap_or_default();
        (word(&lookup.path), word(&lookup.role))
    });
    let expected = expected.map(|(path, role)| (path.to_owned(), role.to_owned()));
    assert_eq!(told, expected, "{script:?}");
}

#[test]
fn where_names_are_looked_up() {
    check(&[], Some(("", "")));
    check(&["set search_path = a, \"B c\""], Some(("a, \"B c\"", "")));
    check(&["set search_path = a", "set search_path to default"], Some(("", "")));
    check(&["!set search_path = a"], Some(("", "")));
    check(&["set role bob"], Some(("", "bob")));
    check(&["set role bob", "set role none"], Some(("", "")));
    check(&["set session authorization bob"], None);
    check(&["set session authorization bob", "set search_path = a"], None);
    check(&["set search_path = unknown"], None);
    check(&["set session authorization bob", "set session authorization default"], Some(("", "")));
    check(&["select set_config('search_path', 'a', false)"], None);
    check(
        &["select set_config('search_path', 'a', false)", "set search_path = b"],
        Some(("b", "")),
    );
    check(&["select set_config($1, 'a', false)"], None);
    check(&["select set_config('search_path', 'a', false) where false"], None);
    check(&["select set_config('search_path', 'a', false)", "discard all"], Some(("", "")));
    check(&["set search_path = a; select 1"], Some(("a", "")));
    check(&["!set search_path = a; select 1"], Some(("", "")));
    check(&["!set search_path = a; commit; select 1"], Some(("a", "")));
    check(&["prepare x as select 1", "execute x"], Some(("", "")));
    check(&["begin|", "set search_path = a|"], Some(("a", "")));
    check(&["begin|", "set search_path = a|", "rollback"], Some(("", "")));
    check(&["begin|", "set search_path = a|", "commit"], Some(("a", "")));
    check(&["begin|", "set local search_path = a|"], Some(("a", "")));
    check(&["begin|", "set local search_path = a|", "commit"], Some(("", "")));
    check(&["begin|", "set local search_path = a|", "set search_path = b|"], Some(("b", "")));
    check(&["begin|", "savepoint s|", "set search_path = a|", "rollback to s|"], None);
}

#[test]
fn what_only_the_session_sees() {
    #[track_caller]
    fn check(script: &[&str], name: &str, expected: bool) {
        let talk = after(script);
        let is_own = talk.veil.surroundings.is_own(&[name.to_owned()], talk.lookup().as_ref());
        assert_eq!(is_own, expected, "{script:?} {name}");
    }
    check(&["create table t(a int)"], "t", false);
    check(&["begin|", "create table t(a int)|"], "t", true);
    check(&["begin|", "create table t(a int)|"], "other", true);
    check(&["begin|", "create table t(a int)|", "commit"], "t", false);
    check(&["create temp table t(a int)"], "t", true);
    check(&["create temp table t(a int)"], "other", false);
    check(&["create temp table t(a int)", "create view v as select * from t"], "v", true);
    check(&["create temp table t(a int)", "alter table t rename to u"], "u", true);
    check(&["create table pg_temp.t(a int)"], "t", true);
    check(&["set search_path = pg_temp", "create table t(a int)"], "t", true);
    check(&["select 1 as a into temp t"], "t", true);
    check(&["create temp view t as select 1"], "t", true);
    check(&["select set_config('search_path', 'a', false)"], "other", true);
    check(&["begin|", "create temp table t(a int)|", "rollback"], "t", true);
    check(&["create temp table t(a int)", "discard temp"], "t", false);
    let of_catalog = ["pg_catalog".to_owned(), "pg_class".to_owned()];
    let talk = after(&["begin|", "create table t(a int)|"]);
    assert!(!talk.veil.surroundings.is_own(&of_catalog, talk.lookup().as_ref()));
}
