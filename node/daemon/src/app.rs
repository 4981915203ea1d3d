//! Wires one node and runs it: the one place that knows every part.
//!
//! There is no other path for `dev`: it is a cluster of one that is founded when it is not there.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use node_api::{Api, Given};
use node_postgres::{Authorities, Cancels, PostgresConfig};
use node_session::door::DoorLimits;
use node_session::{Control as _, Ports, Sessions};
use node_ssh::{Limits, SshConfig};
use proto::entry::{Entry, NodeEpoch};
use proto::event::{Kind, NodeStopped};
use store_jetstream::Stream;
use store_log::Urgency;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::certificates::{self, ApiCertificate};
use crate::chains::StreamChains;
use crate::config::Config;
use crate::credentials::NodeCredentials;
use crate::directory::Directory;
use crate::documents::{self, Checked};
use crate::drain::drain;
use crate::errors::Error;
use crate::founding::{admin_token_path, found_in};
use crate::home::{self, Card};
use crate::joining::join_in;
use crate::myself::{Myself, metrics};
use crate::notifications::hooks;
use crate::open::{Open, note, open};
use crate::peers::{Members, OtherNodes, Others};
use crate::ready::{self, Ready};
use crate::signals::Signals;
use crate::streaming::{self, Notes};

/// The program's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the key for logins of nobody is made of, so that it is the same on all nodes.
const MOCK_KEY: &[u8] = b"sallyport: salts of people that there are not";

/// A node that stops waits so long for its last checkpoint.
const SEALING_DEADLINE: Duration = Duration::from_secs(3);

/// How a node comes to its cluster, when its directory belongs to none yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// It founds one: `dev`.
    Found,
    /// It must be a member already.
    Member,
    /// It joins by the token in this file.
    Join(PathBuf),
}

/// What listens.
struct Listeners {
    ssh: TcpListener,
    postgres: Option<TcpListener>,
    api: TcpListener,
}

/// Runs a node until it is told to stop; `announce` is called when it accepts connections.
///
/// # Errors
/// [`Error`] when it does not start, or does not stop in good order.
pub async fn run(
    mut config: Config,
    start: Start,
    announce: impl FnOnce(&Ready),
) -> Result<(), Error> {
    // What an earlier start has said is taken back before anything takes time; a directory that is
    // new stays unmade while a document is wrong.
    let used = Directory::is_there(&config.data).then(|| taken(&config)).transpose()?;
    let checked = documents::check(&config)?;
    let hooks = hooks(&config.notifications, &config.addresses().api).map_err(Error::Told)?;
    let system = |what: &'static str| move |error: std::io::Error| Error::System { what, error };
    let authorities = certificates::authorities(config.client_ca.as_deref())?;
    let signals = Signals::listen().map_err(system("signals"))?;
    let directory = Arc::new(match used {
        Some(directory) => directory,
        None => taken(&config)?,
    });
    let metrics =
        metrics().map_err(|error| system("metrics")(std::io::Error::other(error.to_string())))?;
    let (listeners, peers) = listen(&mut config).await?;
    let card = belong(&config, &directory, start).await?;
    let (ssh_stop, api_stop, peer_stop) =
        (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
    let open = open(&config, &directory, card, peers, &peer_stop).await?;
    let sync = config.stream.as_ref().map_or(Duration::ZERO, |stream| stream.sync);
    let stream = tell_of_stream(&open, sync);
    let mut warnings = apply(checked, &open).await?;
    let credentials = Arc::new(NodeCredentials::new(config.secrets.clone()));
    warnings.extend(missing(&open, &credentials));
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    let myself = Arc::new(Myself {
        record: open.record.backend().clone(),
        replica: open.replica.clone(),
        credentials: credentials.clone(),
        control: open.control.clone(),
        stream,
        clock: open.clock.clone(),
        trusts_on_first_use: config.trust_on_first_use,
        metrics,
        draining: AtomicBool::new(false),
    });
    let mut ready = ready(&config, &directory, &open, &listeners)?;
    ready.warnings = warnings;
    let sessions = Arc::new(Sessions::new(ports(&open, &credentials)));
    let api = api(&config, &open, &myself, &sessions, &api_stop)?;
    open.for_peers.answer_by(api.clone());
    tokio::spawn(node_api::notify::notify(api.clone(), hooks));
    let certificate =
        ApiCertificate::new(open.secrets.authority.clone(), &config, address(&listeners.api)?)?;
    tokio::spawn(certificate.clone().keep_fresh(api_stop.clone()));
    let (tls, routes) = (certificate.tls(), node_api::router(&api));
    let serving_api = tokio::spawn(node_api::serve(listeners.api, tls, routes, api_stop.clone()));
    let dialects = dialects(&open, &config, &directory, &certificate, authorities, &credentials);
    let doors = (listeners.ssh, listeners.postgres);
    let serving = tokio::spawn(serve(doors, dialects, sessions.clone(), ssh_stop.clone()));
    ready::write(&directory.ready(), &ready)?;
    tracing::info!(node = %open.card.node, epoch = open.record.epoch().0, "the node is ready");
    announce(&ready);
    let drained = drain(&config, signals, &sessions, &myself, ssh_stop, serving).await;
    let reason = *drained.as_ref().unwrap_or(&"its replica stopped");
    ready::remove(&directory.ready())?;
    leave(&open, reason).await;
    api_stop.cancel();
    close(open, serving_api, &peer_stop).await;
    tracing::info!(reason, "the node stopped");
    drained.map(drop)
}

/// Records what becomes of the replicated stream, where there is one, and lets go what it has.
fn tell_of_stream(open: &Open, sync: Duration) -> Option<(Arc<Stream>, Arc<Notes>)> {
    let stream = open.stream.as_ref()?;
    let notes = Arc::new(Notes {
        node: open.card.node.clone(),
        replica: open.replica.clone(),
        record: open.record.clone(),
        control: open.control.clone(),
        clock: open.clock.clone(),
        sync,
    });
    let telling = streaming::tell(stream.clone(), notes.clone());
    let letting_go = streaming::let_go(stream.clone(), notes.clone());
    let stop = open.stream_stop.clone();
    let both = async { tokio::join!(telling, letting_go) };
    tokio::spawn(async move { stop.run_until_cancelled(both).await });
    Some((stream.clone(), notes))
}

fn ssh(
    open: &Open,
    config: &Config,
    directory: &Directory,
    credentials: Arc<NodeCredentials>,
) -> SshConfig {
    SshConfig {
        host_key: open.secrets.host.clone(),
        credentials,
        spool_directory: directory.spool(),
        key_exchange: config.key_exchange,
        limits: Limits::default(),
    }
}

fn postgres(
    open: &Open,
    certificate: &Arc<ApiCertificate>,
    authorities: Option<Authorities>,
    credentials: Arc<NodeCredentials>,
) -> PostgresConfig {
    let shown = certificate.clone();
    let others = OtherNodes {
        node: open.card.node.clone(),
        pool: open.pool.clone(),
        roster: open.roster.clone(),
        replica: open.replica.clone(),
    };
    let cancels = Cancels::new(open.card.raft_id, Arc::new(others));
    open.for_peers.cancel_by(cancels.clone());
    PostgresConfig {
        tls: certificate.tls_of(b"postgresql", authorities.as_ref().map(Authorities::asking)),
        certificate: Arc::new(move || shown.shown()),
        authorities,
        credentials,
        mock_key: Zeroizing::new(open.secrets.digest.digest(MOCK_KEY).0),
        issuing: open.secrets.issuing.clone(),
        cancels,
        limits: DoorLimits::default(),
    }
}

/// Takes the data directory, and takes back that the node is ready.
fn taken(config: &Config) -> Result<Directory, Error> {
    let directory = Directory::open(&config.data)?;
    ready::remove(&directory.ready())?;
    Ok(directory)
}

/// Which node of which cluster this is; it founds or joins when it is none yet and may.
async fn belong(config: &Config, directory: &Directory, start: Start) -> Result<Card, Error> {
    let Some(card) = home::card(directory)? else {
        return match start {
            Start::Found => found_in(config, directory, None).await,
            Start::Join(file) => join_in(config, directory, &file).await,
            Start::Member => Err(Error::Uninitialized(config.data.clone())),
        };
    };
    if let Some(cluster) = config.cluster.as_ref().filter(|cluster| **cluster != card.cluster) {
        return Err(Error::WrongCluster { is: card.cluster, wanted: cluster.clone() });
    }
    if card.node != config.node {
        return Err(Error::WrongNode { is: card.node, wanted: config.node.clone() });
    }
    Ok(card)
}

/// What the listeners for clients are given.
struct Dialects {
    ssh: SshConfig,
    postgres: PostgresConfig,
}

fn dialects(
    open: &Open,
    config: &Config,
    directory: &Directory,
    certificate: &Arc<ApiCertificate>,
    authorities: Option<Authorities>,
    credentials: &Arc<NodeCredentials>,
) -> Dialects {
    Dialects {
        ssh: ssh(open, config, directory, credentials.clone()),
        postgres: postgres(open, certificate, authorities, credentials.clone()),
    }
}

/// Serves clients until the last one has left.
async fn serve(
    (ssh, postgres): (TcpListener, Option<TcpListener>),
    dialects: Dialects,
    sessions: Arc<Sessions>,
    stop: CancellationToken,
) {
    let serving_ssh = node_ssh::serve(ssh, dialects.ssh, sessions.clone(), stop.clone());
    match postgres {
        Some(listener) => {
            let serving = node_postgres::serve(listener, dialects.postgres, sessions, stop);
            tokio::join!(serving_ssh, serving);
        }
        None => serving_ssh.await,
    }
}

/// Says that the node leaves, and gives leadership away, so that nobody waits for it.
async fn leave(open: &Open, reason: &str) {
    let kind = Kind::NodeStopped(NodeStopped { reason: reason.to_owned() });
    if let Err(error) = note(open, kind, Urgency::LastWords).await {
        tracing::warn!(%error, "the node's end is not recorded");
    }
    if tokio::time::timeout(SEALING_DEADLINE, open.sealing.finish()).await.is_err() {
        tracing::warn!("the last events are sealed after the next start");
    }
    let node = open.card.node.clone();
    let stopped = Entry::NodeStopped(NodeEpoch { node, epoch: open.record.epoch() });
    if let Err(error) = open.control.propose(stopped).await {
        tracing::warn!(%error, "the cluster is not told that the node stops");
    }
    if !open.replica.step_down().await {
        tracing::debug!("nobody takes leadership over");
    }
}

/// Closes what others do not need any more, the replica last.
async fn close(open: Open, serving_api: JoinHandle<()>, peer_stop: &CancellationToken) {
    if let Err(error) = serving_api.await {
        tracing::error!(%error, "the API ended badly");
    }
    if let Some(stream) = &open.stream {
        streaming::finish(stream, open.record.last()).await;
    }
    open.stream_stop.cancel();
    peer_stop.cancel();
    if let Some(serving) = open.serving_peers
        && let Err(error) = serving.await
    {
        tracing::error!(%error, "serving other nodes ended badly");
    }
    open.pool.close();
    open.replica.shutdown().await;
}

async fn apply(mut checked: Checked, open: &Open) -> Result<Vec<String>, Error> {
    let mut warnings = std::mem::take(&mut checked.warnings);
    documents::apply(checked, &open.card.node, &*open.control).await?;
    let view = open.control.views().borrow().clone();
    if view.policy.is_none() {
        warnings.push(
            "there is no policy, so nothing is granted: `sallyport policy apply`, or --policy"
                .to_owned(),
        );
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

async fn bind(service: &'static str, address: std::net::SocketAddr) -> Result<TcpListener, Error> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| Error::Listen { service, address, error })
}

/// Listens on every address. Where port 0 was asked for the configuration says from now on which
/// port it is, so that others are told the truth.
async fn listen(config: &mut Config) -> Result<(Listeners, Option<TcpListener>), Error> {
    let ssh = bind("ssh", config.listen.ssh).await?;
    let postgres = match config.listen.postgres {
        Some(address) => Some(bind("postgres", address).await?),
        None => None,
    };
    let api = bind("api", config.listen.api).await?;
    let peers = match config.listen.cluster {
        Some(address) => Some(bind("cluster", address).await?),
        None => None,
    };
    config.listen.ssh = address(&ssh)?;
    config.listen.postgres = postgres.as_ref().map(address).transpose()?;
    config.listen.api = address(&api)?;
    config.listen.cluster = peers.as_ref().map(address).transpose()?;
    Ok((Listeners { ssh, postgres, api }, peers))
}

fn address(listener: &TcpListener) -> Result<std::net::SocketAddr, Error> {
    let what = "the address of a listener";
    listener.local_addr().map_err(|error| Error::System { what, error })
}

fn ready(
    config: &Config,
    directory: &Directory,
    open: &Open,
    listeners: &Listeners,
) -> Result<Ready, Error> {
    let host_key = node_identity::keys::one_line(open.secrets.host.public_key());
    let host_key = host_key.map_err(|error| Error::Record(error.to_string()))?;
    let admin_token = admin_token_path(directory);
    Ok(Ready {
        pid: std::process::id(),
        cluster: open.card.cluster.to_string(),
        node: open.card.node.to_string(),
        ssh: Some(address(&listeners.ssh)?.to_string()),
        postgres: config.listen.postgres.map(|address| address.to_string()),
        api: format!("https://{}", address(&listeners.api)?),
        listens_to_nodes: config.listen.cluster.map(|address| address.to_string()),
        ca: home::authority_path(directory),
        host_key,
        admin_token: admin_token.exists().then_some(admin_token),
        warnings: Vec::new(),
    })
}

fn ports(open: &Open, credentials: &Arc<NodeCredentials>) -> Ports {
    Ports {
        node: open.card.node.clone(),
        record: open.record.clone(),
        control: open.control.clone(),
        clock: open.clock.clone(),
        known: credentials.clone(),
        seal: open.secrets.seal.clone(),
        digest: open.secrets.digest.clone(),
        mask: open.secrets.mask.clone(),
    }
}

fn api(
    config: &Config,
    open: &Open,
    myself: &Arc<Myself>,
    sessions: &Sessions,
    stop: &CancellationToken,
) -> Result<Arc<Api>, Error> {
    let members = Members::new(
        open.replica.clone(),
        open.roster.clone(),
        open.key.clone(),
        open.secrets.authority.digest(),
        open.stream.clone(),
    );
    Ok(Api::new(Given {
        cluster: open.card.cluster.clone(),
        node: open.card.node.clone(),
        version: VERSION,
        control: open.control.clone(),
        record: open.record.clone(),
        log: open.record.backend().clone(),
        clock: open.clock.clone(),
        views: open.views.clone(),
        live: sessions.live().clone(),
        myself: myself.clone(),
        fleet: Arc::new(Others::new(open.pool.clone(), open.roster.clone())),
        chains: StreamChains::of(config, &open.card, &open.replica)?,
        members: Arc::new(members),
        admin: open.secrets.admin.clone(),
        token_key: open.secrets.tokens.clone(),
        issuing: open.secrets.issuing.clone(),
        stop: stop.clone(),
    }))
}
