//! Bytes of snapshots: those that were ever written are read, and damage is an error.

use std::path::PathBuf;

use proto::entry::*;

use super::*;
use crate::{BadSnapshot, SNAPSHOT_VERSION};

/// A state with at least one of everything.
fn full() -> State {
    let mut cluster = Cluster::new();
    let token = |text: &str| {
        let (digest, lasts_ms, by) = (sha256(text), 3_600_000, by("eve"));
        Entry::JoinTokenCreated(JoinToken { digest, lasts_ms, by })
    };
    let joining = NodeJoining {
        node: name("gw-2"),
        addresses: addresses("gw-2"),
        key: sha256("key"),
        token: sha256("one"),
        supports: 1,
    };
    let lock = |scope, for_ms| {
        let (reason, by) = ("incident".to_owned(), by("eve"));
        Entry::LockSet(LockSetting { scope, for_ms, reason, by })
    };
    let mut covering = request(3, 1, &["bob"]);
    covering.covered = Covered::Session { for_ms: 1_800_000 };
    let waits = setting("three", Some(1), "alice");
    let proposal = PolicyProposal { setting: waits, approvers: names(&["bob"]), expires_ms: 9_000 };
    for count in 1..=4 {
        cluster.open(count);
    }
    cluster.open(6);
    let ended = cluster.ask(&request(4, 1, &["bob"]));
    let open = cluster.ask(&request(1, 1, &["bob", "carol"]));
    let approved = cluster.ask(&request(2, 1, &["bob"]));
    let held = cluster.ask(&covering);
    assert!(open < approved);
    for entry in [
        ruling(ended, "bob", Ruling::Deny),
        ruling(approved, "bob", Ruling::Approve),
        ruling(held, "bob", Ruling::Approve),
        Entry::ApprovalConsumed(consumption(held, &covering)),
        Entry::PolicyProposed(proposal),
        token("one"),
        token("two"),
        Entry::NodeJoined(joining),
        close(&opening("gw-1", 1, 4, "alice", "web-1").session),
        lock(LockScope::Target(name("db-1")), None),
        lock(LockScope::Person(name("dan")), Some(60_000)),
        Entry::SecretSet(SecretSetting {
            name: name("digest-key"),
            wrapped: vec![1, 2, 3],
            generation: 4,
            by: By::Node(name("gw-1")),
        }),
        Entry::CheckpointSealed(Checkpoint {
            node: name("gw-1"),
            epoch: Epoch(1),
            seq: 12,
            hash: sha256("twelve"),
        }),
        Entry::ControlPublished(ControlPublication { seq: 8 }),
        Entry::ControlPublished(ControlPublication { seq: 99 }),
    ] {
        cluster.reply(entry);
    }
    cluster.state
}

#[test]
fn a_full_state_comes_back() {
    let state = full();
    let again = State::from_snapshot(&state.to_snapshot()).unwrap();
    assert_eq!(again, state);
    assert_eq!(again.to_snapshot(), state.to_snapshot());
    let parts = [
        state.nodes().len(),
        state.open_sessions().len(),
        state.approvals().len(),
        state.locks().len(),
        state.unpublished().len(),
        state.policy_revisions().len(),
    ];
    assert!(parts.iter().all(|count| *count > 0), "{parts:?}");
    let new = State::new(name("test"));
    assert_eq!(State::from_snapshot(&new.to_snapshot()), Ok(new));
}

/// What a released version wrote is read for ever, and written again byte for byte as long as the
/// version is the same. `UPDATE=1` writes a file that is missing; one that is there is never changed.
#[test]
fn the_bytes_are_those_of_this_version() {
    for (version, state) in [(1, full()), (SNAPSHOT_VERSION, sealed())] {
        check_bytes(version, &state);
    }
}

/// The full state, at the cluster version that has checkpoints.
fn sealed() -> State {
    let mut cluster = Cluster { state: full(), request: 1_000, now: seconds(1) };
    let removal = NodeRemoval { node: name("gw-2"), by: by("eve") };
    let mut again = start("gw-1", 1, 1, 8);
    again.supports = 2;
    for entry in [
        Entry::NodeRemoved(removal),
        Entry::NodeStarted(again),
        Entry::VersionRaised(VersionRaise { to: 2 }),
        policy("sealed"),
    ] {
        assert!(!matches!(cluster.reply(entry), Reply::Refused(_)));
    }
    super::seals::seal_all(&mut cluster);
    cluster.state
}

#[track_caller]
fn check_bytes(version: u8, state: &State) {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("golden/snapshot.v{version}.rkyv"));
    let bytes = state.to_snapshot();
    assert_eq!(bytes[0], version);
    if std::env::var("UPDATE").is_ok_and(|value| value == "1") && !path.exists() {
        std::fs::write(&path, &bytes).unwrap();
    }
    let golden = std::fs::read(&path).expect("the file is there: UPDATE=1 writes it once");
    assert_eq!(State::from_snapshot(&golden).as_ref(), Ok(state));
    assert!(golden == bytes, "other bytes need a new version");
}

#[test]
fn bytes_that_are_no_snapshot_are_refused() {
    let state = sealed();
    let bytes = state.to_snapshot();
    let damaged =
        |bytes: &[u8]| matches!(State::from_snapshot(bytes), Err(BadSnapshot::Damaged(_)));
    assert!(damaged(&[]));
    assert!(damaged(&[SNAPSHOT_VERSION]) && damaged(&[1]));
    assert!(damaged(&[SNAPSHOT_VERSION, 255, 255, 255, 255, 255, 255, 255, 255, 1]));
    for version in [0, SNAPSHOT_VERSION + 1, 255] {
        let other = [&[version][..], &bytes[1..]].concat();
        assert_eq!(State::from_snapshot(&other), Err(BadSnapshot::Version(version)));
    }
    for length in 0..bytes.len() {
        assert_ne!(State::from_snapshot(&bytes[..length]).as_ref(), Ok(&state), "cut to {length}");
    }
}

#[test]
fn damage_is_refused_or_changes_a_value_and_never_panics() {
    let bytes = sealed().to_snapshot();
    for index in 0..bytes.len() {
        // Three flips of each byte take long; each is tried on every third.
        let mut damaged = bytes.clone();
        damaged[index] ^= [0x01, 0x80, 0xff][index % 3];
        // rkyv validates shape, not truth: the checksum of whoever stores it is what finds damage.
        if let Ok(read) = State::from_snapshot(&damaged) {
            assert!(!read.to_snapshot().is_empty());
        }
    }
}
