//! Checks of records: order, bytes, identity, limits, sessions, reopening.

use bytes::Bytes;
use proto::event::EVENT_LIMIT;
use proto::ids::{Chain, Epoch, SessionId};

use super::{Outcome, Subject, ensure, keep, record, refused, same, settle, unread};
use crate::backend::{Backend, Position, RefusedBecause};

pub(super) fn positions<S: Subject>(subject: &mut S) -> Outcome {
    let backend = subject.open();
    let mut waiting = Vec::new();
    for seq in 1..=100 {
        let (position, completion) = backend.enqueue(record(seq, None)).map_err(refused)?;
        same("the position", &position, &Position(seq))?;
        waiting.push(completion);
    }
    for (completion, seq) in waiting.into_iter().zip(1..) {
        same("the completed position", &settle(completion)?, &Position(seq))?;
    }
    same("the last position", &backend.usage().last, &Position(100))
}

pub(super) fn read_back<S: Subject>(subject: &mut S) -> Outcome {
    let backend = subject.open();
    let every_byte: Vec<u8> = (0..=255).cycle().take(4096).collect();
    let texts: [&[u8]; 6] = [b"x", b"not json \0\0\0", &[0; 64], &every_byte, b"\xff\xfe", b"{}"];
    for (seq, text) in (1..).zip(texts) {
        let mut record = record(seq, None);
        record.bytes = Bytes::copy_from_slice(text);
        record.epoch = Epoch(seq);
        keep(&backend, record)?;
    }
    let stored = backend.read(Position(1), 100).map_err(unread)?;
    same("the number of records", &stored.len(), &texts.len())?;
    for ((stored, text), place) in stored.iter().zip(texts).zip(1..) {
        same("the position", &stored.position, &Position(place))?;
        same("the epoch", &stored.epoch, &Epoch(place))?;
        same("the place in the chain", &stored.seq, &place)?;
        same("the chain", &stored.control, &false)?;
        ensure(stored.bytes == text, || format!("record {place} has other bytes"))?;
    }
    let middle = backend.read(Position(3), 2).map_err(unread)?;
    let places: Vec<_> = middle.iter().map(|stored| stored.position.0).collect();
    same("a part of them", &places, &vec![3, 4])?;
    same("what is after the end", &backend.read(Position(7), 9).map_err(unread)?, &vec![])
}

pub(super) fn durable_is_readable<S: Subject>(subject: &mut S) -> Outcome {
    let backend = subject.open();
    for seq in 1..=20 {
        let position = keep(&backend, record(seq, Some("s")))?;
        let stored = backend.read(position, 1).map_err(unread)?;
        ensure(stored.len() == 1, || format!("{position:?} was completed and is not read"))?;
        let session = SessionId::from_text("s");
        let found = backend.positions_of(&session, position, 9).map_err(unread)?;
        same("the session's positions from here", &found, &vec![position])?;
    }
    Ok(())
}

pub(super) fn same_again<S: Subject>(subject: &mut S) -> Outcome {
    let backend = subject.open();
    let (first, waiting) = backend.enqueue(record(1, None)).map_err(refused)?;
    let (again, waiting_too) = backend.enqueue(record(1, None)).map_err(refused)?;
    same("the position of the same record", &again, &first)?;
    same("the answer", &settle(waiting)?, &first)?;
    same("the second answer", &settle(waiting_too)?, &first)?;
    for seq in 2..=50 {
        keep(&backend, record(seq, None))?;
    }
    same("an early one again", &keep(&backend, record(7, None))?, &Position(7))?;
    drop(backend);
    let backend = subject.open();
    same("one of before, again", &keep(&backend, record(9, None))?, &Position(9))?;
    same("the records kept", &backend.read(Position(1), 99).map_err(unread)?.len(), &50)
}

pub(super) fn other_bytes<S: Subject>(subject: &mut S) -> Outcome {
    let backend = subject.open();
    let mut other = record(1, None);
    other.bytes = Bytes::from_static(b"something else");
    let mut other_epoch = record(1, None);
    other_epoch.epoch = Epoch(2);
    let (_, waiting) = backend.enqueue(record(1, None)).map_err(refused)?;
    for wrong in [&other, &other_epoch] {
        misfit("before the answer", backend.enqueue(wrong.clone()))?;
    }
    settle(waiting)?;
    for wrong in [&other, &other_epoch] {
        misfit("after the answer", backend.enqueue(wrong.clone()))?;
    }
    drop(backend);
    misfit("after reopening", subject.open().enqueue(other))
}

pub(super) fn does_not_follow<S: Subject>(subject: &mut S) -> Outcome {
    let backend = subject.open();
    misfit("a first record at 2", backend.enqueue(record(2, None)))?;
    misfit("a first record at 0", backend.enqueue(record(0, None)))?;
    let mut first = record(1, None);
    first.epoch = Epoch(5);
    keep(&backend, first)?;
    misfit("a gap", backend.enqueue(record(3, None)))?;
    misfit("an epoch that goes back", backend.enqueue(record(2, None)))?;
    let mut control = record(10, None);
    control.chain = Chain::Control;
    keep(&backend, control.clone())?;
    control.seq = 9;
    misfit("a control record that goes back", backend.enqueue(control.clone()))?;
    control.seq = 20;
    same("control records may leave out places", &keep(&backend, control)?, &Position(3))
}

pub(super) fn limits<S: Subject>(subject: &mut S) -> Outcome {
    let backend = subject.open();
    let mut large = record(1, None);
    large.bytes = Bytes::from(vec![b'x'; EVENT_LIMIT + 1]);
    misfit("one byte over the limit", backend.enqueue(large))?;
    let mut empty = record(1, None);
    empty.bytes = Bytes::new();
    misfit("no bytes at all", backend.enqueue(empty))?;
    let mut largest = record(1, None);
    largest.bytes = Bytes::from(vec![b'x'; EVENT_LIMIT]);
    keep(&backend, largest.clone())?;
    let stored = backend.read(Position(1), 1).map_err(unread)?;
    ensure(stored[0].bytes == largest.bytes, || "the largest record came back other".to_owned())
}

pub(super) fn sessions<S: Subject>(subject: &mut S) -> Outcome {
    let name = |seq: u64| {
        if seq.is_multiple_of(3) { Some("a") } else { Some("ab") }
    };
    let expected = |wanted: &str, range: std::ops::RangeInclusive<u64>| -> Vec<Position> {
        range.filter(|seq| name(*seq) == Some(wanted)).map(Position).collect()
    };
    let backend = subject.open();
    for seq in 1..=60 {
        keep(&backend, record(seq, name(seq)))?;
    }
    let find = |backend: &S::Opened, session: &str, from: u64, limit: usize| {
        let session = SessionId::from_text(session);
        backend.positions_of(&session, Position(from), limit).map_err(unread)
    };
    let look = |backend: &S::Opened| {
        same("session a", &find(backend, "a", 1, 99)?, &expected("a", 1..=60))?;
        same("session ab", &find(backend, "ab", 1, 99)?, &expected("ab", 1..=60))?;
        same("a from 31", &find(backend, "a", 31, 99)?, &expected("a", 31..=60))?;
        same("three of a", &find(backend, "a", 4, 3)?, &expected("a", 4..=12))?;
        same("a session that is not", &find(backend, "b", 1, 99)?, &vec![])
    };
    look(&backend)?;
    drop(backend);
    look(&subject.open())
}

pub(super) fn reopened<S: Subject>(subject: &mut S) -> Outcome {
    let mut all = Vec::new();
    for round in 0..4 {
        let backend = subject.open();
        same("what was kept", &backend.read(Position(1), 999).map_err(unread)?, &all)?;
        for seq in round * 25 + 1..=(round + 1) * 25 {
            keep(&backend, record(seq, None))?;
        }
        all = backend.read(Position(1), 999).map_err(unread)?;
        same(
            "the number of records",
            &all.len(),
            &(usize::try_from(round).unwrap_or(0) * 25 + 25),
        )?;
    }
    Ok(())
}

fn misfit<T>(what: &str, answer: Result<T, RefusedBecause>) -> Outcome {
    match answer {
        Err(RefusedBecause::Misfit) => Ok(()),
        Err(other) => Err(format!("{what} is refused because {other}")),
        Ok(_) => Err(format!("{what} is accepted")),
    }
}
