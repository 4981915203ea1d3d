//! Opens a member's parts in the order that is the safety: the replica gives the epoch before
//! anything is recorded, and the record is open before anything listens to people.

use std::sync::Arc;

use consensus_raft::{Observer, Replica};
use consensus_state::{Changed, State};
use node_api::Views;
use node_enforce::mask::is_detector;
use node_enforce::policy::Policy;
use node_peer::certificate::PrivateKey;
use node_peer::{Limits, Local, Pool, Server};
use node_session::control::RaftControl;
use node_session::{Clock, Control};
use proto::event::{About, Draft, Kind, NodeStarted, Stamped};
use proto::reading::Durability;
use store_disk::{Journal, Options};
use store_jetstream::Stream;
use store_log::{Backend, Log, Share, Urgency};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::app::VERSION;
use crate::cluster_secrets::ClusterSecrets;
use crate::config::Config;
use crate::directory::Directory;
use crate::errors::Error;
use crate::home::{self, Card, ClusterKey};
use crate::joining::program;
use crate::peers::{ForPeers, keep_certified};
use crate::replica::{self, Peers, open_replica};
use crate::roster::Roster;
use crate::sealing::{self, Sealing};
use crate::streaming;
use crate::views::views;
use crate::wall::Wall;

/// Segments are a multiple of this, in bytes.
const SEGMENT_UNIT: u64 = 4096;

/// What is open once the node has its epoch.
pub(crate) struct Open {
    pub(crate) card: Card,
    pub(crate) key: Arc<ClusterKey>,
    pub(crate) secrets: ClusterSecrets,
    pub(crate) replica: Arc<Replica>,
    pub(crate) roster: Arc<Roster>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) for_peers: Arc<ForPeers>,
    pub(crate) serving_peers: Option<JoinHandle<()>>,
    pub(crate) record: Arc<Log<Journal>>,
    pub(crate) control: Arc<RaftControl>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) views: Arc<Views>,
    pub(crate) sealing: Arc<Sealing>,
    pub(crate) stream: Option<Arc<Stream>>,
    pub(crate) stream_stop: CancellationToken,
}

/// Whoever sees what is applied: the views of this node, and who is a member.
struct Seeing {
    control: Arc<dyn Observer>,
    roster: Arc<Roster>,
    seals: Arc<Notify>,
}

impl Observer for Seeing {
    fn foresee(&self, policy: &str) {
        self.control.foresee(policy);
    }

    fn applied(&self, state: &State, changed: Changed, events: Vec<Stamped>) {
        if changed.nodes {
            self.roster.take(state);
        }
        if changed.seals {
            self.seals.notify_one();
        }
        self.control.applied(state, changed, events);
    }

    fn kept(&self) -> u64 {
        self.control.kept()
    }
}

/// Opens everything, takes part in the cluster, and records the node's start.
///
/// # Errors
/// [`Error`], naming what does not open.
pub(crate) async fn open(
    config: &Config,
    directory: &Arc<Directory>,
    card: Card,
    peers: Option<TcpListener>,
    stop: &CancellationToken,
) -> Result<Open, Error> {
    let clock: Arc<dyn Clock> = Arc::new(node_session::clock::SystemClock);
    streaming::check(config.stream.as_ref(), &card).await?;
    let events = journal(&directory.events(), record_options(config.journal_quota))?;
    let node_key = home::node_key(directory)?;
    let key = Arc::new(home::cluster_key(directory)?);
    let roster = Arc::new(Roster::new());
    let (local, pool) = meet(directory, &card, &node_key, &roster)?;
    let for_peers = ForPeers::new(roster.clone(), key.clone());
    let server = Server::new(local.clone(), for_peers.clone(), Limits::default())?;
    let serving_peers = peers.map(|listener| tokio::spawn(server.serve(listener, stop.clone())));
    let seen = RaftControl::observe(Box::new(compile), events.heads().control.seq);
    let seals = Arc::new(Notify::new());
    let seeing = Seeing { control: seen.clone(), roster: roster.clone(), seals: seals.clone() };
    let transport = Arc::new(Peers(pool.clone()));
    let replica =
        open_replica(directory, &card, transport, Arc::new(seeing), Wall::shared()).await?;
    replica.with_state(|state| roster.take(state));
    replica.hold_back();
    for_peers.agree_by(replica.clone());
    replica.check_disk().await.map_err(replica::unfit)?;
    let keeping = keep_certified(
        directory.clone(),
        local,
        pool.clone(),
        roster.clone(),
        node_key,
        stop.clone(),
    );
    tokio::spawn(keeping);
    let epoch = replica::start(&replica, config.addresses()).await?;
    let secrets = replica.with_state(|state| ClusterSecrets::of(state, &key.secret))?;
    replica.with_state(|state| sealing::check(&events, state, &card.node))?;
    let log = Log::open(events.clone(), card.cluster.clone(), card.node.clone(), epoch);
    let record = Arc::new(log.map_err(|error| Error::Record(error.to_string()))?);
    let names = (&card.cluster, &card.node);
    let views = Arc::new(views(&directory.views(), names, &events, config.views.as_ref())?);
    views.catch_up()?;
    let control = Arc::new(RaftControl::new(replica.clone(), seen).await?);
    control.attach(record.clone(), clock.clone()).await?;
    let pair = home::signing_key(directory)?;
    let sealing = Sealing::of(&card, pair, record.clone(), replica.clone(), seals);
    let stream_stop = CancellationToken::new();
    let stream = streaming::start(config, &card, &record, &replica, &stream_stop)?;
    let open = Open {
        card,
        key,
        secrets,
        replica,
        roster,
        pool,
        for_peers,
        serving_peers,
        record,
        control,
        clock,
        views,
        sealing,
        stream,
        stream_stop,
    };
    begin(&open, stop).await?;
    Ok(open)
}

/// Records the node's start, and begins to seal what it records.
async fn begin(open: &Open, stop: &CancellationToken) -> Result<(), Error> {
    let unfinished = open.views.unknown_outcomes()?;
    let durability = durability(open);
    let started = NodeStarted { version: VERSION.to_owned(), durability, unfinished };
    note(open, Kind::NodeStarted(started), Urgency::Ordinary).await?;
    tokio::spawn(open.sealing.clone().run(stop.clone()));
    Ok(())
}

/// The durability that this node's record gives at best.
fn durability(open: &Open) -> Durability {
    match open.stream {
        Some(_) => Durability::Replicated,
        None => open.record.backend().durability(),
    }
}

/// What this node shows to its peers, and its connections to them.
fn meet(
    directory: &Directory,
    card: &Card,
    key: &PrivateKey,
    roster: &Arc<Roster>,
) -> Result<(Arc<Local>, Arc<Pool>), Error> {
    let (identity, trust) = home::identity(directory, key)?;
    let local = Local::new(identity, trust, program(), roster.clone(), Wall::shared());
    local.learn(card.members.iter().cloned().map(Into::into).collect());
    let pool = Pool::new(local.clone(), Limits::default());
    Ok((local, pool))
}

fn compile(text: &str) -> Result<Policy, String> {
    let parsed = Policy::parse("policy", text, &is_detector);
    parsed.map(|(policy, _)| policy).map_err(|errors| errors.to_string())
}

/// How the record is kept within a quota: two segments fit into the smallest share of it.
pub(crate) fn record_options(quota_bytes: u64) -> Options {
    let usual = Options::default();
    let fitting = quota_bytes / 100 * u64::from(usual.strangers_percent) / 2;
    Options {
        quota_bytes,
        segment_bytes: usual.segment_bytes.min(fitting / SEGMENT_UNIT * SEGMENT_UNIT),
        last_words_bytes: usual.last_words_bytes.min(quota_bytes / 4),
        ..usual
    }
}

fn journal(directory: &std::path::Path, options: Options) -> Result<Arc<Journal>, Error> {
    let opened = Journal::open(directory, options);
    let (journal, _) = opened
        .map_err(|error| Error::Journal { directory: directory.display().to_string(), error })?;
    Ok(Arc::new(journal))
}

/// Records something about the node itself, and waits until it is kept.
///
/// # Errors
/// [`Error::Record`] when it is not kept.
pub(crate) async fn note(open: &Open, kind: Kind, urgency: Urgency) -> Result<(), Error> {
    let applied = open.control.views().borrow().applied;
    let time = open.clock.now().utc;
    let draft = Draft { time, applied, about: About::default(), kind };
    let record = |error: store_log::AppendError| Error::Record(error.to_string());
    let appending = open.record.append(&draft, Share::NODE, urgency).map_err(record)?;
    drop(appending.pending.await.map_err(record)?);
    Ok(())
}
