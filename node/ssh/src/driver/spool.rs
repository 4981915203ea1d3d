//! The two ends of a spool: one task fills it as fast as bytes arrive, another empties it as fast
//! as the target takes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;

use crate::config::CHUNK_BYTES;
use crate::spool::{Spool, SpoolError};

struct Shared {
    spool: Mutex<Spool>,
    waiting: Arc<AtomicU64>,
    // Set once, after the last byte.
    finished: Mutex<bool>,
    changed: Notify,
}

/// The end that is filled.
pub(super) struct Inlet(Arc<Shared>);

/// The end that is emptied.
pub(super) struct Outlet(Arc<Shared>);

/// Both ends of a spool, and how many bytes wait in it.
pub(super) fn ends(spool: Spool) -> (Inlet, Outlet, Arc<AtomicU64>) {
    let waiting = Arc::new(AtomicU64::new(0));
    let shared = Arc::new(Shared {
        spool: Mutex::new(spool),
        waiting: waiting.clone(),
        finished: Mutex::new(false),
        changed: Notify::new(),
    });
    (Inlet(shared.clone()), Outlet(shared), waiting)
}

impl Inlet {
    /// Keeps bytes; waits for the disk only, never for the target.
    pub(super) async fn push(&self, bytes: Bytes) -> Result<(), SpoolError> {
        let blocks = self.0.spool.lock().push_blocks(bytes.len());
        if blocks {
            let shared = self.0.clone();
            on_disk(move || shared.push(bytes)).await?;
        } else {
            self.0.push(bytes)?;
        }
        self.0.changed.notify_one();
        Ok(())
    }

    /// Nothing more will come.
    pub(super) fn finish(&self) {
        *self.0.finished.lock() = true;
        self.0.changed.notify_one();
    }
}

impl Outlet {
    /// Nothing more will come, since whoever sent is gone.
    pub(super) fn finish(&self) {
        *self.0.finished.lock() = true;
        self.0.changed.notify_one();
    }

    /// The next bytes; none after the last.
    pub(super) async fn next(&self) -> Result<Option<Bytes>, SpoolError> {
        loop {
            // Asked before the spool: what was pushed before the end is then seen below.
            let finished = *self.0.finished.lock();
            let blocks = self.0.spool.lock().pop_blocks();
            let bytes = if blocks {
                let shared = self.0.clone();
                on_disk(move || shared.pop()).await?
            } else {
                self.0.pop()?
            };
            if bytes.is_some() || finished {
                return Ok(bytes);
            }
            self.0.changed.notified().await;
        }
    }
}

impl Shared {
    fn push(&self, bytes: Bytes) -> Result<(), SpoolError> {
        let mut spool = self.spool.lock();
        let pushed = spool.push(bytes);
        self.waiting.store(spool.waiting(), Ordering::Relaxed);
        pushed
    }

    fn pop(&self) -> Result<Option<Bytes>, SpoolError> {
        let mut spool = self.spool.lock();
        let popped = spool.pop(CHUNK_BYTES);
        self.waiting.store(spool.waiting(), Ordering::Relaxed);
        popped
    }
}

/// Disks stall for a second at times; a thread of the runtime must not.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SpoolError> + Send + 'static,
) -> Result<T, SpoolError> {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(SpoolError::File(std::io::Error::other(error))),
    }
}
