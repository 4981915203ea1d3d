//! The replicated log, as openraft writes and reads it, over the disk of `store-disk`.
//!
//! Entries can be read as soon as they are handed over, and are reported as kept only when the disk
//! has said so. Votes and entries go through one queue, in order.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use consensus_state::planted::{Bug, planted};
use openraft::storage::{LogFlushed, RaftLogStorage};
use openraft::{
    AnyError, AsyncRuntime, EntryPayload, ErrorSubject, ErrorVerb, LogState, OptionalSend,
    RaftLogReader, StorageIOError,
};
use parking_lot::Mutex;
use store_disk::raft::{Disk, LogRecord, Stopped, Write};
use tokio::sync::oneshot;

use crate::config::{APPEND_BYTES, TAIL_BYTES};
use crate::convert::{self, log_id, wire_log_id};
use crate::types::{Entry, LogId, StorageError, Types, Vote};

/// The log of one node. Clones are the same log.
pub(crate) struct LogStore<R: AsyncRuntime> {
    disk: Arc<dyn Disk>,
    tail: Arc<Mutex<Tail<R>>>,
}

impl<R: AsyncRuntime> Clone for LogStore<R> {
    fn clone(&self) -> Self {
        Self { disk: Arc::clone(&self.disk), tail: Arc::clone(&self.tail) }
    }
}

/// The newest entries, in memory: those that are not durable yet, and what peers and the state will
/// ask for next.
struct Tail<R: AsyncRuntime> {
    entries: BTreeMap<u64, Entry<R>>,
    bytes: usize,
    /// The last entry of all, whether it is durable or not.
    last: Option<LogId>,
    purged: Option<LogId>,
    /// How far entries are decided, as last heard.
    committed: Option<LogId>,
    /// Entries before this index are durable.
    durable: u64,
    /// Bytes that came into the log since the start: for the decision to build a snapshot.
    appended: u64,
}

impl<R: AsyncRuntime> Tail<R> {
    fn push(&mut self, entry: Entry<R>) {
        self.bytes += weight(&entry);
        self.appended += weight(&entry) as u64;
        self.last = Some(entry.log_id);
        self.entries.insert(entry.log_id.index, entry);
        while self.bytes > TAIL_BYTES {
            let Some(first) = self.entries.first_entry() else { return };
            if *first.key() >= self.durable {
                return;
            }
            self.bytes -= weight(&first.remove());
        }
    }

    fn forget(&mut self, is_gone: impl Fn(u64) -> bool) {
        let bytes = &mut self.bytes;
        self.entries.retain(|index, entry| {
            let gone = is_gone(*index);
            *bytes -= if gone { weight(entry) } else { 0 };
            !gone
        });
    }
}

fn weight<R: AsyncRuntime>(entry: &Entry<R>) -> usize {
    /// What an entry takes besides its proposals, about, in bytes.
    const OTHER: usize = 128;
    match &entry.payload {
        EntryPayload::Normal(batched) => OTHER + batched.bytes.len(),
        EntryPayload::Blank | EntryPayload::Membership(_) => OTHER,
    }
}

impl<R: AsyncRuntime> LogStore<R> {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        let heads = disk.store().heads();
        let last = heads.last.map(log_id);
        let tail = Tail {
            entries: BTreeMap::new(),
            bytes: 0,
            last,
            purged: heads.purged.map(log_id),
            // A marker may be newer than the entries that a power cut left.
            committed: heads
                .committed
                .map(log_id)
                .filter(|at| last.is_some_and(|last| at.index <= last.index)),
            durable: last.map_or(0, |last| last.index + 1),
            appended: 0,
        };
        Self { disk, tail: Arc::new(Mutex::new(tail)) }
    }

    /// How many bytes came into the log since the start.
    pub(crate) fn appended(&self) -> u64 {
        self.tail.lock().appended
    }

    async fn write(&self, write: Write) -> Result<(), Stopped> {
        perform(&*self.disk, write).await
    }

    fn records(&self, range: std::ops::Range<u64>) -> Result<Vec<LogRecord>, StorageError> {
        self.disk.store().entries(range.clone()).map_err(|error| reading(range.start, &error))
    }

    fn read(&self, from: u64, end: u64) -> Result<Vec<Entry<R>>, StorageError> {
        let (cut, mut newer) = {
            let tail = self.tail.lock();
            let first = tail.entries.first_key_value().map_or(u64::MAX, |(index, _)| *index);
            let cut = first.clamp(from, end.max(from));
            let newer: Vec<_> =
                tail.entries.range(cut..end.max(cut)).map(|(_, entry)| entry.clone()).collect();
            (cut, newer)
        };
        if from >= cut {
            return Ok(newer);
        }
        let mut entries = Vec::new();
        for record in self.records(from..cut)? {
            let index = record.at.index;
            entries.push(convert::recorded(record).map_err(|error| reading(index, &error))?);
        }
        entries.append(&mut newer);
        Ok(entries)
    }
}

/// Hands a write over and waits until it is durable.
pub(crate) async fn perform(disk: &dyn Disk, write: Write) -> Result<(), Stopped> {
    let (told, answer) = oneshot::channel();
    // Whoever no longer waits loses nothing: the write is kept all the same.
    disk.submit(write, Box::new(move |result| drop(told.send(result))));
    answer.await.unwrap_or_else(|_| Err(Stopped("the disk went away".to_owned())))
}

fn reading(index: u64, error: &dyn std::fmt::Display) -> StorageError {
    StorageIOError::read_log_at_index(index, AnyError::error(error)).into()
}

/// An error of the disk, as openraft stops on it.
pub(crate) fn writing(subject: ErrorSubject<u64>, error: &dyn std::fmt::Display) -> StorageError {
    StorageIOError::new(subject, ErrorVerb::Write, AnyError::error(error)).into()
}

impl<R: AsyncRuntime> RaftLogReader<Types<R>> for LogStore<R> {
    async fn try_get_log_entries<RB>(&mut self, range: RB) -> Result<Vec<Entry<R>>, StorageError>
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let from = match range.start_bound() {
            Bound::Included(from) => *from,
            Bound::Excluded(before) => before + 1,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(last) => last.saturating_add(1),
            Bound::Excluded(end) => *end,
            Bound::Unbounded => u64::MAX,
        };
        self.read(from, end)
    }

    async fn limited_get_log_entries(
        &mut self,
        start: u64,
        end: u64,
    ) -> Result<Vec<Entry<R>>, StorageError> {
        /// From the disk so many entries are read at a time.
        const AT_ONCE: u64 = 64;
        let mut entries = self.read(start, end.min(start.saturating_add(AT_ONCE)))?;
        let mut bytes = 0;
        let fits = entries.iter().take_while(|entry| {
            bytes += weight(entry);
            bytes <= APPEND_BYTES
        });
        let count = fits.count().max(1);
        entries.truncate(count);
        Ok(entries)
    }
}

impl<R: AsyncRuntime> RaftLogStorage<Types<R>> for LogStore<R> {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<Types<R>>, StorageError> {
        let tail = self.tail.lock();
        Ok(LogState { last_purged_log_id: tail.purged, last_log_id: tail.last })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        if planted(Bug::ForgottenVotes) {
            return Ok(());
        }
        let write = self.write(Write::Vote(convert::wire_vote(vote))).await;
        write.map_err(|error| writing(ErrorSubject::Vote, &error))
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        Ok(self.disk.store().heads().vote.map(convert::vote))
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), StorageError> {
        let Some(committed) = committed else { return Ok(()) };
        // Nobody waits: it goes to the disk with the next entry, and what is forgotten of it is
        // learnt again.
        self.tail.lock().committed = Some(committed);
        let write = Write::Committed(wire_log_id(&committed));
        self.disk.submit(write, Box::new(drop));
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, StorageError> {
        Ok(self.tail.lock().committed)
    }

    async fn append<I>(
        &mut self,
        entries: I,
        callback: LogFlushed<Types<R>>,
    ) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry<R>> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut records = Vec::new();
        let mut turns = Vec::new();
        let mut end = 0;
        {
            let mut tail = self.tail.lock();
            for mut entry in entries {
                // A snapshot has what it did.
                if tail.purged.is_some_and(|purged| entry.log_id.index <= purged.index) {
                    continue;
                }
                let error = |error| writing(ErrorSubject::Log(entry.log_id), &error);
                records.push(convert::record(&entry).map_err(error)?);
                end = entry.log_id.index + 1;
                if let EntryPayload::Normal(batched) = &mut entry.payload {
                    turns.extend(batched.turn.take());
                }
                tail.push(entry);
            }
        }
        let tail = Arc::clone(&self.tail);
        let done = move |result: Result<(), Stopped>| {
            if result.is_ok() {
                let mut tail = tail.lock();
                tail.durable = tail.durable.max(end);
                turns.iter().for_each(|turn| turn.over());
            }
            callback.log_io_completed(result.map_err(io::Error::other));
        };
        if planted(Bug::AnsweredBeforeSync) {
            done(Ok(()));
            self.disk.submit(Write::Append(records), Box::new(drop));
            return Ok(());
        }
        self.disk.submit(Write::Append(records), Box::new(done));
        Ok(())
    }

    async fn truncate(&mut self, from: LogId) -> Result<(), StorageError> {
        self.write(Write::Truncate(from.index))
            .await
            .map_err(|error| writing(ErrorSubject::Log(from), &error))?;
        let last = self.disk.store().heads().last.map(log_id);
        let mut tail = self.tail.lock();
        tail.forget(|index| index >= from.index);
        tail.last = last;
        tail.durable = tail.durable.min(from.index);
        Ok(())
    }

    async fn purge(&mut self, up_to: LogId) -> Result<(), StorageError> {
        self.write(Write::Purge(wire_log_id(&up_to)))
            .await
            .map_err(|error| writing(ErrorSubject::Log(up_to), &error))?;
        let heads = self.disk.store().heads();
        let mut tail = self.tail.lock();
        tail.forget(|index| index <= up_to.index);
        tail.purged = heads.purged.map(log_id);
        tail.last = heads.last.map(log_id);
        tail.durable = tail.durable.max(up_to.index + 1);
        Ok(())
    }
}
