//! Publishing as a gateway does it: out of its journal, fenced, and read back meanwhile.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use bytes::Bytes;
use proto::event::{About, Draft, Kind, NodeStopped};
use proto::ids::{Epoch, Name, SessionId};
use proto::reading::Durability;
use proto::time::Utc;
use store_disk::{Journal, Options};
use store_jetstream::{Following, Settings, Stream};
use store_log::{Log, Position, Share, Urgency};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::servers::{Kind as Servers, Running};

/// How long anything may take to come true.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(2);

/// One node's record, and what follows it.
pub(crate) struct Node {
    pub(crate) log: Arc<Log<Journal>>,
    journal: Arc<Journal>,
    settings: Settings,
    stream: Option<Arc<Stream>>,
    stop: CancellationToken,
    _leads: watch::Sender<bool>,
    _folder: TempDir,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Node {
    pub(crate) fn new(
        kind: Servers,
        running: &Running,
        cluster: &Name,
        node: Name,
    ) -> Result<Self> {
        let folder = TempDir::with_prefix("sallyport-bench-")?;
        let journal = Arc::new(Journal::open(folder.path(), Options::default())?.0);
        let log = Log::open(journal.clone(), cluster.clone(), node.clone(), Epoch(1))?;
        let settings = Settings {
            servers: running.servers.clone(),
            publisher: None,
            cluster: cluster.clone(),
            node,
            replicas: kind.count as u64,
            sync: kind.sync(),
        };
        let (leads, stop) = (watch::channel(false).0, CancellationToken::new());
        let log = Arc::new(log);
        Ok(Self { log, journal, settings, stream: None, stop, _leads: leads, _folder: folder })
    }

    /// Fills the journal, and gives what is in it.
    pub(crate) async fn fill(&self, count: u64) -> Result<Vec<Bytes>> {
        let mut waiting = Vec::new();
        for event in 0..count {
            let draft = draft(event)?;
            waiting.push(self.log.append(&draft, Share::NODE, Urgency::Ordinary)?);
            // The journal's queue has an end.
            if waiting.len() == 1024 {
                for appending in waiting.drain(..) {
                    drop(appending.pending.await?);
                }
            }
        }
        for appending in waiting {
            drop(appending.pending.await?);
        }
        let mut bytes = Vec::new();
        let mut from = Position(1);
        while (bytes.len() as u64) < count {
            let read = self.log.read(from, 1024)?;
            from = read.last().context("all of it is there")?.position.next();
            bytes.extend(read.into_iter().map(|stored| stored.bytes));
        }
        Ok(bytes)
    }

    /// Begins to publish.
    pub(crate) fn follow(&mut self) -> Result<()> {
        let following = Following {
            journal: self.journal.clone(),
            leads: self._leads.subscribe(),
            stop: self.stop.clone(),
        };
        let stream = Stream::start(self.settings.clone(), following);
        self.log.follow(stream.clone());
        ensure!(self.stream.replace(stream).is_none(), "it is followed once");
        Ok(())
    }

    /// Waits until so many events are acknowledged; gives how many are.
    pub(crate) async fn acknowledged(&self, least: u64) -> Result<u64> {
        let stream = self.stream.as_ref().context("it is followed")?;
        let begun = Instant::now();
        loop {
            let standing = stream.standing().node;
            if standing.acknowledged >= least && standing.up {
                return Ok(standing.acknowledged);
            }
            ensure!(begun.elapsed() < PATIENCE, "not in time: {standing:?}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until the stream has all that was appended, and it was read back.
    pub(crate) async fn caught_up(&self) -> Result<()> {
        let stream = self.stream.as_ref().context("it is followed")?;
        let last = self.log.last();
        self.acknowledged(last).await?;
        let begun = Instant::now();
        while stream.standing().node.read_back < last {
            ensure!(begun.elapsed() < PATIENCE, "not in time: {:?}", stream.standing().node);
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Publishes what the journal holds; says how many events a second, from the first
    /// acknowledgement to the last.
    pub(crate) async fn publish(&mut self, count: u64) -> Result<f64> {
        self.follow()?;
        let first = self.acknowledged(1).await?;
        let begun = Instant::now();
        ensure!(first < count, "too few events: {first} were there at once");
        self.acknowledged(count).await?;
        let took = begun.elapsed();
        let standing = self.stream.as_ref().context("it is followed")?.standing().node;
        ensure!(standing.published == count, "{standing:?}");
        Ok((count - first) as f64 / took.as_secs_f64())
    }

    /// So many writers append for a while, each waiting for its receipt; gives how long each took.
    pub(crate) async fn append(
        &self,
        writers: u64,
        period: Duration,
        durability: Durability,
    ) -> Result<Vec<Duration>> {
        let until = Instant::now() + period;
        let mut tasks = Vec::new();
        for writer in 0..writers {
            let (log, draft) = (self.log.clone(), draft(writer)?);
            tasks.push(tokio::spawn(async move {
                let mut took = Vec::new();
                while Instant::now() < until {
                    let begun = Instant::now();
                    let appending = log.append(&draft, Share::NODE, Urgency::Ordinary)?;
                    let mut receipt = appending.pending.await?;
                    if durability == Durability::Replicated {
                        receipt = log.replicate(receipt)?.await?;
                    }
                    ensure!(receipt.durability() >= durability, "{receipt:?}");
                    took.push(begun.elapsed());
                }
                Ok::<_, anyhow::Error>(took)
            }));
        }
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await??);
        }
        Ok(all)
    }
}

/// An event of the size that most have.
fn draft(count: u64) -> Result<Draft> {
    let node: Name = "gw-1".parse().map_err(|error| anyhow!("{error}"))?;
    let session = Some(SessionId::new(&node, Epoch(1), count));
    let about = About { session, session_seq: Some(2), ..About::default() };
    let kind = Kind::NodeStopped(NodeStopped { reason: format!("{count:0240}") });
    Ok(Draft { time: Utc(0), applied: 1, about, kind })
}
