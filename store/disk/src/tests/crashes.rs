//! Seeded crashes: what was answered is there, in order, whole; and opening again changes nothing.

use std::collections::BTreeMap;

use bytes::Bytes;
use proto::ids::Epoch;
use store_log::{Position, Record, Stored};

use super::{answered, control, open, record, small};
use crate::journal::Parts;
use crate::options::Options;
use crate::storage::Simulated;
use crate::storage::simulated::Faults;

/// What somebody outside knows of a journal.
#[derive(Default)]
struct Known {
    /// What was handed over at each position, last: it may be there.
    sent: BTreeMap<Position, Bytes>,
    /// The last position that was answered: everything up to it must be there.
    answered: Position,
    node: u64,
    control: u64,
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

impl Known {
    /// What is there must be what was sent, without gaps, and hold all that was answered.
    #[track_caller]
    fn check(&mut self, seed: u64, parts: &Parts) {
        let stored = parts.all();
        let last = parts.recovered.last;
        assert_eq!(stored.len() as u64, last.0, "seed {seed}: positions have gaps");
        assert!(last >= self.answered, "seed {seed}: {last:?} < {:?}", self.answered);
        for (Stored { position, bytes, .. }, place) in stored.iter().zip(1..) {
            assert_eq!(*position, Position(place), "seed {seed}");
            assert_eq!(Some(bytes), self.sent.get(position), "seed {seed} at {place}");
        }
        self.sent.split_off(&last.next());
        // Whatever is read now is durable from now on.
        self.answered = last;
        let (node, control): (Vec<_>, Vec<_>) = stored.iter().partition(|stored| !stored.control);
        self.node = node.last().map_or(0, |stored| stored.seq);
        self.control = control.last().map_or(0, |stored| stored.seq);
        assert_eq!(parts.shared.heads.node.seq, self.node, "seed {seed}");
        assert_eq!(parts.shared.heads.control.seq, self.control, "seed {seed}");
    }

    fn next(&mut self, dice: &mut Dice, run: u64) -> Record {
        let length = usize::try_from(dice.below(1500)).unwrap_or(0);
        if dice.below(4) == 0 {
            return Record { ..control(self.control + 1 + dice.below(3), length) };
        }
        Record { epoch: Epoch(run), ..record(self.node + 1, length, run) }
    }

    /// Writes until something fails or enough was written.
    fn write(&mut self, dice: &mut Dice, run: u64, parts: &mut Parts) {
        for _ in 0..dice.below(20) {
            let mut waiting = Vec::new();
            for _ in 0..=dice.below(6) {
                let record = self.next(dice, run);
                let (bytes, seq) = (record.bytes.clone(), record.seq);
                let is_control = record.epoch == Epoch(0);
                let Ok((position, completion)) = parts.shared.enqueue(record) else {
                    break;
                };
                *(if is_control { &mut self.control } else { &mut self.node }) = seq;
                self.sent.insert(position, bytes);
                waiting.push(completion);
            }
            while parts.shared.queue.lock().waiting() > 0 {
                parts.writer.step();
                parts.keeper.step();
                if parts.shared.queue.lock().stopped.is_some() {
                    break;
                }
            }
            for completion in waiting {
                if let Some(Ok(position)) = answered(completion) {
                    assert!(position > self.answered);
                    self.answered = position;
                }
            }
        }
    }
}

fn options(dice: &mut Dice) -> Options {
    let archive = dice.below(2) == 0;
    let quota_bytes = if archive { 24 * 1024 } else { 1024 * 1024 };
    Options { archive, quota_bytes, ..small() }
}

/// One life of a disk: runs, crashes, crashes while it recovers.
fn live(seed: u64) -> u64 {
    let mut dice = Dice(seed);
    let options = options(&mut dice);
    let mut disk = Simulated::new(seed);
    let mut known = Known::default();
    let mut cuts = 0;
    for run in 1..=4 {
        // Some openings are cut short as well, some of them twice.
        for _ in 0..dice.below(4).saturating_sub(1) {
            disk.set_faults(Faults { power_off_at: Some(dice.below(8)), ..Faults::default() });
            drop(open(&disk, options.clone()));
            disk = crash(&mut dice, &disk);
        }
        let mut parts = open(&disk, options.clone())
            .unwrap_or_else(|error| panic!("seed {seed} run {run}: {error}"));
        cuts += u64::from(parts.recovered.cut_bytes > 0);
        known.check(seed, &parts);
        let mut faults = Faults::default();
        match dice.below(6) {
            0 => faults.sync_fails_at = Some(1 + dice.below(12)),
            1 => faults.write_fails_at = Some(1 + dice.below(12)),
            _ => faults.power_off_at = Some(dice.below(36)),
        }
        disk.set_faults(faults);
        known.write(&mut dice, run, &mut parts);
        disk = crash(&mut dice, &disk);
    }
    let parts = open(&disk, options.clone()).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    known.check(seed, &parts);
    let (first, again) = (parts.all(), open(&disk.power_cut(), options));
    let again = again.unwrap_or_else(|error| panic!("seed {seed} again: {error}"));
    assert_eq!(again.all(), first, "seed {seed}: opening twice is not stable");
    assert_eq!(again.recovered.cut_bytes, 0, "seed {seed}: something was left to cut");
    cuts
}

fn crash(dice: &mut Dice, disk: &Simulated) -> Simulated {
    match dice.below(4) {
        0 => disk.killed(),
        _ => disk.power_cut(),
    }
}

#[test]
fn thousands_of_crashes() {
    let cuts: u64 = (0..4_000).map(live).sum();
    // The crashes are of the kind that matters: many of them tore the end.
    assert!(cuts > 400, "only {cuts} ends were torn");
}

/// What was readable after a sync that failed must not vanish at the next power cut.
#[test]
fn a_failed_sync_is_not_trusted_after_a_restart() {
    let disk = Simulated::new(9);
    let mut parts = open(&disk, small()).unwrap();
    parts.keep(record(1, 100, 0)).unwrap();
    disk.set_faults(Faults { sync_fails_at: Some(1), ..Faults::default() });
    parts.keep(record(2, 100, 0)).unwrap_err();
    let disk = disk.killed();
    let parts = open(&disk, small()).unwrap();
    let seen = parts.all();
    let parts = open(&disk.power_cut(), small()).unwrap();
    assert_eq!(parts.all(), seen);
}
