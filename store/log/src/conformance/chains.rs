//! Checks of chains: heads, links, epochs, many writers, receipts.

use std::sync::Arc;

use proto::event::{About, Draft, Event, Head, Kind, NodeStopped, Stamped, stamp};
use proto::ids::{Chain, Digest, Epoch, EventId, Name};
use proto::reading::Durability;
use proto::time::Utc;

use super::{Outcome, Subject, ensure, keep, node, record, same, unread, wait};
use crate::backend::{Backend, Heads, Position, Share, Stored, Urgency};
use crate::log::{Log, OpenError};
use crate::receipt::Receipt;

/// How many threads write at once, and how many events each.
const WRITERS: u64 = 16;
const EVENTS_EACH: u64 = 50;

pub(super) fn heads<S: Subject>(subject: &mut S) -> Outcome {
    let backend = subject.open();
    same("the heads of nothing", &backend.heads(), &Heads::default())?;
    for seq in 1..=9 {
        let mut record = record(seq, None);
        record.epoch = Epoch(1 + seq / 4);
        keep(&backend, record)?;
    }
    let mut control = record(40, None);
    control.chain = Chain::Control;
    control.epoch = Epoch(0);
    keep(&backend, control.clone())?;
    same("the heads as of opening", &backend.heads(), &Heads::default())?;
    drop(backend);
    let head = |seq: u64| Head { seq, hash: Some(sha256(&record(seq, None).bytes)) };
    let expected = Heads { node: head(9), control: head(40), epoch: Epoch(3) };
    same("the heads", &subject.open().heads(), &expected)
}

pub(super) fn links<S: Subject>(subject: &mut S) -> Outcome {
    for epoch in 1..=3 {
        let log = open(subject.open(), epoch)?;
        for count in 0..5 {
            append(&log, &format!("{epoch}/{count}"))?;
        }
    }
    let backend = subject.open();
    let stored = backend.read(Position(1), 99).map_err(unread)?;
    same("the number of events", &stored.len(), &15)?;
    linked(&stored)
}

pub(super) fn stale_epoch<S: Subject>(subject: &mut S) -> Outcome {
    let log = open(subject.open(), 7)?;
    append(&log, "first")?;
    drop(log);
    for stale in [1, 6, 7] {
        let error = Log::open(Arc::new(subject.open()), cluster(), node(), Epoch(stale)).err();
        let expected = OpenError::StaleEpoch { held: 7, given: stale };
        same("what a stale epoch is told", &error, &Some(expected))?;
    }
    open(subject.open(), 8).map(drop)
}

pub(super) fn many_writers<S: Subject>(subject: &mut S) -> Outcome {
    let log = open(subject.open(), 1)?;
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let write = |writer: u64| {
            let log = &log;
            scope.spawn(move || {
                (0..EVENTS_EACH)
                    .try_for_each(|count| append(log, &format!("{writer}/{count}")).map(|_| ()))
            })
        };
        let threads: Vec<_> = (0..WRITERS).map(write).collect();
        let gone = |_| Err("a writer panicked".to_owned());
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(gone)).collect()
    });
    outcomes.into_iter().collect::<Outcome>()?;
    let stored = log.read(Position(1), 9_999).map_err(unread)?;
    same("the number of events", &(stored.len() as u64), &(WRITERS * EVENTS_EACH))?;
    linked(&stored)
}

pub(super) fn durability<S: Subject>(subject: &mut S) -> Outcome {
    let log = open(subject.open(), 1)?;
    let appending = log
        .append(&draft("one"), Share::NODE, Urgency::Ordinary)
        .map_err(|error| error.to_string())?;
    same("the first receipt", &appending.queued.durability(), &Durability::Queued)?;
    let receipt = await_receipt(appending.pending)?;
    same("the receipt", &receipt.durability(), &log.backend().durability())?;
    same("its position", &receipt.position(), &Position(1))?;
    same("its event", &receipt.event().seq, &1)
}

pub(super) fn ask_again<S: Subject>(subject: &mut S) -> Outcome {
    let log = open(subject.open(), 1)?;
    let appending = log
        .append(&draft("one"), Share::NODE, Urgency::Ordinary)
        .map_err(|error| error.to_string())?;
    append(&log, "two")?;
    let again = log.ask_again(appending.pending).map_err(|error| error.to_string())?;
    let receipt = await_receipt(again)?;
    same("the position asked for again", &receipt.position(), &Position(1))?;
    same("the events kept", &log.read(Position(1), 9).map_err(unread)?.len(), &2)
}

pub(super) fn control<S: Subject>(subject: &mut S) -> Outcome {
    let mut head = Head::default();
    let mut events: Vec<Stamped> = Vec::new();
    for seq in [3, 4, 9] {
        let id = EventId { chain: Chain::Control, epoch: Epoch(0), seq };
        let stamped = stamp(&cluster(), id, head, &draft("entry")).map_err(|e| e.to_string())?;
        head = Head { seq, hash: Some(sha256(&stamped.bytes)) };
        events.push(stamped);
    }
    for epoch in 1..=2 {
        let log = open(subject.open(), epoch)?;
        append(&log, "between")?;
        for stamped in &events {
            let pending = log.keep_control(stamped.clone()).map_err(|error| error.to_string())?;
            same("whether it was kept before", &pending.is_none(), &(epoch == 2))?;
            if let Some(pending) = pending {
                let receipt = await_receipt(pending)?;
                same("its event", &receipt.event().seq, &stamped.id.seq)?;
            }
        }
    }
    let backend = subject.open();
    same("the control chain's head", &backend.heads().control, &head)?;
    let stored = backend.read(Position(1), 99).map_err(unread)?;
    let kept: Vec<_> = stored.iter().filter(|stored| stored.control).map(|s| s.seq).collect();
    same("the control events", &kept, &vec![3, 4, 9])
}

fn linked(stored: &[Stored]) -> Outcome {
    let mut previous = Digest::ZERO;
    for (stored, place) in stored.iter().zip(1..) {
        let event = Event::read(&stored.bytes).map_err(|error| error.to_string())?;
        same("the position", &stored.position, &Position(place))?;
        same("the place in the chain", &event.id.seq, &place)?;
        ensure(event.prev == previous, || format!("event {place} points to another event"))?;
        previous = sha256(&stored.bytes);
    }
    Ok(())
}

fn open<B: Backend>(backend: B, epoch: u64) -> Result<Log<B>, String> {
    Log::open(Arc::new(backend), cluster(), node(), Epoch(epoch)).map_err(|e| e.to_string())
}

fn append<B: Backend>(log: &Log<B>, text: &str) -> Result<Position, String> {
    let appending = log
        .append(&draft(text), Share::NODE, Urgency::Ordinary)
        .map_err(|error| error.to_string())?;
    await_receipt(appending.pending).map(|receipt| receipt.position())
}

fn await_receipt(pending: crate::pending::Pending) -> Result<Receipt, String> {
    let answer = wait(pending).ok_or("no receipt came")?;
    answer.map_err(|error| error.to_string())
}

fn cluster() -> Name {
    "test".parse().expect("a literal that is a name")
}

fn draft(text: &str) -> Draft {
    Draft {
        time: Utc(1_700_000_000_000_000),
        applied: 0,
        about: About::default(),
        kind: Kind::NodeStopped(NodeStopped { reason: text.to_owned() }),
    }
}

fn sha256(bytes: &[u8]) -> Digest {
    let mut digest = [0; 32];
    digest.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    Digest(digest)
}
