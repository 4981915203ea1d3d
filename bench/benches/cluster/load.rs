//! Clients within a node, as its SSH sessions are: each proposes, waits, and proposes again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use consensus_state::Reply;
use futures_util::{StreamExt as _, stream};
use node_session::Control;
use proto::entry::{Entry, SessionClosing, SessionOpening};
use proto::ids::{Epoch, Name, SessionId};

use crate::order::{Load, Work};

/// How many sessions are closed at once after a measurement.
const CLOSED_AT_ONCE: usize = 256;

/// What a node's sessions are opened with.
pub(crate) struct Opener {
    pub(crate) control: Arc<dyn Control>,
    pub(crate) node: Name,
    pub(crate) epoch: Epoch,
    pub(crate) person: Name,
    pub(crate) target: Name,
    /// The number of the last session.
    pub(crate) count: AtomicU64,
}

impl Opener {
    /// Asks for a session.
    pub(crate) async fn open(&self) -> Result<SessionId> {
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let session = SessionId::new(&self.node, self.epoch, number);
        let opening = SessionOpening {
            node: self.node.clone(),
            epoch: self.epoch,
            session: session.clone(),
            person: self.person.clone(),
            target: self.target.clone(),
            login: "deploy".to_owned(),
            policy_revision: 1,
            per_person: u32::MAX,
        };
        match self.propose(Entry::SessionOpen(opening)).await? {
            Reply::SessionOpened => Ok(session),
            other => bail!("a session was answered {other:?}"),
        }
    }

    pub(crate) async fn close(&self, session: SessionId) -> Result<()> {
        self.propose(closing(session)).await.map(drop)
    }

    async fn propose(&self, entry: Entry) -> Result<Reply> {
        self.control.propose(entry).await.map_err(|error| anyhow!("{error}"))
    }

    /// Runs clients; gives how long each operation took, in microseconds.
    pub(crate) async fn load(self: &Arc<Self>, load: Load) -> Result<Vec<u32>> {
        let from = Instant::now() + Duration::from_millis(load.warm_ms);
        let period = (from, from + Duration::from_millis(load.measured_ms));
        let clients = (0..load.clients).map(|_| {
            let opener = Arc::clone(self);
            tokio::spawn(async move { opener.client(load.work, period).await })
        });
        let clients: Vec<_> = clients.collect();
        let (mut took, mut left) = (Vec::new(), Vec::new());
        for client in clients {
            let (one, open) = client.await??;
            took.extend(one);
            left.extend(open);
        }
        let mut closing =
            stream::iter(left).map(|session| self.close(session)).buffer_unordered(CLOSED_AT_ONCE);
        while let Some(closed) = closing.next().await {
            closed?;
        }
        Ok(took)
    }

    async fn client(
        &self,
        work: Work,
        period: (Instant, Instant),
    ) -> Result<(Vec<u32>, Vec<SessionId>)> {
        let (mut took, mut left) = (Vec::new(), Vec::new());
        let mut count = |begun: Instant| {
            if begun >= period.0 && Instant::now() <= period.1 {
                took.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX));
            }
        };
        while Instant::now() < period.1 {
            let begun = Instant::now();
            let session = self.open().await?;
            count(begun);
            match work {
                Work::Changes => {
                    let begun = Instant::now();
                    self.close(session).await?;
                    count(begun);
                }
                Work::Opens => left.push(session),
                Work::OpensThatClose => {
                    self.control.tell(closing(session)).map_err(|error| anyhow!("{error}"))?;
                }
            }
        }
        Ok((took, left))
    }
}

pub(crate) fn closing(session: SessionId) -> Entry {
    Entry::SessionClose(SessionClosing { session })
}
