//! Wires one node and runs it: the one place that knows every part.
//!
//! The order is the safety: documents are checked before anything is opened; the control plane
//! gives the epoch before anything is recorded; the record is open before anything listens. There
//! is no other path for `dev`.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use node_api::{Api, Given, Views};
use node_enforce::mask::is_detector;
use node_enforce::policy::Policy;
use node_session::clock::SystemClock;
use node_session::control::InProcess;
use node_session::{Clock, Control, Ports, Sessions};
use node_ssh::{Limits, SshConfig};
use proto::event::{About, Draft, Kind, NodeStarted, NodeStopped};
use store_disk::{Journal, Options};
use store_log::{Backend, Log, Share, Urgency};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::certificates::{authority_path, tls};
use crate::config::Config;
use crate::credentials::NodeCredentials;
use crate::directory::Directory;
use crate::documents::{self, Checked};
use crate::drain::drain;
use crate::errors::Error;
use crate::keys::Keys;
use crate::myself::{Myself, metrics};
use crate::ready::{self, Ready};
use crate::signals::Signals;

/// The program's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The most that the control plane's entries may take, in bytes: they are never archived.
const CONTROL_QUOTA: u64 = 1024 * 1024 * 1024;

/// The size of the control journal's segments, in bytes.
const CONTROL_SEGMENT: u64 = 16 * 1024 * 1024;

/// Segments are a multiple of this, in bytes.
const SEGMENT_UNIT: u64 = 4096;

/// What is open once the node has its epoch.
pub(crate) struct Open {
    pub(crate) record: Arc<Log<Journal>>,
    pub(crate) control: Arc<InProcess<Journal>>,
    pub(crate) clock: Arc<dyn Clock>,
    entries: Arc<Journal>,
    views: Arc<Views>,
}

/// What listens.
struct Listeners {
    ssh: TcpListener,
    api: TcpListener,
}

/// Runs a node until it is told to stop; `announce` is called when it accepts connections.
///
/// # Errors
/// [`Error`] when it does not start, or does not stop in good order.
pub async fn run(config: Config, announce: impl FnOnce(&Ready)) -> Result<(), Error> {
    // What an earlier start has said is taken back before anything takes time; a directory that is
    // new stays unmade while a document is wrong.
    let used = Directory::is_there(&config.data).then(|| taken(&config)).transpose()?;
    let checked = documents::check(&config)?;
    let system = |what: &'static str| move |error: std::io::Error| Error::System { what, error };
    let signals = Signals::listen().map_err(system("signals"))?;
    let directory = match used {
        Some(directory) => directory,
        None => taken(&config)?,
    };
    let keys = Keys::open(&directory)?;
    let metrics =
        metrics().map_err(|error| system("metrics")(std::io::Error::other(error.to_string())))?;
    let open = open(&config, &directory).await?;
    let mut warnings = apply(checked, &open).await?;
    let credentials = Arc::new(NodeCredentials::default());
    warnings.extend(missing(&open, &credentials));
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    let myself = Arc::new(Myself {
        record: open.record.backend().clone(),
        control: open.entries.clone(),
        credentials: credentials.clone(),
        metrics,
        draining: AtomicBool::new(false),
    });
    let listeners = listen(&config).await?;
    let mut ready = ready(&config, &directory, &keys, &listeners)?;
    ready.warnings = warnings;
    let sessions = Arc::new(Sessions::new(ports(&config, &open, &credentials, &keys)));
    let (ssh_stop, api_stop) = (CancellationToken::new(), CancellationToken::new());
    let api = api(&config, &open, &myself, &sessions, keys.admin, &api_stop);
    let tls = tls(&directory, config.node.as_str(), address(&listeners.api)?)?;
    let serving_api =
        tokio::spawn(node_api::serve(listeners.api, tls, node_api::router(&api), api_stop.clone()));
    let ssh = SshConfig {
        host_key: (*keys.host).clone(),
        credentials,
        spool_directory: directory.spool(),
        limits: Limits::default(),
    };
    let serving_ssh =
        tokio::spawn(node_ssh::serve(listeners.ssh, ssh, sessions.clone(), ssh_stop.clone()));
    ready::write(&directory.ready(), &ready)?;
    tracing::info!(node = %config.node, epoch = open.record.epoch().0, "the node is ready");
    announce(&ready);
    let reason = drain(&config, signals, &sessions, &myself, ssh_stop, serving_ssh).await;
    ready::remove(&directory.ready())?;
    stopped(&open, reason).await;
    api_stop.cancel();
    if let Err(error) = serving_api.await {
        tracing::error!(%error, "the API ended badly");
    }
    tracing::info!(reason, "the node stopped");
    Ok(())
}

/// Takes the data directory, and takes back that the node is ready.
fn taken(config: &Config) -> Result<Directory, Error> {
    let directory = Directory::open(&config.data)?;
    ready::remove(&directory.ready())?;
    Ok(directory)
}

/// Opens the journals and the control plane, which gives the epoch, and records the start.
async fn open(config: &Config, directory: &Directory) -> Result<Open, Error> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let events = journal(&directory.events(), record_options(config.journal_quota))?;
    let entries = journal(
        &directory.control(),
        Options {
            name: "control",
            archive: false,
            quota_bytes: CONTROL_QUOTA,
            segment_bytes: CONTROL_SEGMENT,
            ..Options::default()
        },
    )?;
    let compile = |text: &str| {
        let parsed = Policy::parse("policy", text, &is_detector);
        parsed.map(|(policy, _)| policy).map_err(|errors| errors.to_string())
    };
    let (cluster, node) = (config.cluster.clone(), config.node.clone());
    let control = Arc::new(InProcess::open(
        cluster.clone(),
        node.clone(),
        entries.clone(),
        clock.clone(),
        Box::new(compile),
        events.heads().control.seq,
    )?);
    let views = Arc::new(Views::new(events.clone()));
    views.catch_up()?;
    let epoch = control.start().await?;
    let log = Log::open(events, cluster, node, epoch);
    let record = Arc::new(log.map_err(|error| Error::Record(error.to_string()))?);
    control.attach(record.clone()).await?;
    let open = Open { record, control, clock, entries, views };
    let unfinished = open.views.unknown_outcomes();
    let durability = open.record.backend().durability();
    let started = NodeStarted { version: VERSION.to_owned(), durability, unfinished };
    note(&open, Kind::NodeStarted(started), Urgency::Ordinary).await?;
    Ok(open)
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
async fn note(open: &Open, kind: Kind, urgency: Urgency) -> Result<(), Error> {
    let applied = open.control.views().borrow().applied;
    let time = open.clock.now().utc;
    let draft = Draft { time, applied, about: About::default(), kind };
    let record = |error: store_log::AppendError| Error::Record(error.to_string());
    let appending = open.record.append(&draft, Share::NODE, urgency).map_err(record)?;
    drop(appending.pending.await.map_err(record)?);
    Ok(())
}

async fn stopped(open: &Open, reason: &str) {
    let kind = Kind::NodeStopped(NodeStopped { reason: reason.to_owned() });
    if let Err(error) = note(open, kind, Urgency::LastWords).await {
        tracing::warn!(%error, "the node's end is not recorded");
    }
}

async fn apply(mut checked: Checked, open: &Open) -> Result<Vec<String>, Error> {
    let mut warnings = std::mem::take(&mut checked.warnings);
    documents::apply(checked, &*open.control).await?;
    let view = open.control.views().borrow().clone();
    if view.policy.is_none() {
        warnings.push("there is no policy, so nothing is granted: start with --policy".to_owned());
    }
    Ok(warnings)
}

/// Credentials that this node lacks: the targets that need them cannot be reached.
fn missing(open: &Open, credentials: &NodeCredentials) -> Vec<String> {
    let view = open.control.views().borrow().clone();
    let problem = |target| {
        let reason = credentials.problem_of(target)?;
        Some(format!("target {} cannot be reached: {reason}", target.name))
    };
    view.targets.values().filter_map(|target| problem(target)).collect()
}

async fn listen(config: &Config) -> Result<Listeners, Error> {
    let bind = |service: &'static str, address| async move {
        let bound = TcpListener::bind(address).await;
        bound.map_err(|error| Error::Listen { service, address, error })
    };
    Ok(Listeners { ssh: bind("ssh", config.ssh).await?, api: bind("api", config.api).await? })
}

fn address(listener: &TcpListener) -> Result<std::net::SocketAddr, Error> {
    let what = "the address of a listener";
    listener.local_addr().map_err(|error| Error::System { what, error })
}

fn ready(
    config: &Config,
    directory: &Directory,
    keys: &Keys,
    listeners: &Listeners,
) -> Result<Ready, Error> {
    let host_key = node_identity::keys::one_line(keys.host.public_key());
    let host_key = host_key.map_err(|error| Error::Record(error.to_string()))?;
    Ok(Ready {
        pid: std::process::id(),
        cluster: config.cluster.to_string(),
        node: config.node.to_string(),
        ssh: Some(address(&listeners.ssh)?.to_string()),
        api: format!("https://{}", address(&listeners.api)?),
        ca: authority_path(directory),
        host_key,
        admin_token: directory.path("admin.token"),
        warnings: Vec::new(),
    })
}

fn ports(config: &Config, open: &Open, credentials: &Arc<NodeCredentials>, keys: &Keys) -> Ports {
    Ports {
        node: config.node.clone(),
        record: open.record.clone(),
        control: open.control.clone(),
        clock: open.clock.clone(),
        known: credentials.clone(),
        seal: keys.seal.clone(),
        digest: keys.digest.clone(),
        mask: keys.mask.clone(),
    }
}

fn api(
    config: &Config,
    open: &Open,
    myself: &Arc<Myself>,
    sessions: &Sessions,
    admin: node_identity::AdminToken,
    stop: &CancellationToken,
) -> Arc<Api> {
    Api::new(Given {
        cluster: config.cluster.clone(),
        node: config.node.clone(),
        version: VERSION,
        control: open.control.clone(),
        record: open.record.clone(),
        log: open.record.backend().clone(),
        clock: open.clock.clone(),
        views: open.views.clone(),
        live: sessions.live().clone(),
        myself: myself.clone(),
        admin,
        stop: stop.clone(),
    })
}
