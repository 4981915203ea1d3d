//! A log in memory: the shortest backend that keeps the contract, and one that can break it.
//!
//! It stands in for the journal in tests of the layers above. [`Answers`] and [`Memory::answer`]
//! **inject faults**; nothing outside tests may use them. It must never say that a record is on a
//! disk unless its maker told it to pretend so.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_channel::oneshot;
use parking_lot::Mutex;
use proto::event::{EVENT_LIMIT, Head};
use proto::ids::{Chain, Digest, SessionId};
use proto::reading::Durability;

use crate::backend::{
    Backend, Completion, Failure, Growth, Heads, Health, Position, ReadError, Record,
    RefusedBecause, Stored, Stream, Urgency, Usage,
};

/// The most that a log in memory keeps, in bytes.
pub const MEMORY_LIMIT: u64 = 256 * 1024 * 1024;

/// How a log in memory answers; everything but [`Answers::AtOnce`] injects a fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answers {
    /// It keeps each record and says so at once.
    #[default]
    AtOnce,
    /// It accepts and never answers; such a record is not durable until a later one is.
    Never,
    /// It keeps each record, and the answer is lost.
    Lost,
    /// It refuses everything that it does not hold already.
    Refused(RefusedBecause),
    /// It is full, and takes last words only.
    LastWords,
}

/// A log in memory.
#[derive(Debug)]
pub struct Memory {
    durability: Durability,
    opened: Heads,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    answers: Answers,
    kept: Vec<Arc<Record>>,
    /// How many of `kept` are durable.
    durable: usize,
    /// The index in `kept`, by whether it is in the control chain and by its place there.
    places: HashMap<(bool, u64), usize>,
    heads: Heads,
    bytes: u64,
    unanswered: Vec<oneshot::Sender<Result<Position, Failure>>>,
    followers: Vec<(Position, oneshot::Sender<()>)>,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Memory {
    /// An empty log that says [`Durability::Local`] at once.
    #[must_use]
    pub fn new() -> Self {
        Self::with_durability(Durability::Local)
    }

    /// An empty log that says another durability at once.
    #[must_use]
    pub fn with_durability(durability: Durability) -> Self {
        Self { durability, opened: Heads::default(), state: Mutex::default() }
    }

    /// Injects a fault: accepts and never answers.
    #[must_use]
    pub fn silent() -> Self {
        Self::answering(Answers::Never)
    }

    /// Injects a fault: keeps, and loses every answer.
    #[must_use]
    pub fn lossy() -> Self {
        Self::answering(Answers::Lost)
    }

    /// Injects a fault: refuses everything.
    #[must_use]
    pub fn refusing(because: RefusedBecause) -> Self {
        Self::answering(Answers::Refused(because))
    }

    fn answering(answers: Answers) -> Self {
        let memory = Self::new();
        memory.answer(answers);
        memory
    }

    /// Switches how it answers from now on. Who waits for an answer that [`Answers::Never`] holds
    /// back goes on waiting.
    pub fn answer(&self, answers: Answers) {
        self.state.lock().answers = answers;
    }

    fn tell_followers(&self) {
        let mut state = self.state.lock();
        let durable = Position(state.durable as u64);
        let (grown, waiting) =
            std::mem::take(&mut state.followers).into_iter().partition(|(at, _)| *at < durable);
        state.followers = waiting;
        for (_, follower) in grown {
            follower.send(()).ok();
        }
    }

    /// What a restart leaves: the durable records, and heads as of now.
    #[must_use]
    pub fn reopened(&self) -> Self {
        let mut state = State::default();
        let before = self.state.lock();
        for record in &before.kept[..before.durable] {
            state.keep(Arc::clone(record));
        }
        state.durable = state.kept.len();
        let opened = state.heads.clone();
        Self { durability: self.durability, opened, state: state.into() }
    }
}

fn stored(index: usize, record: &Record) -> Stored {
    Stored {
        position: Position(index as u64 + 1),
        control: record.chain == Chain::Control,
        epoch: record.epoch,
        seq: record.seq,
        bytes: record.bytes.clone(),
    }
}

impl State {
    fn keep(&mut self, record: Arc<Record>) -> Position {
        let control = record.chain == Chain::Control;
        let mut hash = [0; 32];
        let digest = ring::digest::digest(&ring::digest::SHA256, &record.bytes);
        hash.copy_from_slice(digest.as_ref());
        let head = Head { seq: record.seq, hash: Some(Digest(hash)) };
        if control {
            self.heads.control = head;
        } else {
            self.heads.node = head;
            self.heads.epoch = record.epoch;
        }
        self.bytes += record.bytes.len() as u64;
        self.places.insert((control, record.seq), self.kept.len());
        self.kept.push(record);
        Position(self.kept.len() as u64)
    }

    /// Where a record is kept already, if it is.
    fn place_of(&self, record: &Record) -> Result<Option<Position>, RefusedBecause> {
        let control = record.chain == Chain::Control;
        let Some(&index) = self.places.get(&(control, record.seq)) else {
            let follows = if control {
                record.seq > self.heads.control.seq
            } else {
                record.seq == self.heads.node.seq + 1 && record.epoch >= self.heads.epoch
            };
            return if follows { Ok(None) } else { Err(RefusedBecause::Misfit) };
        };
        let kept = &self.kept[index];
        if kept.epoch == record.epoch && kept.bytes == record.bytes {
            return Ok(Some(Position(index as u64 + 1)));
        }
        Err(RefusedBecause::Misfit)
    }
}

impl Backend for Memory {
    fn enqueue(&self, record: Record) -> Result<(Position, Completion), RefusedBecause> {
        if record.bytes.is_empty() || record.bytes.len() > EVENT_LIMIT {
            return Err(RefusedBecause::Misfit);
        }
        let mut state = self.state.lock();
        let position = match (state.place_of(&record)?, state.answers) {
            (Some(position), _) => position,
            (None, Answers::Refused(because)) => return Err(because),
            (None, Answers::LastWords) if record.urgency == Urgency::Ordinary => {
                return Err(RefusedBecause::Full);
            }
            (None, _) if state.bytes + record.bytes.len() as u64 > MEMORY_LIMIT => {
                return Err(RefusedBecause::Full);
            }
            (None, _) => state.keep(Arc::new(record)),
        };
        let (sender, completion) = oneshot::channel();
        match state.answers {
            Answers::Never => state.unanswered.push(sender),
            Answers::Lost => state.durable = state.kept.len(),
            Answers::AtOnce | Answers::LastWords | Answers::Refused(_) => {
                state.durable = state.kept.len();
                // Whoever no longer waits loses nothing: the record is kept all the same.
                sender.send(Ok(position)).ok();
            }
        }
        drop(state);
        self.tell_followers();
        Ok((position, completion))
    }

    fn read(&self, from: Position, limit: usize) -> Result<Vec<Stored>, ReadError> {
        let state = self.state.lock();
        let skipped = usize::try_from(from.0.saturating_sub(1)).unwrap_or(usize::MAX);
        let durable = state.kept[..state.durable].iter().enumerate();
        let read = durable.skip(skipped).take(limit).map(|(index, record)| stored(index, record));
        Ok(read.collect())
    }

    fn positions_of(
        &self,
        session: &SessionId,
        from: Position,
        limit: usize,
    ) -> Result<Vec<Position>, ReadError> {
        let state = self.state.lock();
        let durable = state.kept[..state.durable].iter().enumerate();
        let of_session = durable
            .filter(|(_, record)| record.session.as_ref() == Some(session))
            .map(|(index, _)| Position(index as u64 + 1));
        Ok(of_session.filter(|position| *position >= from).take(limit).collect())
    }

    fn find(&self, control: bool, seq: u64) -> Result<Option<Stored>, ReadError> {
        let state = self.state.lock();
        let index = state.places.get(&(control, seq)).filter(|index| **index < state.durable);
        Ok(index.map(|index| stored(*index, &state.kept[*index])))
    }

    fn grown(&self, beyond: Position) -> Growth {
        let (sender, growth) = oneshot::channel();
        let mut state = self.state.lock();
        state.followers.retain(|(_, waiting)| !waiting.is_canceled());
        state.followers.push((beyond, sender));
        drop(state);
        self.tell_followers();
        growth
    }

    fn heads(&self) -> Heads {
        self.opened.clone()
    }

    fn durability(&self) -> Durability {
        self.durability
    }

    fn health(&self) -> Health {
        match self.state.lock().answers {
            Answers::Refused(RefusedBecause::Full) | Answers::LastWords => Health::Full,
            Answers::Refused(because) => Health::Stopped(because.to_string()),
            Answers::AtOnce | Answers::Never | Answers::Lost => Health::Good,
        }
    }

    fn usage(&self) -> Usage {
        let state = self.state.lock();
        let last = Position(state.durable as u64);
        let first = Position(1);
        Usage { used: state.bytes, quota: MEMORY_LIMIT, archived: 0, first, last }
    }
}

/// A replicated stream that only pretends: it has everything at once, or is down. For tests.
#[derive(Debug)]
pub struct Pretended {
    up: AtomicBool,
}

impl Default for Pretended {
    fn default() -> Self {
        Self { up: AtomicBool::new(true) }
    }
}

impl Pretended {
    /// Brings it up, or takes it down.
    pub fn set_up(&self, up: bool) {
        self.up.store(up, Ordering::Relaxed);
    }
}

impl Stream for Pretended {
    fn has(&self, _: u64, position: Position) -> Result<Completion, RefusedBecause> {
        if !self.is_up() {
            return Err(RefusedBecause::NoStream);
        }
        let (sender, completion) = oneshot::channel();
        // Whoever no longer waits needs no answer.
        sender.send(Ok(position)).ok();
        Ok(completion)
    }

    fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }
}
