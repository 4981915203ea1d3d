//! One member of the cluster: it holds the state, and changes it only through the quorum.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use consensus_state::State;
use openraft::error::{InitializeError, RaftError};
use openraft::{AsyncRuntime, TokioRuntime};
use parking_lot::Mutex;
use proto::entry::Entry;
use proto::ids::Epoch;
use store_disk::raft::{Disk, Identity, Write};
use tokio::sync::{mpsc, watch};

use crate::bundler::{self, Bundler};
use crate::config::{Config, LANES, PROPOSALS_WAITING, READS_WAITING, TELL_LANES, TELLS_WAITING};
use crate::contact::Contact;
use crate::election::raft_config;
use crate::error::{Answer, FoundError, OpenError};
use crate::lanes::Lanes;
use crate::log_store::{LogStore, perform};
use crate::machine::{Machine, Shared};
use crate::network::Network;
use crate::peers::Peers;
use crate::ports::{Member, Observer, Transport, Wall};
use crate::proposer::{self, Proposer};
use crate::receive::Incoming;
use crate::seats::Seats;
use crate::types::{Raft, Seat, spawn};
use crate::{background, convert, reads};

/// One member of the cluster. It runs until [`Replica::shutdown`].
pub struct Replica<R: AsyncRuntime = TokioRuntime> {
    pub(crate) config: Config,
    pub(crate) raft: Raft<R>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) peers: Arc<Peers<R>>,
    pub(crate) log: LogStore<R>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) identity: Mutex<Identity>,
    pub(crate) lanes: Lanes,
    pub(crate) tell_lanes: Lanes,
    pub(crate) local: mpsc::Sender<proposer::Waiting>,
    pub(crate) bundles: mpsc::Sender<bundler::Waiting>,
    pub(crate) reads: mpsc::Sender<reads::Waiting>,
    pub(crate) tells: mpsc::Sender<Entry>,
    pub(crate) incoming: Mutex<Incoming>,
    /// When a leader was last heard of, on the clock that counts suspend.
    pub(crate) leader_heard: Mutex<Duration>,
    pub(crate) contact: watch::Sender<Option<Contact>>,
    pub(crate) clock_off: Mutex<Option<Duration>>,
    /// Leadership is being given away: this node takes no writes and does not campaign.
    pub(crate) leaving: AtomicBool,
    /// Whether the disk is still to be checked: until then this node takes no part.
    pub(crate) unchecked: AtomicBool,
    pub(crate) closing: watch::Sender<bool>,
}

impl<R: AsyncRuntime> Replica<R> {
    /// Opens what the disk keeps and starts. It belongs to no cluster before [`Replica::found`], or
    /// before a leader has made it a member.
    ///
    /// # Errors
    /// [`OpenError`]; a damaged record says how to go on.
    pub async fn open(
        config: Config,
        disk: Arc<dyn Disk>,
        transport: Arc<dyn Transport>,
        observer: Arc<dyn Observer>,
        wall: Arc<dyn Wall>,
    ) -> Result<Arc<Self>, OpenError> {
        let identity = identify(&config, &*disk).await?;
        let empty = State::new(config.cluster.clone());
        let shared = Shared::open(empty, Arc::clone(&disk), observer, Arc::clone(&wall));
        let shared = Arc::new(shared.map_err(OpenError::Snapshot)?);
        let log = LogStore::new(Arc::clone(&disk));
        let peers = Arc::new(Peers::new(config.raft_id, transport, Arc::clone(&wall)));
        let timing = &config.timing;
        let raft_config = raft_config(config.cluster.as_str(), config.raft_id, timing);
        let left = disk.store().heads().last.map(convert::log_id);
        let raft = Raft::<R>::new(
            config.raft_id,
            Arc::new(raft_config.map_err(OpenError::Raft)?),
            Network(Arc::clone(&peers)),
            log.clone(),
            Machine(Arc::clone(&shared)),
        );
        let raft = raft.await.map_err(|error| OpenError::Raft(error.to_string()))?;
        let (local, proposals) = mpsc::channel(PROPOSALS_WAITING);
        let (bundles, forwarded) = mpsc::channel(PROPOSALS_WAITING);
        let (reads, readers) = mpsc::channel(READS_WAITING);
        let (tells, told) = mpsc::channel(TELLS_WAITING);
        let (clocks, applies) = (Arc::clone(&peers), Arc::clone(&shared));
        let proposer = Proposer::new(clocks, raft.clone(), applies, proposals);
        spawn::<R>(proposer.run());
        let (bundler_raft, bundler_peers) = (raft.clone(), Arc::clone(&peers));
        spawn::<R>(Bundler { raft: bundler_raft, peers: bundler_peers, waiting: forwarded }.run());
        spawn::<R>(reads::run(raft.clone(), readers, left));
        let starts = identity.starts;
        let replica = Arc::new(Self {
            lanes: Lanes::new(config.node.clone(), starts, 0, LANES),
            tell_lanes: Lanes::new(config.node.clone(), starts, LANES, TELL_LANES),
            leader_heard: Mutex::new(wall.now().elapsed),
            config,
            raft,
            shared,
            peers,
            log,
            disk,
            identity: Mutex::new(identity),
            local,
            bundles,
            reads,
            tells,
            incoming: Mutex::default(),
            contact: watch::Sender::new(None),
            clock_off: Mutex::new(None),
            leaving: AtomicBool::new(false),
            unchecked: AtomicBool::new(false),
            closing: watch::Sender::new(false),
        });
        background::start(&replica, told);
        Ok(replica)
    }

    /// Begins a new cluster of one with this node, by its first entry. A founding that was cut
    /// short is finished by founding again.
    ///
    /// # Errors
    /// [`FoundError::Founded`] when there is a cluster already.
    pub async fn found(&self, member: Member, entry: Entry) -> Result<Answer, FoundError> {
        if self.with_state(|state| state.cluster_version() > 0 && !is_restoration(&entry)) {
            return Err(FoundError::Founded);
        }
        let Member { raft_id, node, address } = member;
        let seats = std::collections::BTreeMap::from([(raft_id, Seat { node, address })]);
        match self.raft.initialize(seats).await {
            Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => {}
            Err(error) => return Err(FoundError::Raft(error.to_string())),
        }
        Ok(self.propose(entry).await?)
    }

    /// Looks at the state, as far as this node has applied. It must be short: nothing is applied
    /// meanwhile.
    pub fn with_state<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.shared.place.read().state)
    }

    /// When this node last had contact with a quorum.
    #[must_use]
    pub fn contact(&self) -> watch::Receiver<Option<Contact>> {
        self.contact.subscribe()
    }

    /// Who this node is, as its disk remembers.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity.lock().clone()
    }

    /// Remembers the epoch that this start was given; only then it may be used.
    ///
    /// # Errors
    /// What the disk says; then it must not be used.
    pub async fn keep_epoch(&self, epoch: Epoch) -> Result<(), OpenError> {
        let kept = Identity { epoch, nonce: 0, ..self.identity() };
        self.keep(kept).await
    }

    async fn keep(&self, identity: Identity) -> Result<(), OpenError> {
        keep(&*self.disk, &identity).await?;
        *self.identity.lock() = identity;
        Ok(())
    }

    /// Whether this node still takes part, and if not, why.
    ///
    /// # Errors
    /// Why it has stopped for good.
    pub fn running(&self) -> Result<(), String> {
        if *self.closing.borrow() {
            return Err("it is shutting down".to_owned());
        }
        self.seats().0.running_state.map_err(|fatal| fatal.to_string())
    }

    /// Completes when this node takes part no more for good, and gives why: its disk failed, or
    /// what it holds is not what was written.
    pub async fn stopped(&self) -> String {
        let mut metrics = self.raft.metrics();
        match metrics.wait_for(|metrics| metrics.running_state.is_err()).await {
            Ok(metrics) => match &metrics.running_state {
                Err(fatal) => fatal.to_string(),
                Ok(()) => String::new(),
            },
            // Whoever tells is gone without a word.
            Err(gone) => gone.to_string(),
        }
    }

    /// Stops, after what was handed over is on the disk. To leave a running cluster in good order
    /// [`Replica::step_down`] first.
    pub async fn shutdown(&self) {
        self.closing.send_replace(true);
        if let Err(error) = self.raft.shutdown().await {
            tracing::warn!(%error, "Raft did not stop in good order");
        }
        self.disk.close();
    }

    pub(crate) fn seats(&self) -> Seats {
        Seats::of(&self.raft)
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    pub(crate) fn now(&self) -> Duration {
        self.peers.wall.now().elapsed
    }
}

fn is_restoration(entry: &Entry) -> bool {
    matches!(entry, Entry::ClusterRestored(_))
}

/// Checks whose disk it is and counts the start. A nonce that was drawn for a start which was never
/// answered is used again: the answer may have been given.
async fn identify(config: &Config, disk: &dyn Disk) -> Result<Identity, OpenError> {
    let Config { cluster, node, raft_id, nonce, .. } = config.clone();
    let identity = match disk.store().heads().identity {
        None => Identity { cluster, node, raft_id, epoch: Epoch(0), nonce, starts: 1 },
        Some(found)
            if (&found.cluster, &found.node, found.raft_id) == (&cluster, &node, raft_id) =>
        {
            let nonce = if found.nonce == 0 { nonce } else { found.nonce };
            Identity { nonce, starts: found.starts + 1, ..found }
        }
        Some(found) => {
            let name = |cluster, node, raft_id| format!("{cluster}/{node} (Raft id {raft_id})");
            return Err(OpenError::OtherNode {
                found: name(found.cluster, found.node, found.raft_id),
                expected: name(cluster, node, raft_id),
            });
        }
    };
    keep(disk, &identity).await?;
    Ok(identity)
}

async fn keep(disk: &dyn Disk, identity: &Identity) -> Result<(), OpenError> {
    let kept = perform(disk, Write::Identity(identity.clone())).await;
    kept.map_err(|error| OpenError::Stopped(error.to_string()))
}
