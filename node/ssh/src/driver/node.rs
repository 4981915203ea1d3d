//! What all connections of a listener share.

use std::collections::HashMap;
use std::sync::Arc;

use node_session::door::{Door, Names};
use node_session::{Sessions, View};
use parking_lot::Mutex;
use proto::ids::Name;
use tokio_util::sync::CancellationToken;

use super::forwards;
use crate::algorithms::Servers;
use crate::config::SshConfig;
use crate::spool::{Budget, Spool};

/// What its connections are called in metrics.
static NAMES: Names = Names {
    accepted: "sallyport_ssh_connections_total",
    refused: "sallyport_ssh_connections_refused_total",
    open: "sallyport_ssh_connections",
    before_login: "sallyport_ssh_connections_before_login",
};

/// Shared by all connections.
pub(super) struct Node {
    pub(super) config: SshConfig,
    pub(super) sessions: Arc<Sessions>,
    pub(super) servers: Servers,
    pub(super) budget: Budget,
    pub(super) drain: CancellationToken,
    /// Host keys of targets that are trusted on first use, as long as this process lives.
    pub(super) first_seen: Mutex<HashMap<Name, String>>,
    pub(super) door: Arc<Door>,
    /// Where names of forwards lead.
    pub(super) names: forwards::Names,
}

impl Node {
    pub(super) fn new(
        config: SshConfig,
        sessions: Arc<Sessions>,
        drain: CancellationToken,
    ) -> Self {
        Self {
            servers: Servers::new(&config),
            budget: Budget::new(config.limits.spool_per_node),
            sessions,
            drain,
            first_seen: Mutex::default(),
            door: Door::new(&NAMES, &config.limits.door),
            names: forwards::Names::default(),
            config,
        }
    }

    /// A place for what waits of one channel.
    pub(super) fn spool(&self) -> Spool {
        let limit = self.config.limits.spool_per_channel;
        Spool::new(self.config.spool_directory.clone(), self.budget.clone(), limit)
    }

    /// What the control plane says now.
    pub(super) fn view(&self) -> Arc<View> {
        self.sessions.ports().control.views().borrow().clone()
    }
}
