//! The one writer: takes what waits, writes it, syncs once, and only then answers.
//!
//! The first error of a write or a sync stops it for good. Nothing is answered before the sync that
//! covers it, and nothing is written to a segment whose name is not durable.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::MutexGuard;
use proto::event::Head;
use proto::ids::Digest;
use store_log::{Heads, Position};

use crate::catalog::{LIVE, Segment, path};
use crate::format::{Frame, HEADER_BYTES, Header, record_bytes};
use crate::options::GATHER;
use crate::queue::{Batch, Entry, Queue};
use crate::shared::Shared;
use crate::storage::File;
use crate::watermark::{Mark, Watermark};

/// Segments that are allocated ahead: one to go on with, one for last words.
pub(crate) const SPARES: usize = 2;
/// How often allocating is tried again when the medium is full.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// The segment that is written to.
pub(crate) struct Open {
    pub(crate) file: Arc<dyn File>,
    pub(crate) salt: u64,
    pub(crate) first: Position,
    /// Where the next record goes.
    pub(crate) offset: u64,
}

/// The writer.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    open: Option<Open>,
    /// Which segment that is, counted as the queue counts: 0 is the one open at the start.
    number: u64,
    watermark: Watermark,
    spares: VecDeque<(String, Arc<dyn File>)>,
    spares_made: u64,
    /// Where the chains stand on disk; the contents replace the hashes when they are newer.
    heads: Heads,
    node: Option<Bytes>,
    control: Option<Bytes>,
    buffer: Vec<u8>,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, open: Option<Open>, watermark: Watermark) -> Self {
        let heads = shared.heads.clone();
        Self {
            shared,
            open,
            number: 0,
            watermark,
            spares: VecDeque::new(),
            spares_made: 0,
            heads,
            node: None,
            control: None,
            buffer: Vec::new(),
        }
    }

    /// Works until the journal closes and nothing waits any more.
    pub(crate) fn run(mut self) {
        struct Guard(Arc<Shared>);
        impl Drop for Guard {
            fn drop(&mut self) {
                // Also when the thread panics: nobody may wait for an answer for ever.
                self.0.queue.lock().stop("the writer ended".to_owned());
            }
        }
        let guard = Guard(Arc::clone(&self.shared));
        while self.wait() {
            self.step();
        }
        if let Err(error) = self.watermark.sync() {
            tracing::warn!(%error, "the watermark was not synced at closing");
        }
        drop(guard);
    }

    /// Waits for work; false when there will be none.
    fn wait(&self) -> bool {
        let mut queue = self.shared.queue.lock();
        loop {
            if queue.waiting() > 0 && queue.stopped.is_none() {
                self.gather(&mut queue);
                return true;
            }
            if queue.closing {
                return false;
            }
            if !queue.no_room {
                self.shared.work.wait(&mut queue);
            } else if self.shared.work.wait_for(&mut queue, TRY_AGAIN).timed_out() {
                return true;
            }
        }
    }

    /// Waits for more to be written with what there is, unless somebody waits for that.
    fn gather(&self, queue: &mut MutexGuard<'_, Queue>) {
        queue.gathering = true;
        while !queue.is_due() && !self.shared.work.wait_for(queue, GATHER).timed_out() {}
        queue.gathering = false;
    }

    /// Writes one batch, if any waits, and sees to spare segments.
    pub(crate) fn step(&mut self) {
        let batch = {
            let mut queue = self.shared.queue.lock();
            let waiting = u32::try_from(queue.waiting()).unwrap_or(u32::MAX);
            metrics::gauge!("journal_queue_records", "journal" => self.shared.options.name)
                .set(f64::from(waiting));
            if queue.stopped.is_some() { None } else { queue.batch() }
        };
        if let Some(batch) = batch {
            match self.commit(&batch) {
                Ok(last) => self.answer(last),
                Err(error) => return self.shared.stop(&format!("writing failed: {error}")),
            }
        }
        if let Err(error) = self.top_up() {
            self.shared.stop(&format!("allocating a segment failed: {error}"));
        }
    }

    /// Writes and syncs; everything in the batch is durable when it returns.
    fn commit(&mut self, batch: &Batch) -> io::Result<Position> {
        while self.open.is_none() || self.number < batch.segment {
            self.next_segment(batch.entries[0].position)?;
        }
        let open = self.open.as_mut().expect("the loop above opened one");
        self.buffer.clear();
        for entry in &batch.entries {
            frame(entry, batch.entries[0].position).encode(
                open.salt,
                &entry.bytes,
                &mut self.buffer,
            );
        }
        open.file.write_at(open.offset, &self.buffer)?;
        open.file.sync()?;
        let mut last = Position(0);
        let mut catalog = self.shared.catalog.lock();
        let mut segment = catalog.get_mut(open.first);
        for entry in &batch.entries {
            let end = open.offset + record_bytes(entry.bytes.len());
            if let Some(segment) = &mut segment {
                segment.note(entry.position, entry.share, open.offset, end);
            }
            open.offset = end;
            last = entry.position;
            let content = if entry.control { &mut self.control } else { &mut self.node };
            *content = Some(entry.bytes.clone());
            let head = if entry.control { &mut self.heads.control } else { &mut self.heads.node };
            head.seq = entry.seq;
            if !entry.control {
                self.heads.epoch = entry.epoch;
            }
        }
        drop(catalog);
        let mark = Mark { position: last, segment: open.first, offset: open.offset };
        self.watermark.write(mark)?;
        self.shared.wrote(batch.entries.len() as u64, self.buffer.len() as u64);
        Ok(last)
    }

    fn answer(&self, last: Position) {
        let (settled, is_pressed) = {
            let mut queue = self.shared.queue.lock();
            (queue.settle(last), queue.account.is_pressed())
        };
        for (position, answers) in settled {
            for answer in answers {
                // Whoever no longer waits loses nothing: the record is kept all the same.
                answer.send(Ok(position)).ok();
            }
        }
        // To wake a thread after each sync costs as much as the little that it would find to do.
        if is_pressed || self.shared.is_index_late(last) {
            self.shared.wake_keeper();
        }
    }

    /// Opens a spare segment under its name.
    fn next_segment(&mut self, first: Position) -> io::Result<()> {
        let spare = self.spares.pop_front();
        let (spare, file) = spare.ok_or_else(|| io::Error::other("no segment is allocated"))?;
        for (head, content) in [
            (&mut self.heads.node, self.node.take()),
            (&mut self.heads.control, self.control.take()),
        ] {
            if let Some(content) = content {
                *head = Head { seq: head.seq, hash: Some(sha256(&content)) };
            }
        }
        let storage = &self.shared.storage;
        let salt = storage.salt()?;
        let capacity = self.shared.options.segment_bytes;
        let header = Header { capacity, first, salt, before: self.heads.clone() };
        file.write_at(0, &header.encode())?;
        file.sync()?;
        storage.rename(&spare, &path(first, false))?;
        storage.sync_folder(LIVE)?;
        self.watermark.sync()?;
        self.shared.catalog.lock().insert(Segment::new(header, false));
        self.number += 1;
        self.open = Some(Open { file, salt, first, offset: HEADER_BYTES });
        Ok(())
    }

    /// Allocates spare segments. A full medium is not an error: the queue refuses in time.
    pub(crate) fn top_up(&mut self) -> io::Result<()> {
        while self.spares.len() < SPARES {
            self.spares_made += 1;
            let name = format!("{LIVE}/spare-{}", self.spares_made);
            let created = self.shared.storage.create(&name, self.shared.options.segment_bytes);
            let file = match created.and_then(|file| file.sync().map(|()| file)) {
                Ok(file) => file,
                Err(error) if is_full(&error) => {
                    self.without_room(&name);
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            self.spares.push_back((name, file));
            self.shared.queue.lock().add_spare();
        }
        Ok(())
    }

    fn without_room(&self, name: &str) {
        // A file that got a name and no room is only in the way.
        self.shared.storage.remove(name).ok();
        let mut queue = self.shared.queue.lock();
        if !queue.no_room {
            let journal = self.shared.options.name;
            tracing::error!(journal, "the medium has no room for another segment");
        }
        queue.no_room = true;
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn frame(entry: &Entry, batch: Position) -> Frame {
    let Entry { position, epoch, seq, share, control, last_words, .. } = *entry;
    Frame { position, batch, epoch, seq, share, control, last_words }
}

pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    let mut digest = [0; 32];
    digest.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    Digest(digest)
}
