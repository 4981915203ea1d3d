//! The journal as its callers see it: the port, opening, closing, and looking after itself.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use futures_channel::oneshot;
use parking_lot::{Condvar, Mutex};
use proto::ids::{Chain, SessionId};
use proto::reading::Durability;
use store_log::{
    Backend, Completion, Growth, Heads, Health, Position, ReadError, Record, RefusedBecause,
    Stored, Usage,
};

use crate::error::OpenError;
use crate::index::Index;
use crate::keeper::Keeper;
use crate::options::Options;
use crate::queue::{Queue, Taken};
use crate::recovery::{Ground, Recovered, recover};
use crate::shared::{Counters, KeeperWork, Shared, Walk};
use crate::storage::{Files, Storage};
use crate::writer::Writer;

/// The journal of one node. Dropping it writes what waits, and waits for that.
pub struct Journal {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
    keeper: Option<JoinHandle<()>>,
}

/// What the writer did since the journal was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Records made durable.
    pub records: u64,
    /// Bytes of them, with their frames.
    pub bytes: u64,
    /// Syncs that this took.
    pub syncs: u64,
}

/// What [`Journal::verify_all`] read, all of it good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// The oldest position that is here, archived or live; above 1, older ones were taken away.
    pub first: Position,
    /// The last durable position when it began.
    pub last: Position,
    /// How many records that is.
    pub records: u64,
}

/// A journal without its threads.
pub(crate) struct Parts {
    pub(crate) shared: Arc<Shared>,
    pub(crate) writer: Writer,
    pub(crate) keeper: Keeper,
    pub(crate) recovered: Recovered,
}

impl Parts {
    pub(crate) fn open(storage: Arc<dyn Storage>, options: Options) -> Result<Self, OpenError> {
        options.check()?;
        let ground = recover(storage.as_ref(), &options)?;
        let Ground { recovered, catalog, account, heads, watermark, open, room, archived_bytes } =
            ground;
        let mut queue = Queue::new(&options, account, &heads, recovered.last);
        queue.set_room(room);
        let index = storage.index_path().map_or_else(Index::none, Index::open);
        let indexed = AtomicU64::new(index.cursor().0.0);
        let shared = Arc::new(Shared {
            storage,
            options,
            heads,
            queue: Mutex::new(queue),
            work: Condvar::new(),
            catalog: Mutex::new(catalog),
            index: Mutex::new(index),
            keeper: Mutex::new(KeeperWork { pending: true, closing: false }),
            keeping: Condvar::new(),
            written: Counters::default(),
            indexed,
            indexed_bytes: AtomicU64::default(),
            archived_bytes: AtomicU64::new(archived_bytes),
            released: AtomicU64::new(u64::MAX),
        });
        shared.check_index();
        let mut writer = Writer::new(Arc::clone(&shared), open, watermark);
        writer.top_up().map_err(OpenError::io("allocating segments"))?;
        let keeper = Keeper::new(Arc::clone(&shared));
        Ok(Self { shared, writer, keeper, recovered })
    }
}

impl Journal {
    /// Opens or makes the journal in a directory, and locks the directory.
    ///
    /// # Errors
    /// [`OpenError`]: another process has it, it is damaged, or the file system fails.
    pub fn open(directory: &Path, options: Options) -> Result<(Self, Recovered), OpenError> {
        Self::open_on(Arc::new(Files::open(directory)?), options)
    }

    /// Opens or makes the journal on any storage.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_on(
        storage: Arc<dyn Storage>,
        options: Options,
    ) -> Result<(Self, Recovered), OpenError> {
        let Parts { shared, writer, keeper, recovered } = Parts::open(storage, options)?;
        let name = shared.options.name;
        let mut journal = Self { shared, writer: None, keeper: None };
        let spawn = |what: &str, run: Box<dyn FnOnce() + Send>| {
            let builder = std::thread::Builder::new().name(format!("{name}-{what}"));
            builder.spawn(run).map_err(OpenError::io("starting a thread"))
        };
        journal.writer = Some(spawn("writer", Box::new(move || writer.run()))?);
        journal.keeper = Some(spawn("keeper", Box::new(move || keeper.run()))?);
        if recovered.cut_bytes > 0 {
            tracing::warn!(
                journal = name,
                bytes = recovered.cut_bytes,
                last = recovered.last.0,
                "the torn end of the journal was cut"
            );
        }
        Ok((journal, recovered))
    }

    /// What the writer did since opening.
    #[must_use]
    pub fn written(&self) -> Written {
        let Counters { records, bytes, syncs } = &self.shared.written;
        Written {
            records: records.load(Ordering::Relaxed),
            bytes: bytes.load(Ordering::Relaxed),
            syncs: syncs.load(Ordering::Relaxed),
        }
    }

    /// Reads every durable record, from the oldest that is here, archived or live.
    ///
    /// # Errors
    /// The first damage.
    pub fn verify_all(&self) -> Result<Verified, ReadError> {
        self.shared.verify_all()
    }

    /// Says up to which position records may leave the quota: where others keep them too, only what
    /// those have for certain may. Until this is called, all may.
    pub fn release(&self, up_to: Position) {
        self.shared.released.store(up_to.0, Ordering::Relaxed);
        self.shared.wake_keeper();
    }

    /// The oldest position that is here, archived or live.
    #[must_use]
    pub fn oldest(&self) -> Position {
        self.shared.oldest()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.queue.lock().closing = true;
        self.shared.work.notify_one();
        self.shared.keeper.lock().closing = true;
        self.shared.keeping.notify_one();
        for thread in [self.writer.take(), self.keeper.take()].into_iter().flatten() {
            if thread.join().is_err() {
                tracing::error!("a thread of the journal panicked");
            }
        }
    }
}

impl Backend for Journal {
    fn enqueue(&self, record: Record) -> Result<(Position, Completion), RefusedBecause> {
        self.shared.enqueue(record)
    }

    fn hurry(&self) {
        self.shared.hurry();
    }

    fn read(&self, from: Position, limit: usize) -> Result<Vec<Stored>, ReadError> {
        self.shared.read(from, limit)
    }

    fn positions_of(
        &self,
        session: &SessionId,
        from: Position,
        limit: usize,
    ) -> Result<Vec<Position>, ReadError> {
        self.shared.positions_of(session, from, limit)
    }

    fn find(&self, control: bool, seq: u64) -> Result<Option<Stored>, ReadError> {
        self.shared.find(control, seq)
    }

    fn grown(&self, beyond: Position) -> Growth {
        self.shared.queue.lock().grown(beyond)
    }

    fn heads(&self) -> Heads {
        self.shared.heads.clone()
    }

    fn durability(&self) -> Durability {
        Durability::Local
    }

    fn health(&self) -> Health {
        let queue = self.shared.queue.lock();
        match &queue.stopped {
            Some(why) => Health::Stopped(why.clone()),
            None if queue.is_full() => Health::Full,
            None => Health::Good,
        }
    }

    fn usage(&self) -> Usage {
        let queue = self.shared.queue.lock();
        Usage {
            used: queue.account.used(),
            quota: queue.account.quota(),
            archived: self.shared.archived_bytes.load(Ordering::Relaxed),
            first: self.shared.oldest(),
            last: queue.durable,
        }
    }
}

impl Shared {
    pub(crate) fn enqueue(&self, record: Record) -> Result<(Position, Completion), RefusedBecause> {
        let again =
            (record.chain == Chain::Control, record.seq, record.epoch, record.bytes.clone());
        let (taken, gathers) = {
            let mut queue = self.queue.lock();
            (queue.take(record), queue.gathering && !queue.is_due())
        };
        if let Taken::Waits(position, completion) = taken? {
            if !gathers {
                self.work.notify_one();
            }
            return Ok((position, completion));
        }
        // Only for a record that is asked for again long after: the one that has its place is on
        // disk, and the two are compared.
        let (control, seq, epoch, bytes) = again;
        let (sender, completion) = oneshot::channel();
        match self.find(control, seq) {
            Ok(Some(stored)) if stored.epoch == epoch && stored.bytes == bytes => {
                sender.send(Ok(stored.position)).ok();
                Ok((stored.position, completion))
            }
            Ok(_) => Err(RefusedBecause::Misfit),
            // It cannot be read, so nobody knows; the sender is dropped.
            Err(_) => Ok((Position(0), completion)),
        }
    }

    /// Somebody waits for an answer: what there is goes to the disk without waiting for more.
    pub(crate) fn hurry(&self) {
        let mut queue = self.queue.lock();
        queue.hurried = true;
        if queue.gathering {
            self.work.notify_one();
        }
    }

    pub(crate) fn oldest(&self) -> Position {
        let catalog = self.catalog.lock();
        catalog.all().next().map_or(Position(1), |segment| segment.header.first)
    }

    pub(crate) fn verify_all(&self) -> Result<Verified, ReadError> {
        let (first, last, mut records) = (self.oldest(), self.durable(), 0);
        self.walk(first, last, |_, _| {
            records += 1;
            Walk::On
        })?;
        Ok(Verified { first, last, records })
    }
}
