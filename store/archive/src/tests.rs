//! An archive is sealed, gone on with, read, pruned and held; and what is changed by hand is named.

use std::collections::BTreeMap;
use std::path::Path;

use proto::event::{About, Draft, Event, Head, Kind, NodeStopped, stamp};
use proto::ids::{Chain, Epoch, EventId, Name};
use proto::time::Utc;
use ring::signature::Ed25519KeyPair;
use store_proof::checkpoint::origin;
use store_proof::keys::Keys;
use store_proof::note::{Key, public};
use store_proof::tree::{Range, leaf};
use tempfile::TempDir;

use crate::seal::sha256;
use crate::*;

const DAY: i64 = 86_400;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn chain() -> Chain {
    Chain::Node(name("gw-1"))
}

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn keys(seed: u8) -> Keys {
    let key = Key::new(&origin(&name("acme"), &chain()), public(&pair(seed))).unwrap();
    Keys { members: vec![key], former: Vec::new() }
}

/// Events of a chain, one a day.
fn events(count: u64) -> Vec<Vec<u8>> {
    let mut head = Head::default();
    let event = |seq: u64| {
        let id = EventId { chain: chain(), epoch: Epoch(1), seq };
        let time = Utc(i64::try_from(seq).unwrap() * DAY * 1_000_000);
        let kind = Kind::NodeStopped(NodeStopped { reason: "terminated".to_owned() });
        let draft = Draft { time, applied: 1, about: About::default(), kind };
        let bytes = stamp(&name("acme"), id, head, &draft).unwrap().bytes;
        head = Head { seq, hash: Some(sha256(&bytes)) };
        bytes
    };
    (1..=count).map(event).collect()
}

fn seal(archive: &Archive, events: &[Vec<u8>]) -> Result<usize, Error> {
    let (key, options) = (pair(1), SealerOptions { events: 3, bytes: 1 << 20 });
    let name = origin(archive.cluster(), &chain());
    let mut sealer = Sealer::new(archive, &name, &key, BTreeMap::new(), options)?;
    for bytes in events {
        sealer.take(&Event::read(bytes).unwrap(), bytes)?;
    }
    sealer.finish().map(|sealed| sealed.len())
}

/// An archive of ten events in segments of three.
fn ten(folder: &Path) -> Archive {
    let archive = Archive::create(&folder.join("archive"), name("acme"), 30).unwrap();
    assert_eq!(seal(&archive, &events(10)).unwrap(), 4);
    archive
}

fn places(archive: &Archive) -> Vec<(u64, u64)> {
    let segments = archive.segments().unwrap();
    segments.iter().map(|one| (one.segment.first, one.segment.last)).collect()
}

#[test]
fn what_is_sealed_is_read_back_and_goes_on() {
    let folder = TempDir::new().unwrap();
    let archive = ten(folder.path());
    assert_eq!(places(&archive), [(1, 3), (4, 6), (7, 9), (10, 10)]);
    // The same again, and three more.
    let more = events(13);
    assert_eq!(seal(&archive, &more).unwrap(), 1);
    let archive = Archive::open(&folder.path().join("archive")).unwrap();
    assert_eq!(places(&archive)[4], (11, 13));
    let mut tree = Range::at(0);
    let mut read = Vec::new();
    for sealed in archive.segments().unwrap() {
        assert_eq!(sealed.check(&keys(1)).unwrap(), Checked::Good);
        assert_eq!(sealed.segment.before.as_ref(), Some(&tree), "the edge of each segment");
        let mut lines = Lines::open(&sealed.events).unwrap();
        while lines.advance().unwrap() {
            tree.push(leaf(lines.line()));
            read.push(lines.line().to_vec());
        }
    }
    assert_eq!(read, more);
    let gap = seal(&archive, &events(20)[14..]);
    assert!(matches!(gap, Err(Error::Gap { last: 13, found: 15, .. })), "{gap:?}");
    assert_eq!(places(&archive).len(), 5, "and nothing of it is there");
}

/// A record whose start is gone begins an archive where it begins, and says so.
#[test]
fn an_archive_may_begin_in_the_middle() {
    let folder = TempDir::new().unwrap();
    let archive = Archive::create(&folder.path().join("a"), name("acme"), 0).unwrap();
    let ten = events(10);
    seal(&archive, &ten[4..]).unwrap();
    let first = &archive.segments().unwrap()[0].segment;
    assert_eq!((first.first, first.before.as_ref()), (5, None));
    assert_eq!(first.prev, sha256(&ten[3]));
    seal(&archive, &events(11)).unwrap();
    assert_eq!(places(&archive), [(5, 7), (8, 10), (11, 11)]);
}

#[track_caller]
fn check_named(change: impl FnOnce(&Sealed), expected: Checked) {
    let folder = TempDir::new().unwrap();
    let archive = ten(folder.path());
    change(&archive.segments().unwrap()[1]);
    let found = archive.segments().unwrap()[1].check(&keys(1)).unwrap();
    assert_eq!(found, expected);
}

#[test]
fn what_is_changed_by_hand_is_named() {
    let edit = |path: &Path, old: &str, new: &str| {
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.contains(old));
        std::fs::write(path, text.replacen(old, new, 1)).unwrap();
    };
    check_named(|_| {}, Checked::Good);
    check_named(
        |sealed| edit(&sealed.events, "terminated", "terminator"),
        Checked::Differs("its file has other bytes"),
    );
    check_named(
        |sealed| edit(&sealed.events, "terminated", "ended"),
        Checked::Differs("its file is longer or shorter"),
    );
    check_named(
        |sealed| std::fs::remove_file(&sealed.events).unwrap(),
        Checked::Differs("its file is gone"),
    );
    let name = origin(&name("acme"), &chain());
    check_named(
        |sealed| edit(&sealed.manifest, "events 4 6 3", "events 4 6 2"),
        Checked::BadSignature(name.clone()),
    );
    let folder = TempDir::new().unwrap();
    let archive = ten(folder.path());
    let first = &archive.segments().unwrap()[0];
    assert_eq!(first.check(&keys(2)).unwrap(), Checked::AnotherKey(name));
    assert_eq!(first.check(&Keys::default()).unwrap(), Checked::Unknown);
}

fn now(day: i64) -> Utc {
    Utc(day * DAY * 1_000_000)
}

/// What is taken away on a day, and why the rest stays.
#[track_caller]
fn check_prune(archive: &Archive, day: i64, gone: usize, why: Kept) {
    let tried = archive.prune(30, now(day), true).unwrap();
    let pruned = archive.prune(30, now(day), false).unwrap();
    assert_eq!((tried.gone.len(), pruned.gone.len()), (gone, gone), "on day {day}");
    assert_eq!(pruned.kept.iter().map(|(_, why)| why.clone()).collect::<Vec<_>>(), [why]);
}

#[test]
fn nothing_younger_than_its_retention_is_taken_away() {
    let folder = TempDir::new().unwrap();
    let mut archive = ten(folder.path());
    let young = archive.prune(29, now(1_000), false);
    assert!(matches!(young, Err(Error::TooYoung { least: 30, asked: 29 })), "{young:?}");
    check_prune(&archive, 33, 0, Kept::Young);
    check_prune(&archive, 34, 1, Kept::Young);
    check_prune(&archive, 1_000, 2, Kept::Last);
    assert_eq!(places(&archive), [(10, 10)], "the last stays, so that the chain goes on");
    let kept = folder.path().join("archive/pruned/gw-1");
    assert_eq!(std::fs::read_dir(kept).unwrap().count(), 3, "the manifests stay");
    let lowered = archive.keep_for(7);
    assert!(matches!(lowered, Err(Error::RetentionLowered { is: 30, asked: 7 })), "{lowered:?}");
    archive.keep_for(400).unwrap();
    assert_eq!(Archive::open(&folder.path().join("archive")).unwrap().retention_days(), 400);
}

#[test]
fn what_is_held_stays_and_all_behind_it() {
    let folder = TempDir::new().unwrap();
    let mut archive = ten(folder.path());
    let hold = |id: &str, chain, from, to| {
        let reason = "case 7".to_owned();
        Hold { id: name(id), reason, chain, from, to }
    };
    archive.hold(hold("case-7", Some(chain()), Some(now(5)), Some(now(6)))).unwrap();
    archive.hold(hold("other", Some(Chain::Control), None, None)).unwrap();
    assert!(archive.hold(hold("other", None, None, None)).is_err(), "the name is taken");
    check_prune(&archive, 1_000, 1, Kept::Held(name("case-7")));
    let mut archive = Archive::open(&folder.path().join("archive")).unwrap();
    assert_eq!(archive.holds().len(), 2);
    archive.lift(&name("case-7")).unwrap();
    assert!(archive.lift(&name("case-7")).is_err());
    check_prune(&archive, 1_000, 2, Kept::Last);
}

#[test]
fn an_archive_is_of_one_cluster() {
    let folder = TempDir::new().unwrap();
    let archive = Archive::create(&folder.path().join("a"), name("other"), 0).unwrap();
    assert!(matches!(seal(&archive, &events(1)), Err(Error::OtherCluster { .. })));
    assert!(!Archive::is_there(folder.path()));
    assert!(Archive::create(folder.path(), name("acme"), 0).is_err(), "it is not empty");
}
