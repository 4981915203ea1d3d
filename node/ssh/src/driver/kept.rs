//! A target's connection that outlives its command, so that the next command on the same client's
//! connection needs no login of its own.
//!
//! One at most is kept, and each command has its connection for itself. What a client may is
//! decided before, for each command: a connection is taken again only if a new one would go to the
//! same target, believe the same host key and log in with the same credential.

use std::sync::Arc;

use parking_lot::Mutex;
use proto::target::Target;
use tokio::time::{Instant, sleep, timeout};

use super::dial::Connection;
use super::node::Node;
use super::target::Dialled;
use crate::config::{KEPT_OPEN_DEADLINE, KeptLimits};

/// The connection that a client's connection keeps to its target. Dropping it cuts it.
pub(super) struct Kept {
    idle: Mutex<Option<Idle>>,
    limits: KeptLimits,
}

/// A connection without a command.
struct Idle {
    connection: Connection,
    since: Instant,
}

impl Kept {
    /// Keeps nothing yet.
    pub(super) fn new(limits: KeptLimits) -> Arc<Self> {
        Arc::new(Self { idle: Mutex::default(), limits })
    }

    /// Opens a channel on the connection that is kept, if it leads where a new one would.
    pub(super) async fn open(&self, node: &Node, target: &Target, login: &str) -> Option<Dialled> {
        let Idle { connection, .. } = self.idle.lock().take()?;
        if !connection.is_good(self.limits.age) || !connection.leads_to(node, target, login) {
            return None;
        }
        // Nothing was sent yet: what it refuses, or does not answer, is asked of a new one.
        match timeout(KEPT_OPEN_DEADLINE, connection.handle.channel_open_session()).await {
            Ok(Ok(channel)) => Some(Dialled::new(channel, connection)),
            _ => None,
        }
    }

    /// Keeps a connection on which nothing is open, or takes leave.
    pub(super) async fn keep(self: &Arc<Self>, connection: Connection) {
        let since = Instant::now();
        if let Some(connection) = self.put(Idle { connection, since }) {
            return connection.leave().await;
        }
        let (kept, idle) = (Arc::downgrade(self), self.limits.idle);
        tokio::spawn(async move {
            sleep(idle).await;
            let Some(kept) = kept.upgrade() else { return };
            let late = kept.idle.lock().take_if(|idle| idle.since == since);
            if let Some(late) = late {
                late.connection.leave().await;
            }
        });
    }

    /// Gives it back if it is not kept.
    fn put(&self, new: Idle) -> Option<Connection> {
        let mut idle = self.idle.lock();
        if idle.is_some() || !new.connection.is_good(self.limits.age) {
            return Some(new.connection);
        }
        *idle = Some(new);
        None
    }

    /// Takes leave of the target.
    pub(super) async fn leave(&self) {
        let idle = self.idle.lock().take();
        if let Some(idle) = idle {
            idle.connection.leave().await;
        }
    }
}
