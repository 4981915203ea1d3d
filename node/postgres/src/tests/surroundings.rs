//! What names mean in a session, told as what was sent and what came back.

use node_enforce::sql::lineage::{Catalog, Rows, steps};
use node_enforce::sql::{self, Options};

use crate::surroundings::Surroundings;

/// Sends statements one after the other; `!` before one says that it fails, `;` within one that
/// they are one message, a bar behind one that a transaction is open after it.
fn after(script: &[&str]) -> Surroundings {
    let catalog = Catalog::new(Rows::default(), &[]);
    let mut known = Surroundings::default();
    for line in script {
        let (text, fails) = line.strip_prefix('!').map_or((*line, false), |text| (text, true));
        let (text, open) = text.strip_suffix('|').map_or((text, false), |text| (text, true));
        let script = sql::read(text, Options::default());
        let steps = steps(text, &catalog).expect("it may run");
        for (step, handling) in steps.iter().zip(&script.handling) {
            known.sets(&handling.settings, steps.len() == 1 && text.starts_with("set"));
            known.defines(step);
        }
        if fails {
            known.failed();
        } else {
            let tag = text.split([' ', ';']).next().unwrap_or_default().to_uppercase();
            known.completed(tag.as_bytes());
        }
        known.ready(!open);
    }
    known
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
    check(&["set session authorization bob", "set session authorization default"], Some(("", "")));
    check(&["select set_config('search_path', 'a', false)"], None);
    check(
        &["select set_config('search_path', 'a', false)", "set search_path = b"],
        Some(("b", "")),
    );
    check(&["select set_config($1, 'a', false)"], None);
    check(&["set search_path = a; select 1"], None);
    check(&["begin|", "set search_path = a|"], Some(("a", "")));
    check(&["begin|", "set search_path = a|", "rollback"], Some(("", "")));
    check(&["begin|", "set search_path = a|", "commit"], Some(("a", "")));
    check(&["begin|", "set local search_path = a|"], Some(("a", "")));
    check(&["begin|", "set local search_path = a|", "commit"], Some(("", "")));
    check(&["begin|", "set local search_path = a|", "set search_path = b|"], None);
    check(&["begin|", "savepoint s|", "set search_path = a|", "rollback to s|"], None);
}

#[test]
fn what_only_the_session_sees() {
    #[track_caller]
    fn check(script: &[&str], name: &str, expected: bool) {
        assert_eq!(after(script).is_own(&[name.to_owned()]), expected, "{script:?} {name}");
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
    let of_catalog = ["pg_catalog".to_owned(), "pg_class".to_owned()];
    assert!(!after(&["begin|", "create table t(a int)|"]).is_own(&of_catalog));
}
