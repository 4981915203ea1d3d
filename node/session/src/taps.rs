//! Watching a live session: a bounded tap of what was let through to its client.
//!
//! A tap must never slow the session that it is on, nor keep more than its bound: what does not
//! fit is counted, and the watcher is told. It sees masked bytes only, those of releases.

use bytes::Bytes;
use parking_lot::Mutex;
use proto::event::Stream;
use tokio::sync::mpsc;

/// How many windows of output may wait for one watcher.
const WINDOWS_WAITING: usize = 256;

/// How many may watch one session at a time.
const WATCHERS: usize = 16;

/// What a watcher sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Masked bytes that were let through to the client.
    Output {
        /// Which output they belong to.
        stream: Stream,
        /// The bytes.
        bytes: Bytes,
    },
    /// The watcher was too slow: bytes are missing here.
    Missed {
        /// How many.
        bytes: u64,
    },
}

/// Why a session cannot be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotWatched {
    /// It is not live on this node.
    #[error("no such session is live on this node")]
    NotLive,
    /// As many watch it as may.
    #[error("{WATCHERS} watch this session already")]
    TooMany,
}

/// The watcher's end of a tap.
#[derive(Debug)]
pub struct Watching(mpsc::Receiver<Seen>);

impl Watching {
    /// What comes next; nothing any more when the session is over.
    pub async fn next(&mut self) -> Option<Seen> {
        self.0.recv().await
    }
}

/// All taps on one session.
#[derive(Debug, Default)]
pub(crate) struct Taps(Mutex<Vec<Tap>>);

#[derive(Debug)]
struct Tap {
    watcher: mpsc::Sender<Seen>,
    missed: u64,
}

impl Taps {
    /// A new tap, unless there are as many as there may be.
    pub(crate) fn tap(&self) -> Option<Watching> {
        let mut taps = self.0.lock();
        taps.retain(|tap| !tap.watcher.is_closed());
        if taps.len() >= WATCHERS {
            return None;
        }
        let (watcher, watching) = mpsc::channel(WINDOWS_WAITING);
        taps.push(Tap { watcher, missed: 0 });
        Some(Watching(watching))
    }

    /// Shows bytes to whoever watches.
    pub(crate) fn show(&self, stream: Stream, bytes: &Bytes) {
        let mut taps = self.0.lock();
        taps.retain_mut(|tap| tap.show(stream, bytes));
    }
}

impl Tap {
    /// Whether somebody is still there.
    fn show(&mut self, stream: Stream, bytes: &Bytes) -> bool {
        if self.missed > 0 {
            match self.watcher.try_send(Seen::Missed { bytes: self.missed }) {
                Ok(()) => self.missed = 0,
                Err(error) => return self.miss(&error, bytes),
            }
        }
        match self.watcher.try_send(Seen::Output { stream, bytes: bytes.clone() }) {
            Ok(()) => true,
            Err(error) => self.miss(&error, bytes),
        }
    }

    fn miss(&mut self, error: &mpsc::error::TrySendError<Seen>, bytes: &Bytes) -> bool {
        self.missed += bytes.len() as u64;
        matches!(error, mpsc::error::TrySendError::Full(_))
    }
}
