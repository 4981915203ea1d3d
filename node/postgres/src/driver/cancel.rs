//! Cancel requests: they come on a connection of their own, from nobody in particular, with a key.
//! Keys are ours and random; the database's own never leave the gateway.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use node_session::Boxed;
use node_session::sources::Source;
use parking_lot::Mutex;
use subtle::ConstantTimeEq as _;
use tokio::sync::{Notify, Semaphore};
use zeroize::Zeroizing;

use super::random;
use crate::attempts::Attempts;
use crate::config::CANCELS_PER_SOURCE;

/// Length of a secret that protocol 3.0 has room for, in bytes.
const SHORT_BYTES: usize = 4;
/// Length of a secret since protocol 3.2, in bytes.
const LONG_BYTES: usize = 32;
/// How long attempts of a source are counted.
const WINDOW: Duration = Duration::from_secs(10);
/// How many bits of a key's number are the connection's; those above are the node's tag.
const NUMBER_BITS: u32 = 20;
/// How many tags there are: a number has 31 bits.
const TAGS: u32 = 1 << (31 - NUMBER_BITS);
/// How many requests are being passed on at a time; beyond, they go nowhere.
const PASSED_ON: usize = 64;

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
type Secret = (Zeroizing<Vec<u8>>, Arc<Ring>);

/// The other nodes, to whom requests are passed on.
pub trait Elsewhere: Send + Sync + 'static {
    /// Passes a request on to the nodes with this tag. Nobody is told what came of it.
    fn cancel(&self, tag: u32, process: u32, secret: Zeroizing<Vec<u8>>) -> Boxed<'static, ()>;
}

/// The keys of all connections of a node. A key's number names its node, so that a request finds
/// it on whatever node it arrives.
pub struct Cancels {
    tag: u32,
    keys: Mutex<HashMap<u32, Secret>>,
    attempts: Mutex<Attempts<Source>>,
    elsewhere: Arc<dyn Elsewhere>,
    passing: Arc<Semaphore>,
}

/// Which node a number names: what the numbers of its keys begin with.
#[must_use]
pub fn tag(raft_id: u64) -> u32 {
    u32::try_from(raft_id % u64::from(TAGS)).unwrap_or_default()
}

impl Cancels {
    /// The keys of a node; none yet.
    #[must_use]
    pub fn new(raft_id: u64, elsewhere: Arc<dyn Elsewhere>) -> Arc<Self> {
        Arc::new(Self {
            tag: tag(raft_id),
            keys: Mutex::default(),
            attempts: Mutex::new(Attempts::new(CANCELS_PER_SOURCE, WINDOW)),
            elsewhere,
            passing: Arc::new(Semaphore::new(PASSED_ON)),
        })
    }

    /// Serves a request that arrived at another node, or here; nobody is told whether the key was
    /// right.
    pub fn take(&self, process: u32, secret: &[u8]) {
        let found = self.keys.lock().get(&process).and_then(|(right, ring)| {
            let fits: bool = right.as_slice().ct_eq(secret).into();
            fits.then(|| ring.clone())
        });
        count(if found.is_some() { "taken" } else { "unknown" });
        if let Some(ring) = found {
            ring.ring();
        }
    }

    /// Serves a client's request, by whatever node has the key.
    pub(super) fn ask(&self, from: Source, process: u32, secret: Vec<u8>, now: Duration) {
        let secret = Zeroizing::new(secret);
        if !self.attempts.lock().count(from, now) {
            return count("too many");
        }
        let tag = process >> NUMBER_BITS;
        if tag == self.tag {
            return self.take(process, &secret);
        }
        // No other length is one of a key.
        let is_one = matches!(secret.len(), SHORT_BYTES | LONG_BYTES);
        let Some(place) = self.passing.clone().try_acquire_owned().ok().filter(|_| is_one) else {
            return count("not passed on");
        };
        count("passed on");
        let passing = self.elsewhere.cancel(tag, process, secret);
        tokio::spawn(async move {
            passing.await;
            drop(place);
        });
    }
}

fn count(result: &'static str) {
    metrics::counter!("sallyport_postgres_cancels_total", "result" => result).increment(1);
}

/// A connection's key; it opens nothing any more when this is dropped.
pub(super) struct Key {
    pub(super) process: u32,
    pub(super) secret: Zeroizing<Vec<u8>>,
    pub(super) ring: Arc<Ring>,
    cancels: Arc<Cancels>,
}

impl Drop for Key {
    fn drop(&mut self) {
        self.cancels.keys.lock().remove(&self.process);
    }
}

/// A new key; none when the system gives no randomness.
pub(super) fn key(cancels: &Arc<Cancels>, minor: u32) -> Option<Key> {
    let secret = if minor >= 2 {
        random::bytes::<LONG_BYTES>()?.to_vec()
    } else {
        random::bytes::<SHORT_BYTES>()?.to_vec()
    };
    let secret = Zeroizing::new(secret);
    let ring = Arc::new(Ring::default());
    loop {
        // Positive: clients print it as the number of a process.
        let number = u32::from_be_bytes(random::bytes()?) & ((1 << NUMBER_BITS) - 1);
        let process = cancels.tag << NUMBER_BITS | number;
        let mut keys = cancels.keys.lock();
        if process != 0 && !keys.contains_key(&process) {
            keys.insert(process, (secret.clone(), ring.clone()));
            return Some(Key { process, secret, ring, cancels: cancels.clone() });
        }
    }
}
