//! What is done behind the writer's back: indexing, and moving sealed segments to the archive.
//!
//! It never delays an answer. What fails here is logged, and the records stay where they are.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use store_log::{Position, ReadError};

use crate::catalog::{ARCHIVE, LIVE, path};
use crate::index::{Runs, SESSION_LIMIT, session_of};
use crate::shared::{LATE_RECORDS, Shared, Walk};

/// So many records are indexed in one transaction.
const INDEXED_AT_ONCE: usize = 4096;
/// By how much the system prefers everybody else.
const LATER: i32 = 5;
/// A segment is copied in pieces of so many bytes.
const COPY_BYTES: usize = 1024 * 1024;

/// Records that are indexed in one transaction.
struct Piece {
    sessions: Runs,
    last: Position,
    last_checksum: u32,
}

/// Indexes and archives.
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    /// Moving this segment failed; it is tried again once another is sealed.
    failed: Option<(Position, usize)>,
    /// Damage stops the indexer; reading reports it.
    index_stopped: bool,
}

impl Keeper {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, failed: None, index_stopped: false }
    }

    /// Works until the journal closes.
    pub(crate) fn run(mut self) {
        // Who waits for a record comes before who may one day look for it; Linux counts this for
        // each thread by itself. Where it is not let, the two are equals.
        rustix::process::nice(LATER).ok();
        loop {
            {
                let mut work = self.shared.keeper.lock();
                while !work.pending && !work.closing {
                    self.shared.keeping.wait(&mut work);
                }
                if work.closing {
                    break;
                }
                work.pending = false;
            }
            while self.step() {
                if self.shared.keeper.lock().closing {
                    break;
                }
            }
        }
        self.finish();
        self.shared.index.lock().close();
    }

    /// Indexes what is left, if it is little; the rest is indexed after the next opening.
    pub(crate) fn finish(&mut self) {
        self.index(1);
    }

    /// Does one piece of work; says whether there may be more.
    pub(crate) fn step(&mut self) -> bool {
        // Both, each time: a long rebuild of the index must not keep the quota full.
        let indexed = self.index(if self.shared.has_many_bytes_late() { 1 } else { LATE_RECORDS });
        let archived = self.archive();
        indexed || archived
    }

    /// Indexes one piece when the index is late by at least so many records.
    fn index(&mut self, least: u64) -> bool {
        let written = self.shared.written.bytes.load(Ordering::Relaxed);
        let (cursor, usable) = {
            let index = self.shared.index.lock();
            (index.cursor().0, index.is_usable())
        };
        let durable = self.shared.durable();
        if self.index_stopped || !usable || durable.0.saturating_sub(cursor.0) < least {
            return false;
        }
        let piece = match self.gather(cursor.next(), durable) {
            Ok(piece) => piece,
            Err(error) => {
                tracing::error!(%error, "the indexer stops; sessions are found by reading");
                self.index_stopped = true;
                return false;
            }
        };
        if piece.last == durable {
            self.shared.indexed_bytes.store(written, Ordering::Relaxed);
        }
        let mut index = self.shared.index.lock();
        if let Err(unusable) = index.add(&piece.sessions, piece.last, piece.last_checksum) {
            index.start_anew(&format!("{unusable:?}"));
        }
        self.shared.indexed.store(index.cursor().0.0, Ordering::Relaxed);
        true
    }

    fn gather(&self, from: Position, to: Position) -> Result<Piece, ReadError> {
        let mut piece = Piece { sessions: Runs::new(), last: from, last_checksum: 0 };
        let mut count = 0;
        self.shared.walk(from, to, |frame, content| {
            let session = session_of(content).filter(|session| session.len() <= SESSION_LIMIT);
            if let Some(session) = session {
                match piece.sessions.get_mut(&*session) {
                    Some(positions) => positions.push(frame.position),
                    None => drop(piece.sessions.insert(session.into(), vec![frame.position])),
                }
            }
            (piece.last, piece.last_checksum) = (frame.position, crc32fast::hash(content));
            count += 1;
            if count < INDEXED_AT_ONCE { Walk::On } else { Walk::Enough }
        })?;
        Ok(piece)
    }

    /// Moves the oldest sealed segment when half of the quota or of a share is used.
    fn archive(&mut self) -> bool {
        if !self.shared.options.archive {
            return false;
        }
        if !self.shared.queue.lock().account.is_pressed() {
            return false;
        }
        let (first, count) = {
            let catalog = self.shared.catalog.lock();
            let Some(segment) = catalog.oldest_sealed() else {
                return false;
            };
            let first = segment.header.first;
            // What follows begins right behind the last record of this one.
            let next = catalog.all().map(|other| other.header.first).find(|other| *other > first);
            let released = self.shared.released.load(Ordering::Relaxed);
            if next.is_none_or(|next| next.0 - 1 > released) {
                return false;
            }
            (first, catalog.all().count())
        };
        if self.failed == Some((first, count)) {
            return false;
        }
        match self.move_segment(first) {
            Ok(bytes) => {
                self.release(first, bytes);
                self.failed = None;
                true
            }
            Err(error) => {
                let segment = path(first, false);
                let journal = self.shared.options.name;
                tracing::error!(journal, segment, %error, "a segment cannot be archived");
                metrics::counter!("journal_archive_failures_total", "journal" => journal)
                    .increment(1);
                self.failed = Some((first, count));
                false
            }
        }
    }

    fn release(&self, first: Position, bytes: u64) {
        let mut queue = self.shared.queue.lock();
        let mut catalog = self.shared.catalog.lock();
        if let Some(segment) = catalog.get_mut(first) {
            queue.account.release(&segment.shares);
        }
        catalog.archived(first);
        queue.refused_full = false;
        self.shared.archived_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Moves a segment durably; gives the length of its file.
    fn move_segment(&self, first: Position) -> io::Result<u64> {
        let storage = &self.shared.storage;
        let (from, to) = (path(first, false), path(first, true));
        let bytes = storage.open(&from)?.length()?;
        match storage.rename(&from, &to) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                self.copy_segment(&from, &to, bytes)?;
                storage.remove(&from)?;
            }
            Err(error) => return Err(error),
        }
        storage.sync_folder(ARCHIVE)?;
        storage.sync_folder(LIVE)?;
        Ok(bytes)
    }

    /// Copies a segment to another medium and reads it back before the name is given.
    fn copy_segment(&self, from: &str, to: &str, bytes: u64) -> io::Result<()> {
        let storage = &self.shared.storage;
        let partial = format!("{to}.partial");
        let source = storage.open(from)?;
        let copy = storage.create(&partial, bytes)?;
        let (mut piece, mut check) = (vec![0; COPY_BYTES], vec![0; COPY_BYTES]);
        let mut at = 0;
        while at < bytes {
            let count = source.read_at(at, &mut piece)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            copy.write_at(at, &piece[..count])?;
            at += count as u64;
        }
        copy.sync()?;
        at = 0;
        while at < bytes {
            let count = source.read_at(at, &mut piece)?;
            let read = copy.read_at(at, &mut check[..count])?;
            if read != count || piece[..count] != check[..count] || count == 0 {
                return Err(io::Error::other("the copy does not equal the segment"));
            }
            at += count as u64;
        }
        storage.rename(&partial, to)?;
        storage.sync_folder(ARCHIVE)
    }
}
