//! What waits to be written: it gives positions, and decides for each record at once whether there
//! is room for it.
//!
//! A record that was accepted has its place: its segment exists or is allocated already. Nothing
//! here blocks, and nothing here says that a record is kept before the writer says so.

use std::collections::VecDeque;

use bytes::Bytes;
use futures_channel::oneshot;
use proto::ids::{Chain, Epoch};
use store_log::{Completion, Failure, Growth, Heads, Position, Record, RefusedBecause, Urgency};

use crate::account::Account;
use crate::format::{HEADER_BYTES, record_bytes};
use crate::options::{BATCH_BYTES, GATHERED_RECORDS, Options, QUEUE_RECORDS};

type Answer = oneshot::Sender<Result<Position, Failure>>;

/// A record that has its position.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) position: Position,
    pub(crate) control: bool,
    pub(crate) epoch: Epoch,
    pub(crate) seq: u64,
    pub(crate) share: u64,
    pub(crate) last_words: bool,
    pub(crate) bytes: Bytes,
    /// Which segment it goes to: 0 is the one that was open at the start, if one was.
    pub(crate) segment: u64,
    answers: Vec<Answer>,
}

/// What became of a record that was handed over.
pub(crate) enum Taken {
    /// It waits, or waited already.
    Waits(Position, Completion),
    /// Its place is taken by a record that is on disk; that one must be compared.
    OnDisk,
}

/// A part of the queue that is written and synced at once.
pub(crate) struct Batch {
    pub(crate) segment: u64,
    /// Content is shared, not copied; answers stay in the queue.
    pub(crate) entries: Vec<Entry>,
}

/// Everything that waits, and what limits it.
#[derive(Debug)]
pub(crate) struct Queue {
    entries: VecDeque<Entry>,
    bytes: u64,
    next: Position,
    node: (u64, Epoch),
    control: u64,
    /// The segment that the next record goes to, and what is left of it.
    segment: u64,
    room: u64,
    spares: u32,
    pub(crate) account: Account,
    pub(crate) durable: Position,
    /// Who is told when more than this is durable.
    followers: Vec<(Position, oneshot::Sender<()>)>,
    pub(crate) stopped: Option<String>,
    pub(crate) closing: bool,
    /// Somebody waits for an answer, since the last batch was taken.
    pub(crate) hurried: bool,
    /// The writer waits for more than there is, since nobody waits for it.
    pub(crate) gathering: bool,
    /// The medium has no room for another segment.
    pub(crate) no_room: bool,
    /// Something ordinary was refused because it is full, and nothing was accepted since.
    pub(crate) refused_full: bool,
    queue_bytes: u64,
    segment_room: u64,
    largest: usize,
}

impl Queue {
    pub(crate) fn new(options: &Options, account: Account, heads: &Heads, last: Position) -> Self {
        Self {
            entries: VecDeque::new(),
            bytes: 0,
            next: last.next(),
            node: (heads.node.seq, heads.epoch),
            control: heads.control.seq,
            segment: 0,
            room: 0,
            spares: 0,
            account,
            durable: last,
            followers: Vec::new(),
            stopped: None,
            closing: false,
            hurried: false,
            gathering: false,
            no_room: false,
            refused_full: false,
            queue_bytes: options.queue_bytes(),
            segment_room: options.segment_bytes - HEADER_BYTES,
            largest: options.largest(),
        }
    }

    /// What is left of the segment that is open at the start.
    pub(crate) fn set_room(&mut self, room: u64) {
        self.room = room;
    }

    pub(crate) fn add_spare(&mut self) {
        self.spares += 1;
        self.no_room = false;
        self.refused_full = false;
    }

    pub(crate) fn waiting(&self) -> usize {
        self.entries.len()
    }

    /// Whether what waits to be written should wait no longer for more.
    pub(crate) fn is_due(&self) -> bool {
        self.hurried || self.closing || self.stopped.is_some() || self.waiting() >= GATHERED_RECORDS
    }

    pub(crate) fn is_full(&self) -> bool {
        self.refused_full || self.account.used() >= self.account.quota()
    }

    pub(crate) fn take(&mut self, record: Record) -> Result<Taken, RefusedBecause> {
        let control = record.chain == Chain::Control;
        let head = if control { self.control } else { self.node.0 };
        if record.seq <= head {
            return self.take_again(control, &record);
        }
        if let Err(because) = self.accepts(control, &record) {
            self.refused_full |=
                because == RefusedBecause::Full && record.urgency == Urgency::Ordinary;
            return Err(because);
        }
        let bytes = record_bytes(record.bytes.len());
        if bytes > self.room {
            self.segment += 1;
            self.spares -= 1;
            self.room = self.segment_room;
        }
        self.room -= bytes;
        self.bytes += bytes;
        self.account.add(record.share.0, bytes);
        if control {
            self.control = record.seq;
        } else {
            self.node = (record.seq, record.epoch);
        }
        self.refused_full &= record.urgency == Urgency::LastWords;
        let position = self.next;
        self.next = position.next();
        let (answer, completion) = oneshot::channel();
        self.entries.push_back(Entry {
            position,
            control,
            epoch: record.epoch,
            seq: record.seq,
            share: record.share.0,
            last_words: record.urgency == Urgency::LastWords,
            bytes: record.bytes,
            segment: self.segment,
            answers: vec![answer],
        });
        Ok(Taken::Waits(position, completion))
    }

    fn accepts(&self, control: bool, record: &Record) -> Result<(), RefusedBecause> {
        let follows = control || (record.seq == self.node.0 + 1 && record.epoch >= self.node.1);
        if !follows || record.bytes.is_empty() || record.bytes.len() > self.largest {
            return Err(RefusedBecause::Misfit);
        }
        if self.stopped.is_some() {
            return Err(RefusedBecause::Stopped);
        }
        let bytes = record_bytes(record.bytes.len());
        self.account.allows(record.share, record.urgency, bytes)?;
        if self.entries.len() >= QUEUE_RECORDS || self.bytes + bytes > self.queue_bytes {
            return Err(RefusedBecause::Busy);
        }
        // One spare segment is for last words alone.
        let kept_back = u32::from(record.urgency == Urgency::Ordinary);
        let needs_spare = bytes > self.room;
        let short = if needs_spare {
            self.spares < 1 + kept_back
        } else {
            self.no_room && self.spares < kept_back
        };
        match (short, self.no_room) {
            (false, _) => Ok(()),
            (true, true) => Err(RefusedBecause::Full),
            (true, false) => Err(RefusedBecause::Busy),
        }
    }

    /// A record whose place is taken: by one that waits, or by one on disk.
    fn take_again(&mut self, control: bool, record: &Record) -> Result<Taken, RefusedBecause> {
        let stopped = self.stopped.is_some();
        let at_its_place = self
            .entries
            .iter_mut()
            .find(|entry| entry.control == control && entry.seq == record.seq);
        let Some(entry) = at_its_place else {
            return Ok(Taken::OnDisk);
        };
        if entry.epoch != record.epoch || entry.bytes != record.bytes {
            return Err(RefusedBecause::Misfit);
        }
        let (answer, completion) = oneshot::channel();
        if !stopped {
            entry.answers.push(answer);
        }
        // After a stop nobody knows whether it is kept: the dropped sender says so.
        Ok(Taken::Waits(entry.position, completion))
    }

    /// The oldest entries that go into one segment, at most [`BATCH_BYTES`] of them.
    pub(crate) fn batch(&mut self) -> Option<Batch> {
        self.hurried = false;
        let segment = self.entries.front()?.segment;
        let (mut bytes, first) = (0, self.durable.next());
        let fits = |entry: &&Entry| {
            bytes += record_bytes(entry.bytes.len());
            entry.segment == segment && (bytes <= BATCH_BYTES || entry.position == first)
        };
        let entries = self.entries.iter().take_while(fits).map(Entry::without_answers).collect();
        Some(Batch { segment, entries })
    }

    /// Everything up to `last` is durable; gives the answers that wait for it.
    pub(crate) fn settle(&mut self, last: Position) -> Vec<(Position, Vec<Answer>)> {
        let count = self.entries.partition_point(|entry| entry.position <= last);
        self.durable = last;
        let done = self.entries.drain(..count);
        let settled = done.map(|entry| {
            self.bytes -= record_bytes(entry.bytes.len());
            (entry.position, entry.answers)
        });
        let settled = settled.collect();
        self.tell_followers();
        settled
    }

    /// Says when more than `beyond` is durable.
    pub(crate) fn grown(&mut self, beyond: Position) -> Growth {
        let (follower, growth) = oneshot::channel();
        self.followers.retain(|(_, waiting)| !waiting.is_canceled());
        self.followers.push((beyond, follower));
        self.tell_followers();
        growth
    }

    fn tell_followers(&mut self) {
        let durable = self.durable;
        for (_, follower) in self.followers.extract_if(.., |(beyond, _)| *beyond < durable) {
            // Whoever no longer waits needs no answer.
            follower.send(()).ok();
        }
    }

    /// Stops for good. Entries stay, so that asking again for one of them is answered by
    /// "unknown", but nobody waits any more.
    pub(crate) fn stop(&mut self, why: String) {
        self.stopped.get_or_insert(why);
        for entry in &mut self.entries {
            entry.answers.clear();
        }
    }
}

impl Entry {
    fn without_answers(&self) -> Self {
        Self { bytes: self.bytes.clone(), answers: Vec::new(), ..*self }
    }
}
