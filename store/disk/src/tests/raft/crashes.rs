//! Seeded crashes against a model: what was answered is there, what was not is there as a whole or
//! not at all, and a vote never goes back.

use bytes::Bytes;

use super::{Model, at, entry, identity, open, snapshot, vote};
use crate::raft::{RaftStore, Write, Writer};
use crate::storage::Simulated;
use crate::storage::simulated::Faults;

/// Lives of a disk in an ordinary run; `SALLYPORT_CRASHES` asks for more.
const LIVES: u64 = 150;

struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn length(&mut self) -> usize {
        let most = [10, 300, 3000, 20_000][usize::try_from(self.below(4)).unwrap()];
        usize::try_from(self.below(most)).unwrap()
    }
}

/// A writer's view: what is surely there, and what may have come on top.
struct Life {
    dice: Dice,
    surely: Model,
    term: u64,
    snapshots: u64,
    crashes: u64,
}

impl Life {
    fn next(&mut self) -> Vec<Write> {
        let heads = self.surely.heads.clone();
        let next = heads.last.map_or(0, |last| last.index + 1);
        match self.dice.below(12) {
            0 => {
                self.term += self.dice.below(3);
                let committed = heads.vote.is_some_and(|old| old.term == self.term);
                vec![Write::Vote(vote(self.term, committed))]
            }
            1 if next > 2 => {
                let first = heads.purged.map_or(0, |purged| purged.index + 1);
                let from = first + self.dice.below(next - first + 1);
                // Conflicting entries go before those that replace them come.
                self.term += 1;
                let count = self.dice.below(3);
                let records = (from..from + count).map(|index| entry(self.term, index, 50));
                vec![Write::Truncate(from), Write::Append(records.collect())]
            }
            2 if next > 4 => {
                let last = heads.last.unwrap();
                let ahead = if self.dice.below(4) == 0 { 5 } else { 0 };
                let up_to = at(last.term, last.index.saturating_sub(self.dice.below(4)) + ahead);
                let purged = heads.purged.filter(|purged| purged.index >= up_to.index);
                vec![Write::Purge(purged.unwrap_or(up_to))]
            }
            3 => vec![Write::Committed(at(self.term, self.dice.below(next + 1)))],
            4 => vec![Write::Identity(identity(self.dice.below(1000)))],
            5 if next > 0 => self.next_snapshot(heads.last.unwrap().index),
            _ => {
                let count = 1 + self.dice.below(4);
                let lengths: Vec<_> = (0..count).map(|_| self.dice.length()).collect();
                let records = (next..).zip(lengths);
                let records = records.map(|(index, length)| entry(self.term, index, length));
                vec![Write::Append(records.collect())]
            }
        }
    }

    fn next_snapshot(&mut self, last: u64) -> Vec<Write> {
        self.snapshots += 1;
        let number = self.snapshots;
        let lengths: Vec<_> = (0..self.dice.below(4)).map(|_| self.dice.length()).collect();
        let total = lengths.iter().sum::<usize>() as u64;
        let parts = u32::try_from(lengths.len()).unwrap();
        let mut writes: Vec<_> = (0..)
            .zip(lengths)
            .map(|(part, length)| {
                let letter = u8::try_from(number % 200).unwrap();
                Write::SnapshotPart { number, part, bytes: Bytes::from(vec![letter; length]) }
            })
            .collect();
        writes.push(Write::Snapshot(snapshot(number, at(self.term, last), parts, total)));
        writes
    }

    /// Writes until something fails or enough was written; gives what else may be there.
    fn write(&mut self, writer: &mut Writer) -> Option<Model> {
        for _ in 0..self.dice.below(25) {
            let writes = self.next();
            let mut with = self.surely.clone();
            writes.iter().for_each(|write| with.perform(write));
            match writer.perform(&writes) {
                Ok(()) => self.surely = with,
                Err(_) => {
                    // It stays stopped, and says so without touching the disk.
                    assert!(writer.perform(&[Write::Vote(vote(9999, false))]).is_err());
                    assert!(writer.flush().is_err());
                    return Some(with);
                }
            }
        }
        None
    }

    #[track_caller]
    fn check(&mut self, seed: u64, store: &RaftStore, maybe: Option<Model>) {
        let found = Model::of(store);
        assert!(found.heads.vote >= self.surely.heads.vote, "seed {seed}: the vote went back");
        assert!(
            found.heads.committed
                <= maybe.as_ref().map_or(self.surely.heads.committed, |maybe| maybe
                    .heads
                    .committed
                    .max(self.surely.heads.committed),)
        );
        let is_surely = found.durable() == self.surely.durable();
        let is_maybe = maybe.as_ref().is_some_and(|maybe| found.durable() == maybe.durable());
        assert!(
            is_surely || is_maybe,
            "seed {seed}: {found:#?}\nis neither {:#?}\nnor {maybe:#?}",
            self.surely
        );
        if !is_surely {
            let unwhole = maybe.unwrap();
            self.surely = unwhole;
        }
        self.surely.heads.committed = found.heads.committed;
    }

    fn faults(&mut self) -> Faults {
        let at = Some(1 + self.dice.below(120));
        match self.dice.below(5) {
            0 => Faults { sync_fails_at: Some(1 + self.dice.below(20)), ..Faults::default() },
            1 => Faults { write_fails_at: at, ..Faults::default() },
            2 => Faults { room: Some(100_000 + self.dice.below(400_000)), ..Faults::default() },
            _ => Faults { power_off_at: at, ..Faults::default() },
        }
    }

    fn crash(&mut self, disk: &Simulated) -> Simulated {
        self.crashes += 1;
        if self.dice.below(4) == 0 { disk.killed() } else { disk.power_cut() }
    }
}

fn live(seed: u64) -> u64 {
    let dice = Dice(seed);
    let mut life = Life { dice, surely: Model::default(), term: 1, snapshots: 0, crashes: 0 };
    let mut disk = Simulated::new(seed);
    let mut maybe = None;
    for _ in 0..5 {
        // Some openings are cut short as well, some of them twice.
        for _ in 0..life.dice.below(4).saturating_sub(1) {
            let power_off_at = Some(life.dice.below(30));
            disk.set_faults(Faults { power_off_at, ..Faults::default() });
            drop(open(&disk));
            disk = life.crash(&disk);
        }
        let opened = open(&disk).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let (store, mut writer) = opened;
        life.check(seed, &store, maybe.take());
        disk.set_faults(life.faults());
        maybe = life.write(&mut writer);
        if life.dice.below(3) == 0 && maybe.is_none() {
            writer.flush().ok();
        }
        let crashed = life.crash(&disk);
        drop((store, writer));
        disk = crashed;
    }
    let (store, _writer) = open(&disk).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    life.check(seed, &store, maybe);
    life.crashes
}

#[test]
fn what_was_answered_survives_every_crash() {
    let lives = std::env::var("SALLYPORT_CRASHES").ok().and_then(|lives| lives.parse().ok());
    let crashes: u64 = (1..=lives.unwrap_or(LIVES)).map(live).sum();
    assert!(crashes > LIVES, "{crashes} crashes are too few to say anything");
}
