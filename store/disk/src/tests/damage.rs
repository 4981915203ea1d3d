//! Every byte of a journal, changed, cut and zeroed: it is noticed, or changes nothing.

use proptest::collection::vec;
use proptest::prelude::*;
use store_log::{Position, ReadError, Stored};

use super::{control, open, record, small};
use crate::error::OpenError;
use crate::format::record_bytes;
use crate::journal::Parts;
use crate::options::Options;
use crate::storage::Simulated;

/// A journal of three segments; with an archive, the first of them is there.
fn written(options: &Options) -> (Simulated, Vec<Stored>) {
    let disk = Simulated::new(5);
    let mut parts = open(&disk, options.clone()).unwrap();
    for seq in 1..=9 {
        parts.keep(record(seq, 250 + usize::try_from(seq).unwrap(), 0)).unwrap();
        if seq % 4 == 0 {
            parts.keep(control(seq, 50)).unwrap();
        }
    }
    parts.keep_house();
    let all = parts.all();
    drop(parts);
    (disk.killed(), all)
}

fn plain() -> Options {
    Options { segment_bytes: 2048, ..small() }
}

fn archiving() -> Options {
    Options { archive: true, quota_bytes: 6 * 1024, ..plain() }
}

/// How a change of the disk came out.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Refused,
    NotRead,
    Cut,
    Nothing,
}

/// Opens and reads everything; whatever is served must be what was written.
#[track_caller]
fn look(disk: &Simulated, options: &Options, all: &[Stored], what: &str) -> Seen {
    let parts: Parts = match open(disk, options.clone()) {
        Ok(parts) => parts,
        Err(OpenError::Damaged { file, .. }) => {
            assert!(!file.is_empty());
            return Seen::Refused;
        }
        Err(OpenError::UnknownVersion { .. }) => return Seen::Refused,
        Err(other) => panic!("{what}: {other}"),
    };
    let mut served = Vec::new();
    for stored in all {
        match parts.shared.read(stored.position, 1) {
            Ok(read) => {
                assert_eq!(read, std::slice::from_ref(stored), "{what}: served changed");
                served.push(stored.position);
            }
            Err(ReadError::Damaged { .. }) => {}
            Err(other) => panic!("{what}: {other}"),
        }
    }
    if served.len() < all.len() {
        let verified = parts.shared.verify_all();
        // A segment that is gone from the start of the archive may have been taken away.
        let gone = verified.as_ref().is_ok_and(|verified| verified.first > Position(1));
        assert!(verified.is_err() || gone, "{what}: verifying finds nothing");
        return Seen::NotRead;
    }
    let verified = parts.shared.verify_all().unwrap();
    assert_eq!(verified.records, all.len() as u64, "{what}");
    let tidy = parts.recovered.cut_bytes == 0 && parts.recovered.watermark_slots_lost == 0;
    if tidy { Seen::Nothing } else { Seen::Cut }
}

/// Where the records of a segment end.
fn end_of(disk: &Simulated, name: &str) -> usize {
    let mut end = 0;
    disk.copy().tamper(name, |bytes| {
        end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    });
    end
}

#[test]
fn a_flipped_byte_is_noticed_anywhere() {
    for options in [plain(), archiving()] {
        let (disk, all) = written(&options);
        assert_eq!(look(&disk.copy(), &options, &all, "untouched"), Seen::Nothing);
        let mut counts = [0_u32; 2];
        for (name, length) in disk.names() {
            if name.contains("spare-") {
                continue;
            }
            let end = end_of(&disk, &name);
            // Zeroes behind the records are alike; a part of them stands for all.
            for at in (0..length).filter(|at| *at < end + 64 || at % 97 == 0) {
                let mask = [0x01, 0x80, 0xff][at % 3];
                let copy = disk.copy();
                copy.tamper(&name, |bytes| bytes[at] ^= mask);
                let what = format!("{name} at {at} of {end} by {mask:#x}");
                let seen = look(&copy, &options, &all, &what);
                // The watermark's slots have unused bytes; nothing else has, but the zeroes.
                let unused = at >= end || name == "watermark";
                assert!(unused || seen != Seen::Nothing, "{what}: not noticed");
                assert!(unused || seen != Seen::Cut, "{what}: cut");
                counts[usize::from(seen == Seen::Nothing)] += 1;
            }
        }
        assert!(counts[0] > 3_500, "{counts:?}");
    }
}

#[test]
fn a_truncated_file_is_noticed_at_every_length() {
    for options in [plain(), archiving()] {
        let (disk, all) = written(&options);
        for (name, length) in disk.names() {
            if !name.contains(".segment") {
                continue;
            }
            for cut in (0..length).filter(|cut| cut % 7 == 0 || length - cut < 9) {
                let copy = disk.copy();
                copy.tamper(&name, |bytes| bytes.truncate(cut));
                let seen = look(&copy, &options, &all, &format!("{name} cut to {cut}"));
                assert!(matches!(seen, Seen::Refused | Seen::NotRead), "{name} cut to {cut}");
            }
        }
    }
}

/// Whole sectors: zeroed, or with the bytes of another place or file (a misdirected write).
#[test]
fn zeroed_and_misdirected_sectors_are_noticed() {
    for options in [plain(), archiving()] {
        let (disk, all) = written(&options);
        let names: Vec<_> =
            disk.names().into_iter().filter(|(name, _)| name.contains(".segment")).collect();
        for (name, _) in &names {
            for at in (0..end_of(&disk, name)).step_by(512) {
                let copy = disk.copy();
                copy.tamper(name, |bytes| bytes[at..at + 512].fill(0));
                let seen = look(&copy, &options, &all, &format!("{name} zeroed at {at}"));
                assert!(matches!(seen, Seen::Refused | Seen::NotRead), "{name} zeroed at {at}");
                for (other, _) in &names {
                    let mut sector = Vec::new();
                    disk.copy().tamper(other, |bytes| sector = bytes[at..at + 512].to_vec());
                    let copy = disk.copy();
                    let mut same = false;
                    copy.tamper(name, |bytes| {
                        same = bytes[at..at + 512] == sector;
                        bytes[at..at + 512].copy_from_slice(&sector);
                    });
                    let what = format!("{name} at {at} from {other}");
                    let seen = look(&copy, &options, &all, &what);
                    let noticed = matches!(seen, Seen::Refused | Seen::NotRead);
                    assert!(same || noticed, "{what}: {seen:?}");
                }
            }
        }
    }
}

proptest! {
    /// Several changes at once, of any size, never make it serve what was not written.
    #[test]
    fn nothing_changed_is_ever_served(
        changes in vec((any::<usize>(), any::<usize>(), vec(any::<u8>(), 1..600)), 1..4),
        archive in any::<bool>(),
    ) {
        let options = if archive { archiving() } else { plain() };
        let (disk, all) = written(&options);
        let names: Vec<_> =
            disk.names().into_iter().filter(|(name, _)| !name.contains("spare-")).collect();
        for (file, at, bytes) in &changes {
            let (name, length) = &names[file % names.len()];
            disk.tamper(name, |content| {
                let at = at % length;
                let end = (at + bytes.len()).min(*length);
                content[at..end].copy_from_slice(&bytes[..end - at]);
            });
        }
        // What is asked of it is asserted within.
        look_at_any(&disk, &options, &all);
    }
}

/// As [`look`], where a torn end may have been cut as well.
fn look_at_any(disk: &Simulated, options: &Options, all: &[Stored]) {
    let Ok(parts) = open(disk, options.clone()) else { return };
    for stored in all {
        if let Ok(read) = parts.shared.read(stored.position, 1) {
            assert!(read.is_empty() || read == std::slice::from_ref(stored));
        }
    }
}

/// Whole records that are good in themselves, at the place of another.
#[test]
fn a_record_in_the_place_of_another_is_noticed() {
    let name = "segments/00000000000000000001.segment";
    let written = |seed: u64| {
        let disk = Simulated::new(seed);
        let mut parts = open(&disk, plain()).unwrap();
        for seq in 1..=3 {
            parts.keep(record(seq, 200, seed)).unwrap();
        }
        let all = parts.all();
        (disk.killed(), all)
    };
    let (disk, all) = written(1);
    let (other, _) = written(2);
    let size = usize::try_from(record_bytes(all[0].bytes.len())).unwrap();
    let place = |index: usize| 512 + index * size..512 + (index + 1) * size;
    for (source, from, to) in [(&disk, 0, 1), (&disk, 2, 0), (&disk, 1, 2), (&other, 1, 1)] {
        let mut moved = Vec::new();
        source.copy().tamper(name, |bytes| moved = bytes[place(from)].to_vec());
        let copy = disk.copy();
        copy.tamper(name, |bytes| bytes[place(to)].copy_from_slice(&moved));
        let seen = look(&copy, &plain(), &all, &format!("{from} to {to}"));
        assert_eq!(seen, Seen::Refused, "{from} to {to}");
        // The same while it is open.
        let copy = disk.copy();
        let live = open(&copy, plain()).unwrap();
        copy.tamper(name, |bytes| bytes[place(to)].copy_from_slice(&moved));
        assert!(matches!(
            live.shared.read(all[to].position, 1),
            Err(ReadError::Damaged { position, .. }) if position == all[to].position.0
        ));
    }
}

#[test]
fn a_missing_file_is_noticed() {
    for options in [plain(), archiving()] {
        let (disk, all) = written(&options);
        for (name, _) in disk.names() {
            if name.contains("spare-") {
                continue;
            }
            let copy = disk.copy();
            crate::storage::Storage::remove(&copy, &name).unwrap();
            let seen = look(&copy, &options, &all, &name);
            assert!(matches!(seen, Seen::Refused | Seen::NotRead), "{name}: {seen:?}");
        }
    }
}

/// Before the watermark nothing is cut; after it, only what no later sync covers.
#[test]
fn damage_is_told_from_a_tear_without_the_watermark() {
    let name = "segments/00000000000000000001.segment";
    let disk = Simulated::new(3);
    let mut parts = open(&disk, small()).unwrap();
    let mut ends = Vec::new();
    for seq in 1..=3 {
        parts.keep(record(seq, 200, 0)).unwrap();
        ends.push(end_of(&disk, name));
    }
    let all = parts.all();
    drop(parts);
    let disk = disk.killed();
    // With the watermark the last record, too, is known to have been durable.
    let last = disk.copy();
    last.tamper(name, |bytes| bytes[ends[2] - 1] ^= 1);
    let named = open(&last, small()).err().unwrap().to_string();
    assert!(named.contains("1.segment at position 3: the checksum is wrong"), "{named}");
    // A power cut may leave the watermark as it was at the start.
    let old = Simulated::new(4);
    drop(open(&old, small()).unwrap());
    let mut start = Vec::new();
    old.tamper("watermark", |bytes| start = bytes.clone());
    disk.tamper("watermark", |bytes| bytes.clone_from(&start));
    let flip = |at: usize| {
        let copy = disk.copy();
        copy.tamper(name, |bytes| bytes[at] ^= 1);
        open(&copy, small()).map(|parts| parts.recovered)
    };
    assert_eq!(look(&disk.copy(), &small(), &all, "untouched"), Seen::Nothing);
    // Each record was synced alone, so all but the last are known to have been durable.
    assert!(matches!(flip(ends[0] - 1), Err(OpenError::Damaged { position: 1, .. })));
    assert!(matches!(flip(ends[1] - 1), Err(OpenError::Damaged { position: 2, .. })));
    let named = flip(ends[0] - 1).unwrap_err().to_string();
    assert!(named.contains("1.segment at position 1: the checksum is wrong"), "{named}");
    // The last one is the ambiguity that is left; see recovery.rs.
    assert_eq!(flip(ends[2] - 1).unwrap().last.0, 2);
}
