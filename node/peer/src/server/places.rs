//! How many connections there may be: altogether, and of those that have proven nothing, from all
//! the world and from one address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::Limits;

/// Bits of an IPv6 address that one customer has.
const PREFIX: u32 = 64;

#[derive(Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    per_source: usize,
    sources: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// The place of one connection.
#[derive(Debug)]
pub(super) struct Place {
    _one: OwnedSemaphorePermit,
    stranger: Option<Stranger>,
}

#[derive(Debug)]
struct Stranger {
    _one: OwnedSemaphorePermit,
    source: IpAddr,
    sources: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Places {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            all: Arc::new(Semaphore::new(limits.connections)),
            strangers: Arc::new(Semaphore::new(limits.strangers)),
            per_source: limits.strangers_per_source,
            sources: Arc::default(),
        }
    }

    /// A place for a connection from there, or which limit it would be over.
    pub(super) fn take(&self, from: IpAddr) -> Result<Place, &'static str> {
        let one = self.all.clone().try_acquire_owned().map_err(|_| "connections")?;
        let stranger = self.strangers.clone().try_acquire_owned().map_err(|_| "strangers")?;
        let source = source(from);
        let mut sources = self.sources.lock();
        let count = sources.entry(source).or_default();
        if *count >= self.per_source {
            return Err("source");
        }
        *count += 1;
        drop(sources);
        let sources = self.sources.clone();
        Ok(Place { _one: one, stranger: Some(Stranger { _one: stranger, source, sources }) })
    }
}

impl Place {
    /// It has proven to be a member, and counts as a stranger no more.
    pub(super) fn proven(&mut self) {
        self.stranger = None;
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        if let Entry::Occupied(mut count) = self.sources.lock().entry(self.source) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => {
            let network = u128::from(six) >> (128 - PREFIX) << (128 - PREFIX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        four => four,
    }
}
