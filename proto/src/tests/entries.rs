//! Entries of the control plane: bytes that the next version must still read.

use std::collections::{BTreeMap, BTreeSet};

use super::files::{check_golden, names, path};
use super::samples::name;
use crate::entry::*;
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

/// The file's name of an entry: `SessionOpen` is in `session-open`.
fn file(entry: &Entry) -> String {
    let mut file = String::new();
    for letter in entry.name().chars() {
        if letter.is_ascii_uppercase() && !file.is_empty() {
            file.push('-');
        }
        file.push(letter.to_ascii_lowercase());
    }
    file
}

fn alice() -> Person {
    Person {
        name: name("alice"),
        groups: vec![name("engineering")],
        ssh_keys: vec![text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA")],
        password_hash: Some(text("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA")),
    }
}

fn targets() -> Vec<Target> {
    let pinned = HostKeys::Pinned(vec![text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB")]);
    let environment = CredentialSource::Environment(text("WEB_2"));
    vec![
        target("web-1", pinned, CredentialSource::File(text("web-1.key"))),
        target("web-2", HostKeys::TrustOnFirstUse, environment),
    ]
}

fn by() -> By {
    By::Person(name("alice"))
}

fn addresses() -> NodeAddresses {
    NodeAddresses { cluster: text("gw-1.internal:7400"), api: text("gw-1.internal:8443") }
}

fn command() -> CommandRef {
    CommandRef {
        node: name("gw-1"),
        epoch: Epoch(2),
        session: SessionId::from_text("gw-1-2-1"),
        command: 3,
        digest: Digest([0x11; 32]),
    }
}

fn setting() -> PolicySetting {
    PolicySetting {
        document: text("version: 1\n"),
        digest: Digest([0x44; 32]),
        expected_revision: Some(3),
        by: by(),
    }
}

fn about_the_cluster() -> Vec<Entry> {
    let (node, key) = (name("gw-1"), Digest([0x22; 32]));
    let token = Digest([0x33; 32]);
    let in_epoch = || NodeEpoch { node: name("gw-1"), epoch: Epoch(2) };
    vec![
        Entry::ClusterCreated(ClusterCreation {
            contact_ms: 15_000,
            founder: node.clone(),
            addresses: addresses(),
            key,
        }),
        Entry::ClusterRestored(ClusterRestoration {
            founder: node.clone(),
            addresses: addresses(),
            key,
        }),
        Entry::JoinTokenCreated(JoinToken { digest: token, lasts_ms: 3_600_000, by: by() }),
        Entry::NodeJoined(NodeJoining {
            node: node.clone(),
            addresses: addresses(),
            key,
            token,
            supports: 2,
        }),
        Entry::NodeStarted(NodeStart {
            node: node.clone(),
            raft_id: 1,
            last_epoch: Epoch(1),
            nonce: 0x0123_4567_89ab_cdef,
            supports: 2,
            version: text("0.1.0"),
            addresses: addresses(),
        }),
        Entry::NodeSeen(in_epoch()),
        Entry::NodeLost(in_epoch()),
        Entry::NodeStopped(in_epoch()),
        Entry::NodeRemoved(NodeRemoval { node: node.clone(), by: By::Administrator }),
        Entry::VersionRaised(VersionRaise { to: 2 }),
        Entry::SecretSet(SecretSetting {
            name: name("digest-key"),
            wrapped: vec![1, 2, 3],
            generation: 7,
            by: By::Node(node.clone()),
        }),
        Entry::CheckpointSealed(Checkpoint {
            node: node.clone(),
            epoch: Epoch(2),
            seq: 900,
            hash: Digest([0x55; 32]),
        }),
        Entry::ControlPublished(ControlPublication { seq: 12 }),
        Entry::Tick(Passing { node }),
    ]
}

fn about_seals() -> Vec<Entry> {
    let node = name("gw-1");
    vec![
        Entry::NodeKeySet(NodeKeySetting {
            node: node.clone(),
            epoch: Epoch(2),
            public: [0x22; 32],
        }),
        Entry::ChainSealed(ChainSealing {
            node: node.clone(),
            epoch: Epoch(2),
            base: 0,
            size: 900,
            root: Digest([0x66; 32]),
            head: Digest([0x55; 32]),
            added: vec![Digest([0x01; 32]), Digest([0x02; 32])],
            signature: vec![0x33; 64],
        }),
        Entry::ControlCut(Passing { node: node.clone() }),
        Entry::ControlSigned(ControlSigning {
            node: node.clone(),
            size: 12,
            signature: vec![0x44; 64],
        }),
    ]
}

fn about_documents_and_sessions() -> Vec<Entry> {
    vec![
        Entry::PolicySet(setting()),
        Entry::PolicyProposed(PolicyProposal {
            setting: setting(),
            approvers: vec![name("bob"), name("carol")],
            expires_ms: 86_400_000,
        }),
        Entry::PeopleSet(PeopleSetting {
            people: vec![alice()],
            expected_revision: None,
            by: By::Node(name("gw-1")),
        }),
        Entry::TargetsSet(TargetsSetting {
            targets: targets(),
            expected_revision: Some(0),
            by: By::Administrator,
        }),
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
        Entry::SessionClose(SessionClosing { session: SessionId::from_text("gw-1-2-1") }),
    ]
}

fn about_approvals_and_locks() -> Vec<Entry> {
    let approval = ApprovalId(41);
    vec![
        Entry::ApprovalRequested(ApprovalRequest {
            command: command(),
            person: name("alice"),
            target: name("web-1"),
            login: text("deploy"),
            text: text("rm -r /srv/app"),
            incomplete: true,
            policy_revision: 4,
            rules: vec![AskedRule {
                rule: text("second-pair-of-eyes"),
                count: 1,
                approvers: vec![name("bob"), name("carol")],
            }],
            covered: Covered::Session { for_ms: 1_800_000 },
            expires_ms: 900_000,
        }),
        Entry::ApprovalRuled(ApprovalRuling {
            approval,
            by: By::Person(name("bob")),
            ruling: Ruling::Approve,
            reason: text("ticket 7"),
        }),
        Entry::ApprovalConsumed(ApprovalConsumption {
            approval,
            command: command(),
            policy_revision: 4,
            rules: vec![text("second-pair-of-eyes")],
        }),
        Entry::ApprovalWithdrawn(ApprovalWithdrawal { approval, because: Withdrawn::ClientLeft }),
        Entry::ApprovalRevoked(ApprovalRevocation {
            approval,
            by: by(),
            reason: text("wrong window"),
        }),
        Entry::LockSet(LockSetting {
            scope: LockScope::Person(name("alice")),
            for_ms: Some(3_600_000),
            reason: text("lost laptop"),
            by: by(),
        }),
        Entry::LockLifted(LockLift { lock: ApprovalId(50), reason: text("found it"), by: by() }),
    ]
}

fn entries() -> Vec<Entry> {
    let rest = [about_documents_and_sessions(), about_approvals_and_locks()].concat();
    [about_the_cluster(), about_seals(), rest].concat()
}

fn proposal(entry: Entry) -> Proposal {
    Proposal { client: Client { node: name("gw-1"), lane: 5 }, request: 9, entry }
}

#[test]
fn each_entry_is_written_as_its_golden_bytes_and_read_back() {
    let mut files = BTreeSet::new();
    for entry in entries() {
        let name = format!("{}.v2", file(&entry));
        let proposal = proposal(entry);
        let bytes = proposal.to_bytes().unwrap();
        assert_eq!(bytes[0], ENTRY_VERSION);
        check_golden(&format!("golden/entries/{name}.rkyv"), &bytes);
        // A slice of a file has no alignment.
        let shifted = [&[0_u8][..], &bytes].concat();
        assert_eq!(Proposal::from_bytes(&shifted[1..]).as_ref(), Ok(&proposal));
        files.insert(name);
    }
    assert_eq!(files.len(), Entry::NAMES.len(), "each kind of entry has one sample");
    files.insert("batch.v2".to_owned());
    let kept = names("golden/entries", ".rkyv");
    let kept: BTreeSet<_> = kept.into_iter().filter(|name| name.ends_with(".v2")).collect();
    assert_eq!(kept, files, "files on the left, entries on the right");
}

#[test]
fn a_batch_is_written_as_its_golden_bytes_and_read_back() {
    let first = entries().into_iter().filter(|entry| entry.since() == 1);
    let proposals: Vec<_> = first.map(proposal).collect();
    let batch = Batch { at: Utc(1_769_851_800_000_000), proposals };
    let bytes = batch.to_bytes().unwrap();
    check_golden("golden/entries/batch.v2.rkyv", &bytes);
    assert_eq!(Batch::from_bytes(&bytes).as_ref(), Ok(&batch));
    let other = [&[1_u8][..], &bytes[1..]].concat();
    assert_eq!(Batch::from_bytes(&other), Err(BadProposal::Version(1)), "there was no batch then");
    for length in 0..bytes.len() {
        assert_ne!(Batch::from_bytes(&bytes[..length]).as_ref(), Ok(&batch), "cut to {length}");
    }
}

/// What nodes without a cluster wrote is read as what it means now.
#[test]
fn entries_of_version_1_are_still_read() {
    let author = |text: &str| By::Person(name(text));
    let nowhere = NodeAddresses { cluster: String::new(), api: String::new() };
    let expected = [
        (
            "node-started",
            Entry::NodeStarted(NodeStart {
                node: name("gw-1"),
                raft_id: 0,
                last_epoch: Epoch(0),
                nonce: 0,
                supports: 0,
                version: String::new(),
                addresses: nowhere,
            }),
        ),
        ("policy-set", Entry::PolicySet(setting())),
        (
            "people-set",
            Entry::PeopleSet(PeopleSetting {
                people: vec![alice()],
                expected_revision: None,
                by: author("gw-1"),
            }),
        ),
        (
            "targets-set",
            Entry::TargetsSet(TargetsSetting {
                targets: targets(),
                expected_revision: None,
                by: author("gw-1"),
            }),
        ),
        ("session-open", about_documents_and_sessions().swap_remove(4)),
        ("session-close", about_documents_and_sessions().swap_remove(5)),
        ("tick", Entry::Tick(Passing { node: name("gw-1") })),
    ];
    for (file, entry) in &expected {
        let bytes = std::fs::read(path(&format!("golden/entries/{file}.v1.rkyv"))).unwrap();
        assert_eq!(bytes[0], 1, "{file}");
        let client = Client { node: name("gw-1"), lane: 0 };
        let proposal = Proposal { client, request: 9, entry: entry.clone() };
        assert_eq!(Proposal::from_bytes(&bytes), Ok(proposal), "{file}");
    }
    let old = names("golden/entries", ".v1.rkyv");
    assert_eq!(old.iter().filter(|name| !name.ends_with(".rkyv")).count(), expected.len());
}

#[test]
fn an_editor_of_version_1_who_was_no_name_was_the_node_s_own_start() {
    assert_eq!(v1_author("alice"), By::Person(name("alice")));
    assert_eq!(v1_author("start of the node"), By::Administrator);
}

fn v1_author(text: &str) -> By {
    crate::entry::v1::author(text.to_owned())
}

fn tick() -> Entry {
    Entry::Tick(Passing { node: name("gw-1") })
}

#[test]
fn bytes_that_are_not_a_proposal_are_refused() {
    let bytes = proposal(tick()).to_bytes().unwrap();
    assert_eq!(Proposal::from_bytes(&[]), Err(BadProposal::Damaged(text("no bytes"))));
    for version in [0, ENTRY_VERSION + 1, 255] {
        let other = [&[version][..], &bytes[1..]].concat();
        assert_eq!(Proposal::from_bytes(&other), Err(BadProposal::Version(version)));
    }
    for length in 1..bytes.len() {
        let cut = Proposal::from_bytes(&bytes[..length]);
        assert!(!matches!(&cut, Ok(read) if *read == proposal(tick())), "cut to {length}");
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
    let entry =
        Entry::PolicySet(PolicySetting { document, digest, expected_revision: None, by: by() });
    assert!(matches!(proposal(entry).to_bytes(), Err(BadProposal::TooLarge(_))));
}
