//! The members that are connected, each lane of each once. What a member may have under way counts
//! over its connections: whoever connects again does not begin with a new budget.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use proto::peer::Lane;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::limits::Limits;

pub(super) struct Registry {
    calls: usize,
    call_bytes: usize,
    streams: usize,
    lanes: Mutex<HashMap<(u64, Lane), Entry>>,
}

struct Entry {
    budget: Arc<Budget>,
    closing: Option<CancellationToken>,
}

/// What one member may have under way on one lane.
#[derive(Debug)]
pub(super) struct Budget {
    pub calls: Arc<Semaphore>,
    pub bytes: Arc<Semaphore>,
    pub streams: Arc<Semaphore>,
}

impl Registry {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            calls: limits.calls,
            call_bytes: limits.call_bytes,
            streams: limits.streams,
            lanes: Mutex::default(),
        }
    }

    /// A connection of a member: it takes the place of an older one, which may be half dead.
    pub(super) fn enter(
        &self,
        raft_id: u64,
        lane: Lane,
        closing: CancellationToken,
    ) -> Arc<Budget> {
        let mut lanes = self.lanes.lock();
        let entry = lanes.entry((raft_id, lane)).or_insert_with(|| {
            let budget = Budget {
                calls: Arc::new(Semaphore::new(self.calls)),
                bytes: Arc::new(Semaphore::new(self.call_bytes)),
                streams: Arc::new(Semaphore::new(self.streams)),
            };
            Entry { budget: Arc::new(budget), closing: None }
        });
        if let Some(older) = entry.closing.replace(closing) {
            older.cancel();
        }
        entry.budget.clone()
    }
}
