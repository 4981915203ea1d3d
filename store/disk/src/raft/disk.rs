//! Who performs writes: a thread of its own, or, in a simulation, whoever hands them over.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};

use super::error::Stopped;
use super::facts::Write;
use super::store::RaftStore;
use super::writing::Writer;

/// So many writes may wait; whoever hands over more is told to stop.
pub const WRITES_WAITING: usize = 4096;
/// One commit takes at most so many writes.
const WRITES_PER_COMMIT: usize = 256;

/// Called once, when a write is durable or will never be known to be.
pub type Done = Box<dyn FnOnce(Result<(), Stopped>) + Send>;

/// Takes writes, performs them in the order in which they came, and says when they are durable.
pub trait Disk: Send + Sync + 'static {
    /// Hands a write over. `done` may be called before this returns; it must not block.
    fn submit(&self, write: Write, done: Done);

    /// The store that is written to.
    fn store(&self) -> &RaftStore;

    /// Performs what waits, stops and closes the store: another may open it then. What comes later
    /// is refused, reading too.
    fn close(&self);
}

/// Performs each write where it is handed over. For simulations: nothing runs beside them.
#[derive(Debug)]
pub struct Inline {
    store: RaftStore,
    writer: Mutex<Option<Writer>>,
}

impl Inline {
    /// With the only writer of a store.
    #[must_use]
    pub fn new(writer: Writer) -> Self {
        Self { store: writer.store().clone(), writer: Mutex::new(Some(writer)) }
    }
}

impl Disk for Inline {
    fn submit(&self, write: Write, done: Done) {
        let result = match &mut *self.writer.lock() {
            Some(writer) => writer.perform(&[write]),
            None => Err(closed()),
        };
        done(result);
    }

    fn store(&self) -> &RaftStore {
        &self.store
    }

    fn close(&self) {
        if let Some(mut writer) = self.writer.lock().take() {
            // What could not be written now is learnt again from other nodes.
            writer.flush().ok();
            self.store.close();
        }
    }
}

/// One thread that writes: what waits while it syncs is written together next.
#[derive(Debug)]
pub struct Thread {
    store: RaftStore,
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

#[derive(Default)]
struct Waiting {
    writes: VecDeque<(Write, Done)>,
    closed: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Queue")
    }
}

impl Thread {
    /// Starts the thread, with the only writer of a store.
    ///
    /// # Errors
    /// What the system says about a new thread.
    pub fn start(writer: Writer) -> std::io::Result<Self> {
        let store = writer.store().clone();
        let queue = Arc::new(Queue::default());
        let taken = Arc::clone(&queue);
        let builder = std::thread::Builder::new().name("raft-disk".to_owned());
        let thread = builder.spawn(move || write(&taken, writer))?;
        Ok(Self { store, queue, thread: Mutex::new(Some(thread)) })
    }
}

impl Disk for Thread {
    fn submit(&self, write: Write, done: Done) {
        let mut waiting = self.queue.waiting.lock();
        if waiting.closed || waiting.writes.len() >= WRITES_WAITING {
            drop(waiting);
            return done(Err(closed()));
        }
        waiting.writes.push_back((write, done));
        drop(waiting);
        self.queue.wake.notify_one();
    }

    fn store(&self) -> &RaftStore {
        &self.store
    }

    fn close(&self) {
        self.queue.waiting.lock().closed = true;
        self.queue.wake.notify_one();
        if let Some(thread) = self.thread.lock().take() {
            // A thread that panicked has nothing more to say.
            thread.join().ok();
            self.store.close();
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.close();
    }
}

fn closed() -> Stopped {
    Stopped("it is closed, or too much waits for it".to_owned())
}

fn write(queue: &Queue, mut writer: Writer) {
    loop {
        let (writes, answers): (Vec<_>, Vec<_>) = {
            let mut waiting = queue.waiting.lock();
            while waiting.writes.is_empty() && !waiting.closed {
                queue.wake.wait(&mut waiting);
            }
            let count = waiting.writes.len().min(WRITES_PER_COMMIT);
            waiting.writes.drain(..count).unzip()
        };
        if writes.is_empty() {
            // Closed, and nothing waits. What could not be written now is learnt again.
            writer.flush().ok();
            return;
        }
        let result = writer.perform(&writes);
        for done in answers {
            done(result.clone());
        }
    }
}
