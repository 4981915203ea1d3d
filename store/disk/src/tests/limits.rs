//! Quota, shares, last words, a full or failing medium, the archive, the lock, group commit.

use std::sync::Arc;

use store_log::{
    Backend, Failure, Health, Position, Record, RefusedBecause, Share, Urgency, conformance,
};

use super::{answered, control, open, record, shared_by, small};
use crate::error::OpenError;
use crate::format::record_bytes;
use crate::journal::Parts;
use crate::options::{Options, QUEUE_RECORDS};
use crate::storage::simulated::Faults;
use crate::storage::{Simulated, Storage};
use crate::{Files, Journal};

fn last_words(record: Record) -> Record {
    Record { urgency: Urgency::LastWords, ..record }
}

/// Keeps records of a share until one is refused; gives how many were kept, and why no more.
fn fill(parts: &mut Parts, share: Share, seq: &mut u64, urgent: bool) -> (u64, RefusedBecause) {
    for kept in 0.. {
        let next = shared_by(share.0, record(*seq, 900, 0));
        match parts.keep(if urgent { last_words(next) } else { next }) {
            Ok(_) => *seq += 1,
            Err(Failure::Refused(because)) => return (kept, because),
            Err(Failure::Unknown) => panic!("the answer is unknown"),
        }
    }
    unreachable!("a journal that never is full")
}

#[test]
fn quota_shares_and_last_words() {
    let one = record_bytes(record(1, 900, 0).bytes.len());
    let options = Options {
        quota_bytes: 100 * one,
        share_percent: 25,
        strangers_percent: 5,
        last_words_bytes: 7 * one,
        ..small()
    };
    let disk = Simulated::new(1);
    let mut parts = open(&disk, options.clone()).unwrap();
    let (mut seq, alice, bob) = (1, Share::of_person("alice"), Share::of_person("bob"));
    assert_eq!(fill(&mut parts, alice, &mut seq, false), (25, RefusedBecause::ShareUsedUp));
    assert_eq!(
        fill(&mut parts, Share::STRANGERS, &mut seq, false),
        (5, RefusedBecause::ShareUsedUp)
    );
    // Accounts are known again after opening.
    drop(parts);
    let mut parts = open(&disk, options).unwrap();
    assert_eq!(fill(&mut parts, alice, &mut seq, false), (0, RefusedBecause::ShareUsedUp));
    assert_eq!(fill(&mut parts, bob, &mut seq, false).0, 25);
    assert_eq!(health(&parts), "good");
    // The node's own records have no share, only the quota; more bytes a record near the end.
    let (kept, because) = fill(&mut parts, Share::NODE, &mut seq, false);
    assert!((44..=45).contains(&kept) && because == RefusedBecause::Full, "{kept} {because}");
    assert_eq!(health(&parts), "full");
    let (kept, because) = fill(&mut parts, alice, &mut seq, true);
    assert!((6..=8).contains(&kept) && because == RefusedBecause::Full, "{kept} {because}");
}

fn health(parts: &Parts) -> &'static str {
    let queue = parts.shared.queue.lock();
    match (&queue.stopped, queue.is_full()) {
        (Some(_), _) => "stopped",
        (None, true) => "full",
        (None, false) => "good",
    }
}

#[test]
fn a_full_medium_refuses_and_recovers() {
    let disk = Simulated::new(1);
    let mut parts = open(&disk, small()).unwrap();
    let mut seq = 1;
    // The watermark, and four segments.
    disk.set_faults(Faults { room: Some(8192 + 4 * 4096), ..Faults::default() });
    let (kept, because) = fill(&mut parts, Share::NODE, &mut seq, false);
    assert_eq!((kept, because, health(&parts)), (12 - 3, RefusedBecause::Full, "full"));
    let (kept, because) = fill(&mut parts, Share::NODE, &mut seq, true);
    assert_eq!((kept, because), (3, RefusedBecause::Full));
    assert_eq!(fill(&mut parts, Share::NODE, &mut seq, false), (0, RefusedBecause::Full));
    // It opens on a full medium, and takes records again when there is room.
    drop(parts);
    let disk = disk.power_cut();
    disk.set_faults(Faults { room: Some(8192 + 4 * 4096), ..Faults::default() });
    let mut parts = open(&disk, small()).unwrap();
    assert_eq!(parts.all().len(), 12);
    assert_eq!(fill(&mut parts, Share::NODE, &mut seq, false), (0, RefusedBecause::Full));
    disk.set_faults(Faults::default());
    parts.writer.step();
    assert_eq!(health(&parts), "good");
    parts.keep(record(seq, 900, 0)).unwrap();
}

/// Any sync or write that fails stops it: nothing is answered well from then on.
#[test]
fn the_first_error_stops() {
    for at in 1..=12 {
        for faults in [
            Faults { sync_fails_at: Some(at), ..Faults::default() },
            Faults { write_fails_at: Some(at), ..Faults::default() },
        ] {
            let disk = Simulated::new(at);
            let mut parts = open(&disk, small()).unwrap();
            disk.set_faults(faults);
            let (mut kept, mut seq) = (0, 0);
            let last = loop {
                seq += 1;
                assert!(seq < 40, "{faults:?} never came");
                match parts.keep(record(seq, 900, 0)) {
                    Ok(_) => kept = seq,
                    // The fault met a segment that was allocated ahead: this one is kept.
                    Err(error) => break error,
                }
            };
            assert_eq!(health(&parts), "stopped", "{faults:?}");
            match last {
                Failure::Unknown => {
                    // Asked again under its id, it is still unknown: not refused, not kept.
                    let (_, again) = parts.shared.enqueue(record(seq, 900, 0)).unwrap();
                    assert_eq!(answered(again), Some(Err(Failure::Unknown)), "{faults:?}");
                    let next = parts.refused(record(seq + 1, 900, 0));
                    assert_eq!(next, RefusedBecause::Stopped);
                }
                Failure::Refused(because) => assert_eq!(because, RefusedBecause::Stopped),
            }
            if kept > 0 {
                let (_, again) = parts.shared.enqueue(record(kept, 900, 0)).unwrap();
                assert_eq!(answered(again), Some(Ok(Position(kept))), "{faults:?}");
            }
            let parts = open(&disk.power_cut(), small()).unwrap();
            assert!(parts.all().len() as u64 >= kept, "{faults:?}");
        }
    }
}

#[test]
fn nothing_is_readable_before_it_is_durable() {
    let disk = Simulated::new(1);
    let mut parts = open(&disk, small()).unwrap();
    let (_, first) = parts.shared.enqueue(record(1, 9, 0)).unwrap();
    let (_, again) = parts.shared.enqueue(record(1, 9, 0)).unwrap();
    assert_eq!(parts.all(), []);
    parts.writer.step();
    assert_eq!(answered(first), Some(Ok(Position(1))));
    assert_eq!(answered(again), Some(Ok(Position(1))));
    assert_eq!(parts.all().len(), 1);
}

#[test]
fn the_queue_is_bounded() {
    let disk = Simulated::new(1);
    let mut parts = open(&disk, Options { segment_bytes: 1 << 22, ..large() }).unwrap();
    let mut waiting = Vec::new();
    for seq in 1..=QUEUE_RECORDS as u64 {
        waiting.push(parts.shared.enqueue(record(seq, 9, 0)).unwrap().1);
    }
    assert_eq!(parts.refused(record(QUEUE_RECORDS as u64 + 1, 9, 0)), RefusedBecause::Busy);
    while parts.shared.queue.lock().waiting() > 0 {
        parts.writer.step();
    }
    assert!(waiting.into_iter().all(|completion| matches!(answered(completion), Some(Ok(_)))));
    parts.keep(record(QUEUE_RECORDS as u64 + 1, 9, 0)).unwrap();
}

fn large() -> Options {
    Options { quota_bytes: 1 << 30, ..small() }
}

/// Sealed segments move, by renaming or by copying; everything can still be read.
#[test]
fn the_archive_keeps_the_quota_free() {
    for folders_are_devices in [false, true] {
        let options = Options {
            archive: true,
            quota_bytes: 40 * 1024,
            share_percent: 25,
            strangers_percent: 25,
            ..small()
        };
        let disk = Simulated::new(1);
        disk.set_faults(Faults { folders_are_devices, ..Faults::default() });
        let mut parts = open(&disk, options.clone()).unwrap();
        parts.keep(control(1, 5)).unwrap();
        for seq in 1..=300 {
            parts.keep(shared_by(77, record(seq, 900, 0))).unwrap();
            parts.keep_house();
        }
        assert!(parts.shared.queue.lock().account.used() <= 24 * 1024);
        let all = parts.all();
        assert_eq!(all.len(), 301);
        let disk = disk.killed();
        let parts = open(&disk, options).unwrap();
        assert_eq!(parts.all(), all);
        assert_eq!(parts.shared.verify_all().unwrap().records, 301);
        // The control chain's head is known although its only record was archived long ago.
        assert_eq!(parts.shared.heads.control.seq, 1);
        let hash = crate::writer::sha256(&all[0].bytes);
        assert_eq!(parts.shared.heads.control.hash, Some(hash));
        let (_, again) = parts.shared.enqueue(shared_by(77, record(9, 900, 0))).unwrap();
        assert_eq!(answered(again), Some(Ok(Position(10))));
        let in_archive = disk.list("archive").unwrap().len();
        assert!(in_archive > 50 && disk.list("segments").unwrap().len() < 12);
    }
}

#[test]
fn any_place_is_found_in_a_long_segment() {
    let options = Options { segment_bytes: 1 << 20, ..large() };
    let mut parts = open(&Simulated::new(1), options).unwrap();
    let mut places = Vec::new();
    for seq in 1..=700_u64 {
        places.push((false, seq, parts.keep(record(seq, 90, 0)).unwrap()));
        if seq % 9 == 0 || (300..420).contains(&seq) {
            let control_seq = 1_000 + seq;
            places.push((true, control_seq, parts.keep(control(control_seq, 90)).unwrap()));
        }
    }
    for (control, seq, position) in places {
        let found = parts.shared.find(control, seq).unwrap().expect("it is there");
        assert_eq!((found.position, found.seq, found.control), (position, seq, control));
    }
    for (control, seq) in [(false, 0), (false, 701), (true, 1_001), (true, 9_999)] {
        assert_eq!(parts.shared.find(control, seq).unwrap(), None);
    }
}

#[test]
fn only_what_was_released_leaves_the_quota() {
    let options = Options { archive: true, quota_bytes: 20 * 1024, ..small() };
    let disk = Simulated::new(1);
    let mut parts = open(&disk, options).unwrap();
    parts.shared.released.store(0, std::sync::atomic::Ordering::Relaxed);
    let mut seq = 1;
    for _ in 0..30 {
        if parts.keep(record(seq, 900, 0)).is_ok() {
            seq += 1;
        }
        parts.keep_house();
    }
    assert_eq!((health(&parts), disk.list("archive").unwrap().len()), ("full", 0));
    // Up to the middle of a segment: that one stays.
    parts.shared.released.store(6, std::sync::atomic::Ordering::Relaxed);
    parts.keep_house();
    let archived = disk.list("archive").unwrap();
    assert!(!archived.is_empty(), "what was released goes");
    let live = disk.list("segments").unwrap();
    let first = live.iter().filter_map(|name| crate::catalog::first_position(name)).min().unwrap();
    assert!(first.0 <= 7, "{first:?} went, and was not released");
    parts.keep(record(seq, 900, 0)).unwrap();
    assert_eq!(parts.all().len() as u64, seq);
}

#[test]
fn an_archive_that_fails_fills_the_quota() {
    let options = Options { archive: true, quota_bytes: 20 * 1024, ..small() };
    let disk = Simulated::new(1);
    let mut parts = open(&disk, options).unwrap();
    // Copies need room that is not there.
    let room = Some(8192 + 9 * 4096);
    disk.set_faults(Faults { folders_are_devices: true, room, ..Faults::default() });
    let mut seq = 1;
    for _ in 0..30 {
        if parts.keep(record(seq, 900, 0)).is_ok() {
            seq += 1;
        }
        parts.keep_house();
    }
    assert_eq!((health(&parts), parts.all().len() as u64), ("full", seq - 1));
    disk.set_faults(Faults::default());
    parts.writer.step();
    fill(&mut parts, Share::NODE, &mut seq, true);
    parts.keep_house();
    parts.keep(record(seq, 900, 0)).unwrap();
}

#[test]
fn one_process_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a").join("journal");
    let (journal, recovered) = Journal::open(&path, small()).unwrap();
    assert_eq!(recovered.last, Position(0));
    match Journal::open(&path, small()).err() {
        Some(OpenError::Busy { directory }) => assert_eq!(directory, path),
        other => panic!("{other:?}"),
    }
    drop(journal);
    Journal::open(&path, small()).unwrap();
}

#[test]
fn options_that_do_not_fit() {
    let check = |options: Options| match Journal::open_on(Arc::new(Simulated::new(1)), options) {
        Err(OpenError::Options(_)) => {}
        other => panic!("{:?}", other.map(|(_, recovered)| recovered)),
    };
    check(Options { segment_bytes: 512, ..small() });
    check(Options { segment_bytes: 4097, ..small() });
    check(Options { segment_bytes: 1 << 32, ..small() });
    check(Options { share_percent: 101, ..small() });
    check(Options { archive: true, quota_bytes: 2 * 4096 - 1, ..small() });
}

/// A count, not a time: many writers share a sync.
#[test]
fn many_writers_share_a_sync() {
    const WRITERS: u64 = 64;
    const EACH: u64 = 20;
    let directory = tempfile::tempdir().unwrap();
    let storage: Arc<dyn Storage> = Arc::new(Files::open(directory.path()).unwrap());
    let options = Options { segment_bytes: 1 << 20, ..large() };
    let (journal, _) = Journal::open_on(storage, options).unwrap();
    let next = parking_lot::Mutex::new(1);
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                for _ in 0..EACH {
                    let completion = {
                        let mut seq = next.lock();
                        let accepted = journal.enqueue(record(*seq, 200, 0)).unwrap();
                        *seq += 1;
                        accepted.1
                    };
                    conformance::wait(completion).unwrap().unwrap().unwrap();
                }
            });
        }
    });
    let written = journal.written();
    assert_eq!(written.records, WRITERS * EACH);
    assert!(written.records > 2 * written.syncs, "{written:?}");
    assert_eq!(journal.health(), Health::Good);
    assert_eq!(journal.verify_all().unwrap().records, WRITERS * EACH);
}
