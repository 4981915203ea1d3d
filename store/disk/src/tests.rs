//! Tests of the journal: the contract, crashes, damage, limits, the index.

mod conforms;
mod crashes;
mod damage;
mod golden;
mod index;
mod limits;
mod raft;
mod views;

use std::sync::Arc;

use bytes::Bytes;
use proto::ids::{Chain, Epoch};
use store_log::{
    Completion, Failure, Position, Record, RefusedBecause, Share, Stored, conformance,
};

use crate::error::OpenError;
use crate::journal::Parts;
use crate::options::Options;
use crate::storage::{Simulated, Storage};

/// Small segments, so that a few records fill some.
fn small() -> Options {
    Options {
        name: "test",
        segment_bytes: 4096,
        quota_bytes: 1024 * 1024,
        last_words_bytes: 4096,
        archive: false,
        share_percent: 100,
        strangers_percent: 100,
    }
}

fn open(disk: &Simulated, options: Options) -> Result<Parts, OpenError> {
    Parts::open(Arc::new(disk.clone()) as Arc<dyn Storage>, options)
}

/// A record of `length` bytes whose content depends on its place, its epoch and a salt.
fn record(seq: u64, length: usize, salt: u64) -> Record {
    let letter =
        |at: u64| char::from(b"abcdefghijklmnopqrstuvw"[(at * (seq + salt + 7) % 23) as usize]);
    let filler: String = (0_u64..).map(letter).take(length).collect();
    let session = seq % 3;
    let content =
        format!(r#"{{"data":{{"session":"s{session}"}},"salt":{salt},"filler":"{filler}"}}"#);
    Record { bytes: Bytes::from(content), ..conformance::record(seq, None) }
}

fn control(seq: u64, length: usize) -> Record {
    Record { chain: Chain::Control, epoch: Epoch(0), ..record(seq, length, 0) }
}

fn shared_by(share: u64, record: Record) -> Record {
    Record { share: Share(share), ..record }
}

impl Parts {
    /// Hands a record over and lets the writer work.
    fn keep(&mut self, record: Record) -> Result<Position, Failure> {
        let (position, completion) = self.shared.enqueue(record).map_err(Failure::Refused)?;
        self.writer.step();
        let answer = answered(completion).expect("the writer has worked");
        assert!(answer.is_err() || answer == Ok(position));
        answer
    }

    fn refused(&mut self, record: Record) -> RefusedBecause {
        self.shared.enqueue(record).expect_err("this should be refused")
    }

    fn all(&self) -> Vec<Stored> {
        self.shared.read(Position(1), usize::MAX).expect("everything can be read")
    }

    fn keep_house(&mut self) {
        while self.keeper.step() {}
        self.keeper.finish();
    }
}

/// The answer, if there is one; a dropped sender is `Unknown`.
fn answered(mut completion: Completion) -> Option<Result<Position, Failure>> {
    match completion.try_recv() {
        Ok(answer) => answer,
        Err(_) => Some(Err(Failure::Unknown)),
    }
}
