//! Other nodes, and the cluster, that say what they are told to say.

use std::collections::BTreeMap;

use node_session::Boxed;
use node_session::seal::backup::Recipient;
use parking_lot::Mutex;
use proto::api::{JoinTokenGiven, SessionListed, Watched};
use proto::entry::By;
use proto::ids::{Name, SessionId};
use proto::refusal::{Code, Told};
use tokio::sync::mpsc;

use crate::ports::{Agreement, Cluster, Fleet};

/// Nodes that can be reached, with their sessions.
#[derive(Default)]
pub(crate) struct Others {
    pub(crate) nodes: Mutex<BTreeMap<Name, Vec<SessionListed>>>,
    pub(crate) killed: Mutex<Vec<String>>,
    pub(crate) shown: Mutex<Vec<Watched>>,
}

fn unreachable(node: &Name) -> Told {
    Told::new(Code::PeerUnreachable, format!("{node} cannot be reached"))
}

impl Fleet for Others {
    fn sessions<'a>(
        &'a self,
        node: &'a Name,
        live: bool,
        limit: usize,
    ) -> Boxed<'a, Result<Vec<SessionListed>, Told>> {
        let rows = self.nodes.lock().get(node).cloned().ok_or_else(|| unreachable(node));
        let rows = rows.map(|mut rows| {
            rows.retain(|row| !live || row.state == "open");
            rows.truncate(limit);
            rows
        });
        Box::pin(std::future::ready(rows))
    }

    fn watch<'a>(
        &'a self,
        node: &'a Name,
        _: &'a SessionId,
    ) -> Boxed<'a, Result<mpsc::Receiver<Watched>, Told>> {
        if !self.nodes.lock().contains_key(node) {
            return Box::pin(std::future::ready(Err(unreachable(node))));
        }
        let (sender, receiver) = mpsc::channel(16);
        for watched in self.shown.lock().clone() {
            sender.try_send(watched).expect("room");
        }
        Box::pin(std::future::ready(Ok(receiver)))
    }

    fn kill<'a>(
        &'a self,
        node: &'a Name,
        session: &'a SessionId,
        by: &'a By,
        reason: &'a str,
    ) -> Boxed<'a, Result<bool, Told>> {
        let rows = self.nodes.lock().get(node).cloned();
        let killed = rows.ok_or_else(|| unreachable(node)).map(|rows| {
            let is_there = rows.iter().any(|row| row.id == *session);
            self.killed.lock().push(format!("{session} by {by}: {reason}"));
            is_there
        });
        Box::pin(std::future::ready(killed))
    }
}

/// A cluster that says how its nodes agree.
#[derive(Default)]
pub(crate) struct Members {
    pub(crate) agreement: Mutex<Agreement>,
    pub(crate) leads: std::sync::atomic::AtomicBool,
    pub(crate) removed: Mutex<Vec<String>>,
    /// What everything is answered that needs a majority.
    pub(crate) fails: Mutex<Option<Told>>,
}

impl Members {
    fn answer<T: Send + 'static>(
        &self,
        good: impl FnOnce() -> Result<T, Told>,
    ) -> Boxed<'_, Result<T, Told>> {
        let failed = self.fails.lock().clone();
        Box::pin(std::future::ready(failed.map_or_else(good, Err)))
    }
}

impl Cluster for Members {
    fn agreement(&self) -> Agreement {
        self.agreement.lock().clone()
    }

    fn leads(&self) -> bool {
        self.leads.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn join_token(&self, by: By) -> Boxed<'_, Result<JoinTokenGiven, Told>> {
        let given = JoinTokenGiven { join_file: format!("made by {by}\n"), expires_in: 3600 };
        self.answer(|| Ok(given))
    }

    fn remove(&self, node: Name, by: By) -> Boxed<'_, Result<(), Told>> {
        self.answer(|| {
            self.removed.lock().push(format!("{node} by {by}"));
            Ok(())
        })
    }

    fn backup(&self, recipient: Recipient) -> Boxed<'_, Result<Vec<u8>, Told>> {
        let sealed = recipient.seal(b"everything");
        let sealed = sealed.map_err(|error| Told::new(Code::Internal, error));
        self.answer(|| sealed)
    }
}
