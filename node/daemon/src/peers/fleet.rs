//! The sessions of other nodes, asked of them. Each question is bounded; a node that does not
//! answer is told as one that cannot be reached.

use std::sync::Arc;

use node_api::Fleet;
use node_peer::{CallError, Pool};
use node_session::Boxed;
use proto::api::{SessionListed, Watched};
use proto::entry::By;
use proto::ids::{Name, SessionId};
use proto::peer::raft::Member;
use proto::peer::{Kill, SessionsAsk, Watch};
use proto::refusal::{Code, Told};
use tokio::sync::mpsc;

use super::ASK_DEADLINE;
use crate::roster::Roster;
use node_peer::Members as _;

/// How many items of a watched session wait for whoever reads them.
const ITEMS_WAITING: usize = 64;

/// The other nodes.
pub(crate) struct Others {
    pool: Arc<Pool>,
    roster: Arc<Roster>,
}

impl Others {
    /// Over the connections to them.
    #[must_use]
    pub(crate) fn new(pool: Arc<Pool>, roster: Arc<Roster>) -> Self {
        Self { pool, roster }
    }

    fn member(&self, node: &Name) -> Result<Member, Told> {
        let record = self.roster.all().into_iter().find(|record| record.node == *node);
        let record = record.ok_or_else(|| {
            Told::new(Code::NotAMember, format!("{node} is no node of this cluster"))
        })?;
        Ok(Member { raft_id: record.raft_id, node: record.node, address: record.address })
    }
}

impl Fleet for Others {
    fn sessions<'a>(
        &'a self,
        node: &'a Name,
        live: bool,
        limit: usize,
    ) -> Boxed<'a, Result<Vec<SessionListed>, Told>> {
        Box::pin(async move {
            let ask = SessionsAsk { live, limit: u32::try_from(limit).unwrap_or(u32::MAX) };
            let answered = self.pool.sessions(&self.member(node)?, ask, ASK_DEADLINE).await;
            let rows = answered.map_err(|error| told(node, &error))?.rows;
            let read = rows.iter().map(|row| serde_json::from_str(row));
            read.collect::<Result<_, _>>().map_err(|error| unreadable(node, &error))
        })
    }

    fn watch<'a>(
        &'a self,
        node: &'a Name,
        session: &'a SessionId,
    ) -> Boxed<'a, Result<mpsc::Receiver<Watched>, Told>> {
        Box::pin(async move {
            let ask = Watch { session: session.clone(), after: 0 };
            let begun = self.pool.watch(&self.member(node)?, ask, ASK_DEADLINE).await;
            let mut items = begun.map_err(|error| told(node, &error))?;
            // Whether there is such a session is said by the first item.
            let first = items.next().await.transpose().map_err(|error| told(node, &error))?;
            let (put, seen) = mpsc::channel(ITEMS_WAITING);
            let node = node.clone();
            tokio::spawn(async move {
                let mut next = first.map(Ok);
                while let Some(item) = next {
                    let watched = match item {
                        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                            Watched::Broken { told: unreadable(&node, &error) }
                        }),
                        Err(error) => Watched::Broken { told: told(&node, &error) },
                    };
                    let last = matches!(watched, Watched::Over | Watched::Broken { .. });
                    if put.send(watched).await.is_err() || last {
                        return;
                    }
                    next = items.next().await;
                }
            });
            Ok(seen)
        })
    }

    fn kill<'a>(
        &'a self,
        node: &'a Name,
        session: &'a SessionId,
        by: &'a By,
        reason: &'a str,
    ) -> Boxed<'a, Result<bool, Told>> {
        Box::pin(async move {
            let kill = Kill { session: session.clone(), by: by.clone(), reason: reason.to_owned() };
            let killed = self.pool.kill(&self.member(node)?, kill, ASK_DEADLINE).await;
            Ok(killed.map_err(|error| told(node, &error))?.found)
        })
    }
}

fn told(node: &Name, error: &CallError) -> Told {
    match error {
        CallError::Refused(told) => told.clone(),
        other => Told::new(Code::PeerUnreachable, format!("node {node}: {other}")),
    }
}

fn unreadable(node: &Name, error: &serde_json::Error) -> Told {
    Told::new(Code::VersionMismatch, format!("node {node} answered what cannot be read: {error}"))
}
