//! Cancel requests: they come on a connection of their own, from nobody in particular, with a key.
//! Keys are ours and random; the database's own never leave the gateway.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use node_session::sources::Source;
use parking_lot::Mutex;
use subtle::ConstantTimeEq as _;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::random;
use crate::config::CANCELS_PER_SOURCE;

/// Length of a secret that protocol 3.0 has room for, in bytes.
const SHORT_BYTES: usize = 4;
/// Length of a secret since protocol 3.2, in bytes.
const LONG_BYTES: usize = 32;
/// How long attempts of a source are counted.
const WINDOW: Duration = Duration::from_secs(10);
/// How many sources are counted at a time; beyond, nobody cancels for a while.
const SOURCES: usize = 4096;

/// Whom a cancel request reaches.
#[derive(Debug, Default)]
pub(super) struct Ring {
    rung: AtomicBool,
    bell: Notify,
}

impl Ring {
    /// Somebody wants what runs to end.
    fn ring(&self) {
        self.rung.store(true, Ordering::Release);
        self.bell.notify_waiters();
    }

    /// What was asked for before a command began is not meant for it.
    pub(super) fn forget(&self) {
        self.rung.store(false, Ordering::Release);
    }

    /// Waits for a request, and takes it.
    pub(super) async fn heard(&self) {
        loop {
            let next = self.bell.notified();
            if self.rung.swap(false, Ordering::AcqRel) {
                return;
            }
            next.await;
        }
    }
}

/// A secret, and whom it reaches.
type Secret = (Vec<u8>, Arc<Ring>);

/// The keys of all connections.
#[derive(Debug, Default)]
pub(super) struct Cancels {
    keys: Mutex<HashMap<u32, Secret>>,
    attempts: Mutex<(Option<Instant>, HashMap<Source, u32>)>,
}

/// A connection's key; it opens nothing any more when this is dropped.
pub(super) struct Key {
    pub(super) process: u32,
    pub(super) secret: Vec<u8>,
    pub(super) ring: Arc<Ring>,
    cancels: Arc<super::node::Node>,
}

impl Drop for Key {
    fn drop(&mut self) {
        self.cancels.cancels.keys.lock().remove(&self.process);
    }
}

/// A new key; none when the system gives no randomness.
pub(super) fn key(node: &Arc<super::node::Node>, minor: u32) -> Option<Key> {
    let secret = if minor >= 2 {
        random::bytes::<LONG_BYTES>()?.to_vec()
    } else {
        random::bytes::<SHORT_BYTES>()?.to_vec()
    };
    let ring = Arc::new(Ring::default());
    loop {
        // Positive: clients print it as the number of a process.
        let process = u32::from_be_bytes(random::bytes()?) >> 1;
        let mut keys = node.cancels.keys.lock();
        if process != 0 && !keys.contains_key(&process) {
            keys.insert(process, (secret.clone(), ring.clone()));
            return Some(Key { process, secret, ring, cancels: node.clone() });
        }
    }
}

impl Cancels {
    /// Serves a request; nobody is told whether the key was right.
    pub(super) fn ask(&self, from: Source, process: u32, secret: &[u8]) {
        if !self.may_try(from) {
            metrics::counter!("sallyport_postgres_cancels_total", "result" => "too many")
                .increment(1);
            return;
        }
        let found = self.keys.lock().get(&process).and_then(|(right, ring)| {
            let fits: bool = right.as_slice().ct_eq(secret).into();
            fits.then(|| ring.clone())
        });
        let result = if found.is_some() { "taken" } else { "unknown" };
        metrics::counter!("sallyport_postgres_cancels_total", "result" => result).increment(1);
        if let Some(ring) = found {
            ring.ring();
        }
    }

    fn may_try(&self, from: Source) -> bool {
        let (since, attempts) = &mut *self.attempts.lock();
        let now = Instant::now();
        if since.is_none_or(|since| now.duration_since(since) > WINDOW) {
            *since = Some(now);
            attempts.clear();
        }
        if attempts.len() >= SOURCES && !attempts.contains_key(&from) {
            return false;
        }
        let made = attempts.entry(from).or_default();
        *made += 1;
        *made <= CANCELS_PER_SOURCE
    }
}
