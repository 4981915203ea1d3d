//! What all connections of a listener share.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use node_session::sources::{Full, Source, Sources};
use node_session::{Sessions, View};
use parking_lot::Mutex;
use proto::ids::Name;
use tokio_util::sync::CancellationToken;

use crate::algorithms::Servers;
use crate::config::SshConfig;
use crate::spool::Budget;

/// Shared by all connections.
pub(super) struct Node {
    pub(super) config: SshConfig,
    pub(super) sessions: Arc<Sessions>,
    pub(super) servers: Servers,
    pub(super) budget: Budget,
    pub(super) drain: CancellationToken,
    /// Host keys of targets that are trusted on first use, as long as this process lives.
    pub(super) first_seen: Mutex<HashMap<Name, String>>,
    sources: Mutex<Sources>,
    connections: AtomicU64,
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
            sources: Mutex::default(),
            connections: AtomicU64::new(0),
            config,
        }
    }

    /// What the control plane says now.
    pub(super) fn view(&self) -> Arc<View> {
        self.sessions.ports().control.views().borrow().clone()
    }

    /// The number of a new connection.
    pub(super) fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// A connection's places among the counts; they are given back when it is dropped.
pub(super) struct Places {
    node: Arc<Node>,
    source: Source,
    stranger: bool,
}

impl Places {
    pub(super) fn take(node: &Arc<Node>, source: Source) -> Result<Self, Full> {
        let mut sources = node.sources.lock();
        sources.enter(source, &node.config.limits.sources())?;
        report(&sources);
        Ok(Self { node: node.clone(), source, stranger: true })
    }

    /// The connection has logged in.
    pub(super) fn known(&mut self) {
        if std::mem::replace(&mut self.stranger, false) {
            let mut sources = self.node.sources.lock();
            sources.known(self.source);
            report(&sources);
        }
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        self.known();
        let mut sources = self.node.sources.lock();
        sources.leave();
        report(&sources);
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of connections are small")]
fn report(sources: &Sources) {
    let (connections, strangers) = sources.counts();
    metrics::gauge!("sallyport_ssh_connections").set(connections as f64);
    metrics::gauge!("sallyport_ssh_connections_before_login").set(strangers as f64);
}
