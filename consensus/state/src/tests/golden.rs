//! The bytes of every kind of entry, of every version ever written.
//!
//! A missing file is written and fails the test once, so that nothing is accepted unseen. A file of
//! a released version is never changed: what it holds is in somebody's log.

use std::path::PathBuf;

use proto::entry::{ENTRY_VERSION, Entry, Proposal};
use proto::target::{CredentialSource, HostKeys};

use super::{name, opening, person, policy, proposal, target};

#[test]
fn bytes_are_those_of_version_1() {
    assert_eq!(ENTRY_VERSION, 1, "a new version needs golden files of its own, beside these");
    check(Entry::NodeStarted { node: name("gw-1") });
    check(policy("version: 1\n", Some(41)));
    let mut with_password = person("bob", &[]);
    with_password.password_hash = Some("$argon2id$".to_owned());
    let people = vec![person("alice", &["engineering", "dba"]), with_password];
    check(Entry::PeopleSet { people, by: "root".to_owned() });
    let mut second = target("db-1", "postgres");
    second.host_keys = HostKeys::TrustOnFirstUse;
    second.credential = CredentialSource::Environment("DB_KEY".to_owned());
    let targets = vec![target("web-1", "deploy"), second];
    check(Entry::TargetsSet { targets, by: "root".to_owned() });
    check(Entry::SessionOpen(opening("gw-1", 3, 7, "alice", "web-1")));
    check(Entry::SessionClose { session: opening("gw-1", 3, 7, "a", "b").session });
    check(Entry::Tick);
}

/// A new kind of entry does not compile here until it has a name, and so a golden file.
fn file_name(entry: &Entry) -> &'static str {
    match entry {
        Entry::NodeStarted { .. } => "node_started",
        Entry::PolicySet { .. } => "policy_set",
        Entry::PeopleSet { .. } => "people_set",
        Entry::TargetsSet { .. } => "targets_set",
        Entry::SessionOpen(_) => "session_open",
        Entry::SessionClose { .. } => "session_close",
        Entry::Tick => "tick",
    }
}

#[track_caller]
fn check(entry: Entry) {
    let file = format!("{}.v{ENTRY_VERSION}.hex", file_name(&entry));
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(&file);
    let proposal = proposal("gw-1", 5, 1_700_000_000, entry);
    let bytes = proposal.to_bytes().unwrap();
    let Ok(golden) = std::fs::read_to_string(&path) else {
        std::fs::write(&path, to_hex(&bytes)).unwrap();
        panic!("{file} was missing and has been written: read it, then run again");
    };
    assert_eq!(to_hex(&bytes), golden, "{file}: today's encoder gives other bytes");
    assert_eq!(Proposal::from_bytes(&from_hex(&golden)).unwrap(), proposal, "{file}");
}

fn to_hex(bytes: &[u8]) -> String {
    let line = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    bytes.chunks(32).map(|bytes| line(bytes) + "\n").collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}
