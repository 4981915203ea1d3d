//! Files of events, also those that somebody made to be read.

use std::fs;

use proto::event::EVENT_LIMIT;
use proto::ids::Digest;

use crate::archive::{Archive, POLICIES};

fn lines(bytes: &[u8]) -> Vec<usize> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("events.jsonl");
    fs::write(&path, bytes).expect("a file");
    let archive = Archive::open(&path).unwrap_or_else(|_| panic!("an archive"));
    let mut lines = archive.lines().unwrap_or_else(|_| panic!("lines"));
    let mut found = Vec::new();
    while lines.advance().unwrap_or_else(|_| panic!("a line")) {
        found.push(lines.line().len());
    }
    found
}

#[test]
fn lines_are_taken_as_they_are() {
    assert_eq!(lines(b""), [0; 0]);
    assert_eq!(lines(b"one\n\nthree"), [3, 0, 5]);
    assert_eq!(lines(b"one\r\n"), [4], "a carriage return is a byte like others");
}

#[test]
fn a_line_longer_than_any_event_takes_bounded_memory() {
    let mut bytes = vec![b'x'; EVENT_LIMIT * 3];
    bytes.extend_from_slice(b"\nnext\n");
    assert_eq!(lines(&bytes), [EVENT_LIMIT + 2, 4]);
}

#[test]
fn a_directory_gives_its_policies() {
    let directory = tempfile::tempdir().expect("a directory");
    let policies = directory.path().join(POLICIES);
    fs::create_dir(&policies).expect("a directory");
    fs::write(policies.join(format!("{}.yaml", Digest([1; 32]))), "version: 1\n").expect("a file");
    let archive = Archive::open(directory.path()).unwrap_or_else(|_| panic!("an archive"));
    let policy = |digest| archive.policy(&digest).unwrap_or_else(|_| panic!("readable"));
    assert_eq!(policy(Digest([1; 32])).as_deref(), Some("version: 1\n"));
    assert_eq!(policy(Digest([2; 32])), None);
}
