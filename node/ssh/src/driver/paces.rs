//! How much waits of channels that the gateway opened itself, so that whoever sends too much on one
//! is slowed down as on any other.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use russh::ChannelId;

use crate::spool;

/// The counters of what waits, by channel.
#[derive(Default)]
pub(super) struct Paces(Mutex<HashMap<ChannelId, Weak<AtomicU64>>>);

impl Paces {
    /// Keeps to the pace of a channel for as long as its counter lives.
    pub(super) fn keep(&self, id: ChannelId, waiting: &Arc<AtomicU64>) {
        let mut known = self.0.lock();
        known.retain(|_, waiting| waiting.strong_count() > 0);
        known.insert(id, Arc::downgrade(waiting));
    }

    /// Waits for as long as whoever sends on a channel is to wait.
    pub(super) async fn pause(&self, id: ChannelId) {
        let waiting = self.0.lock().get(&id).and_then(Weak::upgrade);
        let pause = spool::pause(waiting.map_or(0, |waiting| waiting.load(Ordering::Relaxed)));
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
}
