//! A target's connection that outlives its command, so that the next command on the same client's
//! connection needs no login of its own.
//!
//! One at most is kept, and each command has its connection for itself. What a client may is
//! decided before, for each command: a connection is taken again only if a new one would go to the
//! same target, believe the same host key and log in with the same credential.

use std::sync::Arc;

use parking_lot::Mutex;
use proto::target::Target;
use tokio::time::{sleep, timeout};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::dial::Connection;
use super::node::Node;
use super::target::Dialled;
use crate::config::{KEPT_OPEN_DEADLINE, KeptLimits};

/// The connection that a client's connection keeps to its target. Dropping it cuts it.
pub(super) struct Kept {
    idle: Mutex<Option<Idle>>,
    limits: KeptLimits,
    /// Those of the client's connection.
    tasks: TaskTracker,
}

/// A connection without a command.
struct Idle {
    connection: Connection,
    /// Leaves it after a while.
    timer: AbortOnDropHandle<()>,
}

impl Kept {
    /// Keeps nothing yet.
    pub(super) fn new(limits: KeptLimits, tasks: TaskTracker) -> Arc<Self> {
        Arc::new(Self { idle: Mutex::default(), limits, tasks })
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
    pub(super) fn keep(self: &Arc<Self>, connection: Connection) {
        let mut idle = self.idle.lock();
        if idle.is_some() || !connection.is_good(self.limits.age) {
            return self.leave_at_leisure(connection);
        }
        let (kept, patience) = (Arc::downgrade(self), self.limits.idle);
        let timer = AbortOnDropHandle::new(tokio::spawn(async move {
            sleep(patience).await;
            let own = |idle: &mut Idle| idle.timer.abort_handle().id() == tokio::task::id();
            let late = kept.upgrade().and_then(|kept| kept.idle.lock().take_if(own));
            if let Some(Idle { connection, timer }) = late {
                // This very task, which is not over yet.
                timer.detach();
                connection.leave().await;
            }
        }));
        *idle = Some(Idle { connection, timer });
    }

    /// Takes leave of a target while the client is told how its command ended.
    pub(super) fn leave_at_leisure(&self, connection: Connection) {
        self.tasks.spawn(connection.leave());
    }

    /// Takes leave of the target.
    pub(super) async fn leave(&self) {
        let idle = self.idle.lock().take();
        if let Some(idle) = idle {
            idle.connection.leave().await;
        }
    }
}
