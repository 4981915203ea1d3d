//! What a client's user and database say.

use crate::login::claim;
use crate::settings::{Fate, fate};

#[test]
fn user_and_database_say_who_asks_for_what() {
    #[track_caller]
    fn check(user: &str, database: &str, expected: Option<&str>) {
        let shown = claim(user, database).map(|claim| {
            let target = claim.target.map(|name| name.to_string());
            let shown = |part: Option<String>| part.unwrap_or_else(|| "-".to_owned());
            let (role, named) = (shown(claim.role), shown(claim.database));
            format!("{} {role} {} {named}", claim.person, shown(target))
        });
        assert_eq!(shown.as_deref(), expected, "{user} {database}");
    }
    check("alice", "orders", Some("alice - orders -"));
    check("alice/app", "orders/archive", Some("alice app orders archive"));
    check("alice/a/b", "orders/x/y", Some("alice a/b orders x/y"));
    check("", "orders", None);
    check("alice/", "orders", None);
    check("alice", "orders/", None);
    check("alice", "", Some("alice - - -"));
    check("alice", "no name", Some("alice - - -"));
    check("al\nice", "orders", None);
    check(&"a".repeat(64), "orders", None);
    // With the id of a credential that the cluster gave out.
    let issued = format!("alice+{}", "i".repeat(44));
    check(&format!("{issued}/app"), "orders", Some(&format!("{issued} app orders -")));
    check("alice+", "orders", None);
    check(&format!("{issued}{issued}"), "orders", None);
}

#[test]
fn settings_of_a_startup() {
    #[track_caller]
    fn check(name: &str, value: &str, expected: Fate) {
        assert_eq!(fate(name, value), expected, "{name}={value}");
    }
    check("user", "alice", Fate::Ours);
    check("application_name", "psql", Fate::Ours);
    check("client_encoding", "UTF8", Fate::Ours);
    check("client_encoding", "'utf-8'", Fate::Ours);
    check("client_encoding", "SJIS", Fate::Refused);
    check("client_encoding", "LATIN1", Fate::Refused);
    check("datestyle", "ISO", Fate::Passed);
    check("TimeZone", "Europe/Berlin", Fate::Passed);
    check("extra_float_digits", "3", Fate::Passed);
    check("options", "", Fate::Ours);
    check("options", "-c standard_conforming_strings=off", Fate::Refused);
    check("standard_conforming_strings", "off", Fate::Refused);
    check("search_path", "evil", Fate::Refused);
    check("role", "postgres", Fate::Refused);
    check("session_authorization", "postgres", Fate::Refused);
    check("replication", "database", Fate::Refused);
    check("replication", "true", Fate::Refused);
    check("replication", "false", Fate::Ours);
    check("_pq_.anything", "1", Fate::Unknown);
    check("anything", "else", Fate::Refused);
}
