//! The node's clocks, for the parts that have ports of their own for them.

use std::sync::Arc;

use node_peer::WallClock;
use node_session::Clock as _;
use node_session::clock::SystemClock;
use proto::time::{Moment, Utc};

/// The system's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wall;

impl Wall {
    /// The clocks, to be handed to several parts.
    #[must_use]
    pub(crate) fn shared() -> Arc<Self> {
        Arc::new(Self)
    }
}

impl consensus_raft::Wall for Wall {
    fn now(&self) -> Moment {
        SystemClock.now()
    }
}

impl WallClock for Wall {
    fn utc(&self) -> Utc {
        SystemClock.now().utc
    }
}
