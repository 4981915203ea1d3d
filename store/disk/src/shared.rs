//! What the callers, the writer and the keeper share, and reading, which needs no more than that.
//!
//! Locks are taken in the order queue, catalog, index, and none is held while a file is read.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use store_log::{Heads, Position, ReadError, Stored};

use crate::catalog::{Catalog, Place, path};
use crate::cursor::Cursor;
use crate::format::{Found, Frame};
use crate::index::Index;
use crate::options::Options;
use crate::queue::Queue;
use crate::storage::{File, Storage};

/// A search ends when so few records are left.
const CLOSE: u64 = 64;
/// The index may be late by so many records, which are then read when somebody asks.
pub(crate) const LATE_RECORDS: u64 = 1024;
/// The index may be late by about so many bytes.
const LATE_BYTES: u64 = 4 * 1024 * 1024;

/// Shared by everybody who has the journal.
pub(crate) struct Shared {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) options: Options,
    pub(crate) heads: Heads,
    pub(crate) queue: Mutex<Queue>,
    /// Wakes the writer.
    pub(crate) work: Condvar,
    pub(crate) catalog: Mutex<Catalog>,
    pub(crate) index: Mutex<Index>,
    pub(crate) keeper: Mutex<KeeperWork>,
    /// Wakes the keeper.
    pub(crate) keeping: Condvar,
    pub(crate) written: Counters,
    /// How far the index goes.
    pub(crate) indexed: AtomicU64,
    /// What the writer had written when the index last was up to date.
    pub(crate) indexed_bytes: AtomicU64,
    pub(crate) archived_bytes: AtomicU64,
    /// Up to this position records may leave the quota.
    pub(crate) released: AtomicU64,
}

/// Why the keeper wakes.
#[derive(Debug, Default)]
pub(crate) struct KeeperWork {
    pub(crate) pending: bool,
    pub(crate) closing: bool,
}

/// What the writer did since opening.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) records: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) syncs: AtomicU64,
}

/// What a walk over records wants next.
pub(crate) enum Walk {
    /// The next record.
    On,
    /// No more.
    Enough,
}

impl Shared {
    pub(crate) fn stop(&self, why: &str) {
        tracing::error!(journal = self.options.name, why, "the journal stops");
        self.queue.lock().stop(why.to_owned());
        metrics::gauge!("journal_stopped", "journal" => self.options.name).set(1.0);
    }

    pub(crate) fn wake_keeper(&self) {
        self.keeper.lock().pending = true;
        self.keeping.notify_one();
    }

    /// Drops the index and begins it again.
    pub(crate) fn start_index_anew(&self, why: &str) {
        self.index.lock().start_anew(why);
        self.indexed.store(0, Ordering::Relaxed);
    }

    /// Whether the index is later than it should be.
    pub(crate) fn is_index_late(&self, durable: Position) -> bool {
        let late = durable.0.saturating_sub(self.indexed.load(Ordering::Relaxed));
        late >= LATE_RECORDS || self.has_many_bytes_late()
    }

    /// Whether what is not indexed may be much to read.
    pub(crate) fn has_many_bytes_late(&self) -> bool {
        let indexed = self.indexed_bytes.load(Ordering::Relaxed);
        self.written.bytes.load(Ordering::Relaxed).saturating_sub(indexed) >= LATE_BYTES
    }

    pub(crate) fn durable(&self) -> Position {
        self.queue.lock().durable
    }

    /// Calls `see` with each record from `from` to `to`, all durable, in order.
    pub(crate) fn walk(
        &self,
        from: Position,
        to: Position,
        mut see: impl FnMut(&Frame, &[u8]) -> Walk,
    ) -> Result<(), ReadError> {
        let mut position = from.max(Position(1));
        while position <= to {
            let place = self.catalog.lock().place(position);
            let Some(place) = place else {
                return Err(damaged(position, "no segment of this journal holds it"));
            };
            let end = place.until.map_or(to, |until| to.min(Position(until.0 - 1)));
            if let Walk::Enough = self.walk_segment(&place, position, end, &mut see)? {
                return Ok(());
            }
            position = end.next();
        }
        Ok(())
    }

    fn walk_segment(
        &self,
        place: &Place,
        from: Position,
        to: Position,
        see: &mut impl FnMut(&Frame, &[u8]) -> Walk,
    ) -> Result<Walk, ReadError> {
        let (name, file) = self.open_segment(place).map_err(|error| failed(place, &error))?;
        let (salt, capacity) = (place.salt, place.capacity);
        if place.unmarked {
            self.mark(place, Cursor::start(Arc::clone(&file), salt, capacity, place.first));
        }
        let place = self.catalog.lock().place(from).unwrap_or_else(|| place.clone());
        let mut cursor = Cursor::at(file, salt, capacity, place.offset, place.known);
        while cursor.expected <= to {
            let position = cursor.expected;
            match cursor.next().map_err(|error| failed(&place, &error))? {
                Found::Record(frame, content) if position >= from => {
                    if let Walk::Enough = see(&frame, content) {
                        return Ok(Walk::Enough);
                    }
                }
                Found::Record(..) => {}
                Found::End => {
                    return Err(damaged(position, &format!("{name} has no record there")));
                }
                Found::Flaw(what) => return Err(damaged(position, &format!("{name}: {what}"))),
            }
        }
        Ok(Walk::On)
    }

    /// Finds the offsets of an archived segment, as far as it can be read.
    fn mark(&self, place: &Place, mut cursor: Cursor) {
        let mut marks = Vec::new();
        loop {
            let at = (cursor.expected, cursor.offset);
            let Ok(Found::Record(..)) = cursor.next() else {
                break;
            };
            let far = |(_, last): &(Position, u64)| at.1 >= last + crate::catalog::MARK_BYTES;
            if marks.last().is_none_or(far) {
                marks.push(at);
            }
        }
        self.catalog.lock().remember(place.first, marks);
    }

    /// Opens a segment that may be moving to the archive just now.
    fn open_segment(&self, place: &Place) -> io::Result<(String, Arc<dyn File>)> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for archived in [place.archived, !place.archived, place.archived] {
            let name = path(place.first, archived);
            match self.storage.open(&name) {
                Ok(file) => return Ok((name, file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    pub(crate) fn read(&self, from: Position, limit: usize) -> Result<Vec<Stored>, ReadError> {
        let mut stored = Vec::new();
        if limit == 0 {
            return Ok(stored);
        }
        self.walk(from, self.durable(), |frame, content| {
            stored.push(Stored {
                position: frame.position,
                control: frame.control,
                epoch: frame.epoch,
                seq: frame.seq,
                bytes: Bytes::copy_from_slice(content),
            });
            if stored.len() < limit { Walk::On } else { Walk::Enough }
        })?;
        Ok(stored)
    }

    /// The durable record at a place of a chain.
    pub(crate) fn find(&self, control: bool, seq: u64) -> Result<Option<Stored>, ReadError> {
        let Some(first) = self.catalog.lock().segment_of(control, seq) else {
            return Ok(None);
        };
        let first = if control { first } else { self.shortly_before(first, seq)? };
        let mut found = None;
        self.walk(first, self.durable(), |frame, content| {
            if frame.control != control || frame.seq < seq {
                return Walk::On;
            }
            found = (frame.seq == seq).then(|| Stored {
                position: frame.position,
                control,
                epoch: frame.epoch,
                seq,
                bytes: Bytes::copy_from_slice(content),
            });
            Walk::Enough
        })?;
        Ok(found)
    }

    /// A position at or before a place of the node's own chain, close to it, in the segment that
    /// begins at `first`: reading all of a segment for one record would be slow.
    fn shortly_before(&self, first: Position, seq: u64) -> Result<Position, ReadError> {
        let place = self.catalog.lock().place(first);
        let until = place.and_then(|place| place.until).map_or(u64::MAX, |until| until.0 - 1);
        let (mut low, mut high) = (first.0, until.min(self.durable().0));
        while high.saturating_sub(low) > CLOSE {
            let middle = Position(low + (high - low) / 2);
            let (mut seen, mut looked) = (None, 0);
            self.walk(middle, Position(high), |frame, _| {
                seen = (!frame.control).then_some(frame.seq);
                looked += 1;
                if seen.is_some() || looked == CLOSE { Walk::Enough } else { Walk::On }
            })?;
            match seen {
                Some(at) if at <= seq => low = middle.0,
                Some(_) => high = middle.0,
                // Only events of the control chain: what is sought may be before or behind them.
                None => break,
            }
        }
        Ok(Position(low))
    }

    pub(crate) fn wrote(&self, records: u64, bytes: u64) {
        self.written.records.fetch_add(records, Ordering::Relaxed);
        self.written.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.written.syncs.fetch_add(1, Ordering::Relaxed);
        let journal = self.options.name;
        metrics::counter!("journal_records_total", "journal" => journal).increment(records);
        metrics::counter!("journal_bytes_total", "journal" => journal).increment(bytes);
        metrics::counter!("journal_syncs_total", "journal" => journal).increment(1);
        #[expect(clippy::cast_precision_loss, reason = "no sync has more than 2^53 records")]
        metrics::histogram!("journal_records_per_sync", "journal" => journal)
            .record(records as f64);
    }
}

fn damaged(position: Position, what: &str) -> ReadError {
    tracing::error!(position = position.0, what, "damage in the journal");
    ReadError::Damaged { position: position.0, what: what.to_owned() }
}

fn failed(place: &Place, error: &io::Error) -> ReadError {
    match error.kind() {
        io::ErrorKind::NotFound => {
            damaged(place.first, &format!("{} is gone", path(place.first, place.archived)))
        }
        _ => ReadError::Failed(format!("{}: {error}", path(place.first, place.archived))),
    }
}
