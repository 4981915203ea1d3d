//! What all connections of a listener share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use node_session::sources::{Full, Source, SourceLimits, Sources};
use node_session::{Sessions, View};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::attempts::Attempts;
use crate::config::{PostgresConfig, WRONG_LOGINS_PER_SOURCE, WRONG_LOGINS_WINDOW};

/// Shared by all connections.
pub(super) struct Node {
    pub(super) config: PostgresConfig,
    pub(super) sessions: Arc<Sessions>,
    pub(super) drain: CancellationToken,
    sources: Mutex<Sources>,
    /// Logins that failed.
    wrong: Mutex<Attempts<Source>>,
    connections: AtomicU64,
    definitions: AtomicU64,
}

impl Node {
    pub(super) fn new(
        config: PostgresConfig,
        sessions: Arc<Sessions>,
        drain: CancellationToken,
    ) -> Self {
        Self {
            config,
            sessions,
            drain,
            sources: Mutex::default(),
            wrong: Mutex::new(Attempts::new(WRONG_LOGINS_PER_SOURCE, WRONG_LOGINS_WINDOW)),
            connections: AtomicU64::new(0),
            definitions: AtomicU64::new(0),
        }
    }

    /// What the control plane says now.
    pub(super) fn view(&self) -> Arc<View> {
        self.sessions.ports().control.views().borrow().clone()
    }

    /// How often a session of this node has defined something in a database.
    pub(super) fn definitions(&self) -> u64 {
        self.definitions.load(Ordering::Acquire)
    }

    /// A session has defined something in its database.
    pub(super) fn defined(&self) {
        self.definitions.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether somebody from there may try a password.
    pub(super) fn may_try(&self, source: Source) -> bool {
        let now = self.sessions.ports().clock.elapsed();
        let may = self.wrong.lock().may_try(&source, now);
        if !may {
            metrics::counter!("sallyport_postgres_logins_total", "result" => "too many")
                .increment(1);
        }
        may
    }

    /// A login from there failed.
    pub(super) fn failed(&self, source: Source) {
        let now = self.sessions.ports().clock.elapsed();
        self.wrong.lock().count(source, now);
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
        let limits = &node.config.limits;
        let limits = SourceLimits {
            connections: limits.connections,
            strangers: limits.strangers,
            strangers_per_source: limits.strangers_per_source,
        };
        node.sources.lock().enter(source, &limits)?;
        metrics::gauge!("sallyport_postgres_connections").increment(1);
        Ok(Self { node: node.clone(), source, stranger: true })
    }

    /// Where it comes from.
    pub(super) fn source(&self) -> Source {
        self.source
    }

    /// The connection has logged in.
    pub(super) fn known(&mut self) {
        if std::mem::replace(&mut self.stranger, false) {
            self.node.sources.lock().known(self.source);
        }
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        self.known();
        self.node.sources.lock().leave();
        metrics::gauge!("sallyport_postgres_connections").decrement(1);
    }
}
