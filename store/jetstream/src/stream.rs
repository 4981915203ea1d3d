//! The stream as the rest of the node sees it: it follows the journal by itself, says how it
//! stands, and answers whoever waits for an event to be replicated.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use proto::ids::{Chain, Name};
use store_log::{Backend, Completion, Position, RefusedBecause};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::chain::ChainPublisher;
use crate::derived::Derived;
use crate::deriving::derive;
use crate::fault::Fault;
use crate::link::{Link, Servers};
use crate::progress::{Progress, Way};
use crate::readback::ReadBack;
use crate::shape::{RECORD, Wanted};
use crate::subject::record_subject;
use crate::verify::{Described, verify};

/// How long is waited before the servers are tried again: at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// How often it is looked whether a stream that was unsure is down.
const TICK: Duration = Duration::from_millis(500);

/// Where the stream is, and how it must be.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its servers.
    pub servers: Servers,
    /// The servers, as whoever publishes what subscribers read; none where nothing is derived.
    pub publisher: Option<Servers>,
    /// The cluster.
    pub cluster: Name,
    /// This node.
    pub node: Name,
    /// On how many servers each event must be, at least.
    pub replicas: u64,
    /// How long an acknowledged event may still be lost by a power cut of all servers.
    pub sync: Duration,
}

/// What a stream follows.
pub struct Following {
    /// The journal.
    pub journal: Arc<dyn Backend>,
    /// Whether this node publishes the control chain now.
    pub leads: watch::Receiver<bool>,
    /// Ends it.
    pub stop: CancellationToken,
}

/// How one chain stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainStanding {
    /// The chain.
    pub chain: Chain,
    /// Whether the stream takes its events now.
    pub up: bool,
    /// Why not.
    pub fault: Option<Fault>,
    /// For how long not.
    pub down_for: Duration,
    /// The last place that the stream acknowledged.
    pub acknowledged: u64,
    /// How often the stream lost what it had acknowledged.
    pub regressions: u64,
    /// Events that were published since the start.
    pub published: u64,
    /// Up to where it was read back.
    pub read_back: u64,
    /// Up to where the servers have synced it for certain.
    pub synced: u64,
    /// Messages on its subject that are not what was written.
    pub strange: u64,
}

/// How the stream stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The server's version, while there is a connection.
    pub version: Option<String>,
    /// On how many servers each event is.
    pub replicas: u64,
    /// This node's own chain.
    pub node: ChainStanding,
    /// The control chain, while this node publishes it.
    pub control: Option<ChainStanding>,
    /// What subscribers read, while this node derives it.
    pub derived: Option<Derived>,
}

#[derive(Debug, Default)]
struct Server {
    version: Option<String>,
    described: Described,
}

/// The replicated stream of one node.
pub struct Stream {
    settings: Settings,
    node: Arc<Progress>,
    control: Arc<Progress>,
    server: Mutex<Server>,
    derived: Arc<Mutex<Derived>>,
    /// Told whenever the stream comes up or goes down.
    changes: watch::Sender<bool>,
}

impl Stream {
    /// Looks once whether the servers and the stream are as they must be.
    ///
    /// # Errors
    /// [`Fault`]; one that [`Fault::forbids_start`] is not mended by waiting.
    pub async fn check(settings: &Settings) -> Result<String, Fault> {
        let link = Link::open(&settings.servers).await?;
        verify(&link, &Wanted::record(&settings.cluster, settings.replicas)).await?;
        Ok(link.version())
    }

    /// Follows a journal until it is stopped.
    #[must_use]
    pub fn start(settings: Settings, following: Following) -> Arc<Self> {
        let first = Fault::Unreachable("it was not reached yet".to_owned());
        let down = Way::Down { since: tokio::time::Instant::now(), fault: first };
        let stream = Arc::new(Self {
            settings,
            node: Arc::new(Progress::new(down)),
            control: Arc::new(Progress::new(Way::Idle)),
            server: Mutex::default(),
            derived: Arc::default(),
            changes: watch::channel(false).0,
        });
        let stop = following.stop.clone();
        if let Some(publisher) = stream.settings.publisher.clone() {
            let (settings, derived) = (stream.settings.clone(), stream.derived.clone());
            let deriving = derive(settings, publisher, following.leads.clone(), derived);
            let stop = stop.clone();
            tokio::spawn(async move { stop.run_until_cancelled(deriving).await });
        }
        let (following, stop_too) = (stream.clone().follow(following), stop.clone());
        tokio::spawn(async move { stop.run_until_cancelled(following).await });
        let watching = stream.clone().watch();
        tokio::spawn(async move { stop_too.run_until_cancelled(watching).await });
        stream
    }

    /// How it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let server = self.server.lock();
        let of = |chain: Chain, progress: &Progress| {
            let (up, fault, down_for) = match progress.way() {
                Way::Up => (true, None, Duration::ZERO),
                Way::Unsure { since, fault } => (true, Some(fault), since.elapsed()),
                Way::Down { since, fault } => (false, Some(fault), since.elapsed()),
                Way::Idle => (false, None, Duration::ZERO),
            };
            let (regressions, published) = progress.counts();
            ChainStanding {
                chain,
                up,
                fault,
                down_for,
                acknowledged: progress.tip().seq,
                regressions,
                published,
                read_back: progress.read_back_to(),
                synced: progress.synced(self.settings.sync),
                strange: progress.strange(),
            }
        };
        let leads = self.control.way() != Way::Idle;
        Standing {
            version: server.version.clone(),
            replicas: server.described.replicas,
            node: of(Chain::Node(self.settings.node.clone()), &self.node),
            control: leads.then(|| of(Chain::Control, &self.control)),
            derived: (leads && self.settings.publisher.is_some())
                .then(|| self.derived.lock().clone()),
        }
    }

    /// Whether the node's own chain is published, now and whenever that changes.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<bool> {
        self.changes.subscribe()
    }

    /// Says in time that what was unsure is down.
    async fn watch(self: Arc<Self>) {
        let mut tick = tokio::time::interval(TICK);
        loop {
            tick.tick().await;
            for progress in [&self.node, &self.control] {
                if let Way::Unsure { fault, .. } = progress.way() {
                    progress.down_after_grace(&fault);
                }
            }
            let up = matches!(self.node.way(), Way::Up | Way::Unsure { .. });
            self.changes.send_if_modified(|known| std::mem::replace(known, up) != up);
            metrics::gauge!("sallyport_stream_up").set(if up { 1.0 } else { 0.0 });
        }
    }

    async fn follow(self: Arc<Self>, following: Following) {
        let mut pause = RETRY.0;
        loop {
            let begun = tokio::time::Instant::now();
            let fault = self.session(&following).await;
            self.server.lock().version = None;
            tracing::warn!(%fault, "the stream does not take events");
            let gone_on = begun.elapsed() > RETRY.1;
            pause = if gone_on { RETRY.0 } else { (pause * 2).min(RETRY.1) };
            for progress in [&self.node, &self.control] {
                if fault.forbids_start() {
                    if progress.way() != Way::Idle {
                        progress.down(&fault);
                    }
                } else {
                    progress.unsure(&fault);
                    progress.down_after_grace(&fault);
                }
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// One connection, for as long as it is of use.
    async fn session(&self, following: &Following) -> Fault {
        let opened = async {
            let link = Link::open(&self.settings.servers).await?;
            let wanted = Wanted::record(&self.settings.cluster, self.settings.replicas);
            let described = verify(&link, &wanted).await?;
            Ok((link, described))
        };
        let (link, described) = match opened.await {
            Ok(opened) => opened,
            Err(fault) => return fault,
        };
        tracing::info!(
            version = link.version(),
            replicas = described.replicas,
            "the stream is reached"
        );
        let rows = described.replicas == 1 && !self.settings.sync.is_zero();
        *self.server.lock() = Server { version: Some(link.version()), described };
        let own = || Chain::Node(self.settings.node.clone());
        let node = self.publisher(own(), following, &self.node, rows);
        // Few events, which come between those of others.
        let control = self.publisher(Chain::Control, following, &self.control, false);
        let read_back = self.read_back(own(), following, &self.node);
        let control_back = self.read_back(Chain::Control, following, &self.control);
        tokio::select! {
            fault = link.lost() => fault,
            fault = node.run(&link) => fault,
            fault = read_back.run(&link) => fault,
            fault = self.while_leading(&control, &control_back, &link, &following.leads) => fault,
        }
    }

    fn read_back(&self, chain: Chain, following: &Following, progress: &Arc<Progress>) -> ReadBack {
        ReadBack {
            subject: record_subject(&self.settings.cluster, &chain),
            chain,
            stream: RECORD,
            journal: following.journal.clone(),
            progress: progress.clone(),
        }
    }

    fn publisher(
        &self,
        chain: Chain,
        following: &Following,
        progress: &Arc<Progress>,
        rows: bool,
    ) -> ChainPublisher {
        ChainPublisher {
            subject: record_subject(&self.settings.cluster, &chain),
            chain,
            stream: RECORD,
            journal: following.journal.clone(),
            progress: progress.clone(),
            rows,
        }
    }

    /// Publishes the control chain, and reads it back, for as long as this node leads. A leader
    /// that does not know yet that it no longer is one is fenced like any other: by the chain's
    /// last message.
    async fn while_leading(
        &self,
        control: &ChainPublisher,
        read_back: &ReadBack,
        link: &Link,
        leads: &watch::Receiver<bool>,
    ) -> Fault {
        let mut leads = leads.clone();
        loop {
            if !*leads.borrow_and_update() {
                self.control.idle();
                if leads.wait_for(|leads| *leads).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
            tokio::select! {
                fault = control.run(link) => return fault,
                fault = read_back.run(link) => return fault,
                _ = leads.wait_for(|leads| !*leads) => {}
            }
        }
    }
}

impl store_log::Stream for Stream {
    fn has(&self, seq: u64, position: Position) -> Result<Completion, RefusedBecause> {
        self.node.has(seq, position)
    }

    fn is_up(&self) -> bool {
        matches!(self.node.way(), Way::Up | Way::Unsure { .. })
    }
}
