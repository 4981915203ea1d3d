//! Entries of the control plane: bytes that the next version must still read.

use std::collections::{BTreeMap, BTreeSet};

use super::files::{check_golden, names};
use super::samples::name;
use crate::entry::{BadProposal, ENTRY_LIMIT, ENTRY_VERSION, Entry, Proposal, SessionOpening};
use crate::ids::{Digest, Epoch, SessionId};
use crate::person::Person;
use crate::target::{CredentialSource, HostKeys, Target, TargetKind};
use crate::time::Utc;

fn text(text: &str) -> String {
    text.to_owned()
}

fn target(name_of: &str, host_keys: HostKeys, credential: CredentialSource) -> Target {
    Target {
        name: name(name_of),
        kind: TargetKind::Ssh,
        address: text("192.0.2.10:22"),
        labels: BTreeMap::from([(text("env"), text("staging"))]),
        host_keys,
        credential,
        logins: vec![text("deploy"), text("root")],
    }
}

/// The file's name of an entry. A new kind of entry does not compile here until it has one.
fn file(entry: &Entry) -> &'static str {
    match entry {
        Entry::NodeStarted { .. } => "node-started.v1",
        Entry::PolicySet { .. } => "policy-set.v1",
        Entry::PeopleSet { .. } => "people-set.v1",
        Entry::TargetsSet { .. } => "targets-set.v1",
        Entry::SessionOpen(_) => "session-open.v1",
        Entry::SessionClose { .. } => "session-close.v1",
        Entry::Tick => "tick.v1",
    }
}

fn entries() -> Vec<Entry> {
    let alice = Person {
        name: name("alice"),
        groups: vec![name("engineering")],
        ssh_keys: vec![text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA")],
        password_hash: Some(text("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA")),
    };
    let pinned = HostKeys::Pinned(vec![text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB")]);
    vec![
        Entry::NodeStarted { node: name("gw-1") },
        Entry::PolicySet {
            document: text("version: 1\n"),
            digest: Digest([0x44; 32]),
            expected_revision: Some(3),
            by: text("alice"),
        },
        Entry::PeopleSet { people: vec![alice], by: text("gw-1") },
        Entry::TargetsSet {
            targets: vec![
                target("web-1", pinned, CredentialSource::File(text("web-1.key"))),
                target(
                    "web-2",
                    HostKeys::TrustOnFirstUse,
                    CredentialSource::Environment(text("WEB_2")),
                ),
            ],
            by: text("gw-1"),
        },
        Entry::SessionOpen(SessionOpening {
            node: name("gw-1"),
            epoch: Epoch(2),
            session: SessionId::new(&name("gw-1"), Epoch(2), 1),
            person: name("alice"),
            target: name("web-1"),
            login: text("deploy"),
            policy_revision: 4,
            per_person: 20,
        }),
        Entry::SessionClose { session: SessionId::from_text("gw-1-2-1") },
        Entry::Tick,
    ]
}

fn proposal(entry: Entry) -> Proposal {
    Proposal { client: name("gw-1"), request: 9, at: Utc(1_769_851_800_000_000), entry }
}

#[test]
fn each_entry_is_written_as_its_golden_bytes_and_read_back() {
    let mut files = BTreeSet::new();
    for entry in entries() {
        let name = file(&entry);
        let proposal = proposal(entry);
        let bytes = proposal.to_bytes().unwrap();
        assert_eq!(bytes[0], ENTRY_VERSION);
        check_golden(&format!("golden/entries/{name}.rkyv"), &bytes);
        // A slice of a file has no alignment.
        let shifted = [&[0_u8][..], &bytes].concat();
        assert_eq!(Proposal::from_bytes(&shifted[1..]).as_ref(), Ok(&proposal));
        files.insert(name.to_owned());
    }
    assert_eq!(names("golden/entries", ".rkyv"), files, "files on the left, entries on the right");
}

#[test]
fn bytes_that_are_not_a_proposal_are_refused() {
    let bytes = proposal(Entry::Tick).to_bytes().unwrap();
    assert_eq!(Proposal::from_bytes(&[]), Err(BadProposal::Damaged(text("no bytes"))));
    for version in [0, ENTRY_VERSION + 1, 255] {
        let other = [&[version][..], &bytes[1..]].concat();
        assert_eq!(Proposal::from_bytes(&other), Err(BadProposal::Version(version)));
    }
    for length in 1..bytes.len() {
        let cut = Proposal::from_bytes(&bytes[..length]);
        assert!(!matches!(&cut, Ok(read) if *read == proposal(Entry::Tick)), "cut to {length}");
    }
}

#[test]
fn damage_is_refused_or_changes_a_value_and_never_panics() {
    for entry in entries() {
        let bytes = proposal(entry).to_bytes().unwrap();
        for index in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[index] ^= flip;
                // rkyv validates shape, not truth: the journal's own checksum is what finds damage.
                if let Ok(read) = Proposal::from_bytes(&damaged) {
                    assert!(read.to_bytes().is_ok());
                }
            }
        }
    }
}

#[test]
fn an_entry_over_the_limit_is_too_large() {
    let document = "x".repeat(ENTRY_LIMIT + 1);
    let digest = Digest::ZERO;
    let entry = Entry::PolicySet { document, digest, expected_revision: None, by: text("alice") };
    assert!(matches!(proposal(entry).to_bytes(), Err(BadProposal::TooLarge(_))));
}
