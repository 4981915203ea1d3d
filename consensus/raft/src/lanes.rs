//! Lanes: a request has one for itself until it is answered, so that the state needs to keep only
//! the last reply of each (Ongaro's dissertation, section 6.3).
//!
//! Numbers of a lane only rise, also over restarts, and none is used twice. A lane that is free
//! again may be taken while its last request is still under way somewhere: once a newer one of the
//! lane was applied, the older can have no effect any more.

use std::sync::Arc;

use parking_lot::Mutex;
use proto::entry::Client;
use proto::ids::Name;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many bits of a request's number count the requests of one start; those above count starts.
///
/// 2^32 requests a start: at a hundred thousand a second in one lane, half a day; a lane is one of
/// thousands and waits for each answer.
const REQUEST_BITS: u32 = 32;

/// How many starts a disk must have counted for its next requests to lie beyond a number, and
/// `ahead` starts further.
#[must_use]
pub fn starts_beyond(request: u64, ahead: u64) -> u64 {
    (request >> REQUEST_BITS).saturating_add(ahead).min(u64::from(u32::MAX) - 1)
}

/// A node's lanes of one kind.
pub(crate) struct Lanes {
    node: Name,
    free: Arc<Mutex<Free>>,
    places: Arc<Semaphore>,
}

struct Free {
    /// Free lanes with the number that each used last; the last one freed is taken first, so that
    /// few are ever used.
    lanes: Vec<(u32, u64)>,
}

/// A lane that is taken, with the number of its request.
pub(crate) struct Lane {
    pub(crate) client: Client,
    pub(crate) request: u64,
    free: Arc<Mutex<Free>>,
    _place: OwnedSemaphorePermit,
}

impl Lanes {
    /// Lanes `first` to `first + count - 1`, for the `starts`-th start of the node.
    pub(crate) fn new(node: Name, starts: u64, first: u32, count: u32) -> Self {
        let base = starts << REQUEST_BITS;
        let lanes = (first..first + count).rev().map(|lane| (lane, base)).collect();
        let places = Arc::new(Semaphore::new(count as usize));
        Self { node, free: Arc::new(Mutex::new(Free { lanes })), places }
    }

    /// Waits for a free lane.
    pub(crate) async fn take(&self) -> Option<Lane> {
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        let (lane, last) = self.free.lock().lanes.pop()?;
        let client = Client { node: self.node.clone(), lane };
        let free = Arc::clone(&self.free);
        Some(Lane { client, request: last + 1, free, _place: place })
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        // The lane is free before its place is: the place is dropped after this.
        self.free.lock().lanes.push((self.client.lane, self.request));
    }
}
