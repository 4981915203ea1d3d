//! Every query of `deploy/postgres/queries` runs as an auditor and answers what it says.

use std::fs;
use std::path::PathBuf;

use store_views::conformance::{deliver, record};
use store_views::{Begins, Projector};

use super::home;
use super::server::Postgres;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy/postgres/queries")
}

/// What each must name at least once, of the record made by hand.
const ANSWERS: &[(&str, &[&str])] = &[
    ("blocked_by_rule.sql", &["second-pair"]),
    ("masked_by_target.sql", &["web-1", "orders", "jwt", "email"]),
    ("sessions_without_end.sql", &["lost", "outcome unknown"]),
    ("who_touched.sql", &["alice", "bob", "{carol}"]),
];

#[test]
fn documented_queries_answer() {
    let server = Postgres::start().unwrap();
    let database = server.database().unwrap();
    let mut projector = Projector::new(home(&server, &database), "journal of gw-1", Begins::AtOne);
    deliver(&mut projector, record(60).events).unwrap();
    let mut files: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let listed: Vec<_> = ANSWERS.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert_eq!(files, listed, "every query is tried");
    let readme = fs::read_to_string(folder().join("../README.md")).unwrap();
    for (file, expected) in ANSWERS {
        assert!(readme.contains(file), "{file} is in the README");
        let text = fs::read_to_string(folder().join(file)).unwrap();
        let text = text.replace(":'target'", "'web-1'").replace(":'since'", "'2026-01-01'");
        let answer = server.sql("sallyport_auditor", &database, &text);
        let answer = answer.unwrap_or_else(|said| panic!("{file}: {said}"));
        for word in *expected {
            assert!(answer.contains(word), "{file} does not name {word}: {answer}");
        }
    }
}
