//! What all connections of a listener share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use node_session::door::{Door, Names};
use node_session::sources::Source;
use node_session::{Sessions, View};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::shelf::Shelves;
use crate::attempts::Attempts;
use crate::config::{PostgresConfig, WRONG_LOGINS_PER_SOURCE, WRONG_LOGINS_WINDOW};

/// What its connections are called in metrics.
static NAMES: Names = Names {
    accepted: "sallyport_postgres_connections_total",
    refused: "sallyport_postgres_connections_refused_total",
    open: "sallyport_postgres_connections",
    before_login: "sallyport_postgres_connections_before_login",
};

/// Shared by all connections.
pub(super) struct Node {
    pub(super) config: PostgresConfig,
    pub(super) sessions: Arc<Sessions>,
    pub(super) drain: CancellationToken,
    pub(super) door: Arc<Door>,
    /// Logins that failed.
    wrong: Mutex<Attempts<Source>>,
    definitions: AtomicU64,
    /// What is known of databases whose columns are masked.
    pub(super) shelves: Shelves,
}

impl Node {
    pub(super) fn new(
        config: PostgresConfig,
        sessions: Arc<Sessions>,
        drain: CancellationToken,
    ) -> Self {
        Self {
            door: Door::new(&NAMES, &config.limits),
            config,
            sessions,
            drain,
            wrong: Mutex::new(Attempts::new(WRONG_LOGINS_PER_SOURCE, WRONG_LOGINS_WINDOW)),
            definitions: AtomicU64::new(0),
            shelves: Shelves::default(),
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
}
