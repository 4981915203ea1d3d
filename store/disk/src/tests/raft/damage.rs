//! One changed byte, wherever it is, is noticed at the next opening or reading, or has changed
//! nothing that is served.

use super::{Model, at, entry, identity, open, snapshot, vote};
use crate::raft::{OpenError, RaftStore, ReadError, Write};
use crate::storage::Simulated;

const FILE: &str = "raft.redb";

/// A disk with a record of every kind.
fn full() -> (Simulated, Model) {
    let disk = Simulated::new(7);
    let (_, mut writer) = open(&disk).unwrap();
    let part = |part: u32, letter| Write::SnapshotPart {
        number: 1,
        part,
        bytes: bytes::Bytes::from(vec![letter; 600]),
    };
    let writes = [
        Write::Identity(identity(3)),
        Write::Vote(vote(2, true)),
        Write::Append((0..20).map(|index| entry(2, index, 300)).collect()),
        Write::Committed(at(2, 15)),
        part(0, b'x'),
        part(1, b'y'),
        Write::Snapshot(snapshot(1, at(2, 5), 2, 1200)),
        Write::Purge(at(2, 5)),
    ];
    let mut model = Model::default();
    for write in &writes {
        writer.perform(std::slice::from_ref(write)).unwrap();
        model.perform(write);
    }
    writer.perform(&[Write::Vote(vote(3, false))]).unwrap();
    model.perform(&Write::Vote(vote(3, false)));
    (disk, model)
}

/// Whether a store that opened serves exactly what was written.
fn serves(store: &RaftStore, model: &Model) -> Result<bool, ReadError> {
    store.entries(0..u64::MAX)?;
    let parts = store.heads().snapshot.map_or(0, |kept| kept.parts);
    for part in 0..parts {
        store.snapshot_part(1, part)?;
    }
    Ok(Model::of(store) == *model)
}

/// Every content is looked for in the file, so that the byte that is flipped is surely one of its.
#[track_caller]
fn flipped(what: &str, content: &[u8]) {
    let (disk, _) = full();
    let mut found = 0;
    disk.tamper(FILE, |bytes| {
        let mut at = 0;
        while let Some(next) = bytes[at..].windows(content.len()).position(|part| part == content) {
            // redb keeps older copies: all of them are changed.
            bytes[at + next] ^= 1;
            at += next + content.len();
            found += 1;
        }
    });
    assert!(found > 0, "{what} is not in the file");
    match open(&disk).map(|_| ()) {
        Err(OpenError::Damaged(damage)) => {
            let text = damage.to_string();
            assert!(text.contains("SP-1807") && text.contains(FILE), "{text}");
            assert!(text.contains("cluster remove"), "it does not say how to go on: {text}");
        }
        other => panic!("{what}: {other:?}"),
    }
}

#[test]
fn a_flipped_byte_of_any_record_is_noticed() {
    flipped("an entry", &entry(2, 10, 300).bytes);
    flipped("a part of a snapshot", &[b'y'; 600]);
    flipped("the identity", b"gw-1");
    flipped("the vote", &[3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    flipped("the name of a fact", b"commit number");
}

#[test]
fn a_changed_byte_anywhere_is_never_served() {
    let (disk, model) = full();
    let length = disk.names().iter().find(|(name, _)| name == FILE).unwrap().1;
    let mut noticed = 0;
    // All of the first page, which is redb's own header, and a sample of the rest.
    let sample = (0..400).chain((400..length).step_by(997));
    for place in sample {
        for change in [0x01, 0x80, 0xff] {
            let disk = disk.copy();
            disk.tamper(FILE, |bytes| bytes[place] ^= change);
            let Ok((store, _writer)) = open(&disk) else {
                noticed += 1;
                continue;
            };
            match serves(&store, &model) {
                Ok(true) => {}
                Ok(false) => panic!("byte {place} changed by {change:#x} is served"),
                Err(_) => noticed += 1,
            }
        }
    }
    assert!(noticed > 50, "only {noticed} changes were noticed");
}

#[test]
fn a_file_cut_short_zeroed_or_gone_is_noticed() {
    type Change = fn(&mut Vec<u8>);
    let changes: [(&str, Change); 4] = [
        ("half", |bytes| bytes.truncate(bytes.len() / 2)),
        ("zeroes", |bytes| bytes.fill(0)),
        ("empty", Vec::clear),
        ("its magic", |bytes| bytes[0] = 0),
    ];
    for (name, change) in changes {
        let (disk, _) = full();
        disk.tamper(FILE, change);
        let opened = open(&disk).map(|_| ());
        assert!(matches!(opened, Err(OpenError::Damaged(_))), "{name}: {opened:?}");
    }
    let (disk, _) = full();
    crate::storage::Storage::remove(&disk, FILE).unwrap();
    assert!(matches!(open(&disk), Err(OpenError::Damaged(_))));
}

#[test]
fn an_older_copy_of_the_database_beside_a_newer_mark_is_noticed() {
    let (disk, _) = full();
    let mut older = Vec::new();
    disk.tamper(FILE, |bytes| older = bytes.clone());
    let (_, mut writer) = open(&disk).unwrap();
    writer.perform(&[Write::Vote(vote(4, false))]).unwrap();
    drop(writer);
    disk.tamper(FILE, |bytes| *bytes = older);
    match open(&disk) {
        Err(OpenError::Damaged(damage)) => assert_eq!(damage.record, "commit number"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_entry_that_would_leave_a_gap_stops_the_log() {
    let (disk, _) = full();
    let (store, mut writer) = open(&disk).unwrap();
    let stopped = writer.perform(&[Write::Append(vec![entry(3, 40, 5)])]).unwrap_err();
    assert!(stopped.0.contains("entry 20"), "{stopped}");
    assert_eq!(store.heads().last, Some(at(2, 19)));
    let stopped = writer.perform(&[Write::Vote(vote(9, false))]).unwrap_err();
    assert!(stopped.0.contains("entry 20"), "the first reason is kept: {stopped}");
}
