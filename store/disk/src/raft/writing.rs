//! Performing writes: many in one transaction, one sync for all of them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use proto::peer::raft::LogId;
use redb::{Durability, WriteTransaction};

use super::error::Stopped;
use super::facts::{Kept, LogRecord, Write};
use super::mark::Mark;
use super::record::{Place, Sealer};
use super::store::{
    COMMIT, COMMITTED, FACTS, Heads, IDENTITY, LOG, PARTS, PURGED, RaftStore, SNAPSHOT, SPAN, Span,
    Trouble, VOTE,
};

/// The one that writes. After the first failure it writes nothing more.
#[derive(Debug)]
pub struct Writer {
    store: RaftStore,
    mark: MarkFile,
    commit: u64,
    /// Decided, and not yet written: it goes with the next commit.
    decided: Option<LogId>,
    stopped: Option<Stopped>,
}

struct MarkFile(Mark);

impl std::fmt::Debug for MarkFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MarkFile")
    }
}

impl Writer {
    pub(crate) fn new(store: RaftStore, mark: Mark, commit: u64) -> Self {
        Self { store, mark: MarkFile(mark), commit, decided: None, stopped: None }
    }

    /// The store that it writes to.
    #[must_use]
    pub fn store(&self) -> &RaftStore {
        &self.store
    }

    /// Performs writes in order, all or none; they are durable when it returns.
    ///
    /// # Errors
    /// [`Stopped`] when the medium fails, from then on for ever: what was written may or may not be
    /// there.
    pub fn perform(&mut self, writes: &[Write]) -> Result<(), Stopped> {
        if let Some(stopped) = &self.stopped {
            return Err(stopped.clone());
        }
        let waits = writes.iter().all(|write| matches!(write, Write::Committed(_)));
        if waits {
            self.decide(writes);
            return Ok(());
        }
        self.commit(writes)
    }

    /// Writes what waits for the next commit.
    ///
    /// # Errors
    /// As [`Writer::perform`].
    pub fn flush(&mut self) -> Result<(), Stopped> {
        if let Some(stopped) = &self.stopped {
            return Err(stopped.clone());
        }
        if self.decided.is_none() { Ok(()) } else { self.commit(&[]) }
    }

    fn decide(&mut self, writes: &[Write]) {
        for write in writes {
            if let Write::Committed(at) = write {
                self.decided = self.decided.max(Some(*at));
            }
        }
    }

    fn commit(&mut self, writes: &[Write]) -> Result<(), Stopped> {
        self.decide(writes);
        let attempt = AssertUnwindSafe(|| self.attempt(writes));
        let why = match catch_unwind(attempt) {
            Ok(Ok(heads)) => {
                *self.store.inner.heads.lock() = heads;
                return Ok(());
            }
            Ok(Err(Trouble::Damaged(damage))) => damage.to_string(),
            Ok(Err(Trouble::Failed(why))) => format!("writing failed: {why}"),
            Err(_) => "the database panicked".to_owned(),
        };
        tracing::error!(why, "the Raft log stops");
        let stopped = Stopped(why);
        self.stopped = Some(stopped.clone());
        Err(stopped)
    }

    fn attempt(&mut self, writes: &[Write]) -> Result<Heads, Trouble> {
        let inner = &self.store.inner;
        let mut heads = inner.heads.lock().clone();
        let mut transaction = inner.with(|database| Ok(database.begin_write()?))?;
        transaction.set_durability(Durability::Immediate)?;
        // Our own checks find what one sync instead of two could let through after a power cut.
        transaction.set_two_phase_commit(false);
        let mut change = Change { transaction: &transaction, sealer: &inner.sealer };
        for write in writes {
            change.perform(write, &mut heads)?;
        }
        if let Some(decided) = self.decided.take() {
            heads.committed = heads.committed.max(Some(decided));
            change.value(COMMITTED, &decided)?;
        }
        self.commit += 1;
        change.raw(COMMIT, &self.commit.to_le_bytes())?;
        change.value(SPAN, &Span { first: heads.first, last: heads.last })?;
        transaction.commit()?;
        self.mark.0.write(self.commit).map_err(|error| Trouble::Failed(error.to_string()))?;
        Ok(heads)
    }
}

/// One transaction under way.
struct Change<'a> {
    transaction: &'a WriteTransaction,
    sealer: &'a Sealer,
}

impl Change<'_> {
    fn perform(&mut self, write: &Write, heads: &mut Heads) -> Result<(), Trouble> {
        match write {
            Write::Vote(vote) => {
                heads.vote = Some(*vote);
                self.value(VOTE, vote)
            }
            Write::Append(records) => self.append(records, heads),
            Write::Truncate(from) => self.truncate(*from, heads),
            Write::Purge(up_to) => self.purge(*up_to, heads),
            Write::Committed(_) => Ok(()),
            Write::Identity(identity) => {
                heads.identity = Some(identity.clone());
                self.value(IDENTITY, identity)
            }
            Write::SnapshotPart { number, part, bytes } => {
                let record = self.sealer.seal(Place::Part(*number, *part), &[bytes]);
                let mut parts = self.transaction.open_table(PARTS)?;
                parts.insert((*number, *part), &*record)?;
                Ok(())
            }
            Write::Snapshot(kept) => self.keep(kept, heads),
        }
    }

    fn append(&mut self, records: &[LogRecord], heads: &mut Heads) -> Result<(), Trouble> {
        let mut log = self.transaction.open_table(LOG)?;
        for record in records {
            // A log of which nothing was ever forgotten begins where its first entry says.
            let expected = heads.last.map_or(record.at.index, |last| last.index + 1);
            if heads.last.is_none() {
                heads.first = expected;
            }
            if record.at.index != expected {
                let what = format!("entry {} would leave a gap", record.at.index);
                return Err(Place::Entry(expected).damage(&what).into());
            }
            log.insert(expected, &*self.sealer.seal_entry(record))?;
            heads.last = Some(record.at);
        }
        Ok(())
    }

    fn truncate(&mut self, from: u64, heads: &mut Heads) -> Result<(), Trouble> {
        let mut log = self.transaction.open_table(LOG)?;
        log.retain_in(from.., |_, _| false)?;
        heads.last = match redb::ReadableTable::last(&log)? {
            Some((index, record)) => {
                Some(self.sealer.open_entry(index.value(), record.value())?.at)
            }
            None => heads.purged,
        };
        if heads.last.is_none() {
            heads.first = 0;
        }
        Ok(())
    }

    fn purge(&mut self, up_to: LogId, heads: &mut Heads) -> Result<(), Trouble> {
        // The marker and the deletions are one commit: there is no moment between them.
        self.value(PURGED, &up_to)?;
        let mut log = self.transaction.open_table(LOG)?;
        log.retain_in(..=up_to.index, |_, _| false)?;
        heads.purged = Some(up_to);
        if heads.last.is_none_or(|last| last.index <= up_to.index) {
            heads.last = Some(up_to);
        }
        Ok(())
    }

    fn keep(&mut self, kept: &Kept, heads: &mut Heads) -> Result<(), Trouble> {
        let mut parts = self.transaction.open_table(PARTS)?;
        parts.retain(|(number, _), _| number == kept.number)?;
        for part in 0..kept.parts {
            let is_there = redb::ReadableTable::get(&parts, (kept.number, part))?.is_some();
            if !is_there {
                return Err(Place::Part(kept.number, part).damage("it has not come").into());
            }
        }
        heads.snapshot = Some(kept.clone());
        self.value(SNAPSHOT, kept)
    }

    fn raw(&mut self, name: &str, content: &[u8]) -> Result<(), Trouble> {
        let record = self.sealer.seal(Place::Fact(name), &[content]);
        self.transaction.open_table(FACTS)?.insert(name, &*record)?;
        Ok(())
    }

    fn value<T>(&mut self, name: &str, value: &T) -> Result<(), Trouble>
    where
        T: for<'a> rkyv::Serialize<
                rkyv::api::high::HighSerializer<
                    rkyv::util::AlignedVec,
                    rkyv::ser::allocator::ArenaHandle<'a>,
                    rkyv::rancor::Error,
                >,
            >,
    {
        let record = self.sealer.seal_value(Place::Fact(name), value).map_err(Trouble::Failed)?;
        self.transaction.open_table(FACTS)?.insert(name, &*record)?;
        Ok(())
    }
}
