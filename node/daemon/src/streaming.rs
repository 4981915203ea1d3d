//! The replicated stream of this node: looked at before the node starts, started with the record,
//! and given a moment at the end to take the last words.

use std::sync::Arc;
use std::time::Duration;

use consensus_raft::Replica;
use consensus_state::SealedChain;
use node_session::{Clock, Control};
use proto::api::StreamStatus;
use proto::event::{About, Draft, Event, Kind, RecordDegraded, RecordRestored};
use proto::ids::Name;
use proto::refusal::{Code, Told};
use store_disk::Journal;
use store_jetstream::{
    Blocked, ChainStanding, Covered, Fault, Following, Holder, Servers, Settings, Standing, Stream,
    trim,
};
use store_log::{Backend, Log, Position, Share, Urgency};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, StreamConfig};
use crate::errors::Error;
use crate::home::Card;

/// How long the last words of a node may take to reach the stream.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How often it is looked how far the stream suffices.
const RELEASES: Duration = Duration::from_secs(5);

/// What the stream of a node is, by its configuration.
///
/// # Errors
/// [`Error::Told`] when its credentials cannot be read.
pub(crate) fn settings(config: &StreamConfig, card: &Card) -> Result<Settings, Error> {
    let read = |path: &std::path::PathBuf| {
        std::fs::read_to_string(path).map_err(|error| {
            let text = format!("events: credentials: {}: {error}", path.display());
            Error::Told(Told::new(Code::ConfigurationWrong, text))
        })
    };
    let servers = Servers {
        urls: config.servers.clone(),
        credentials: config.credentials.as_ref().map(read).transpose()?,
        authority: config.authority.clone(),
        name: format!("sallyport {}/{}", card.cluster, card.node),
        inbox: Holder::Node { cluster: card.cluster.clone(), node: card.node.clone() }.inbox(),
    };
    let publisher = match (&servers.credentials, &config.publisher_credentials) {
        (_, Some(file)) => Some(Servers { credentials: Some(read(file)?), ..servers.clone() }),
        // Servers that ask nobody who they are let everybody do everything.
        (None, None) => Some(servers.clone()),
        (Some(_), None) => None,
    };
    Ok(Settings {
        servers,
        publisher,
        cluster: card.cluster.clone(),
        node: card.node.clone(),
        replicas: config.replicas,
        sync: config.sync,
    })
}

/// Looks whether servers and stream are as they must be. Servers that do not answer now keep
/// nobody from starting: what is wrong with them is found when they do.
///
/// # Errors
/// [`Error::Told`] when they are not.
pub(crate) async fn check(config: Option<&StreamConfig>, card: &Card) -> Result<(), Error> {
    let Some(config) = config else { return Ok(()) };
    match Stream::check(&settings(config, card)?).await {
        Ok(version) => tracing::info!(version, "the replicated stream is as it must be"),
        Err(fault) if fault.forbids_start() => return Err(Error::Told(told(&fault))),
        Err(fault) => tracing::warn!(%fault, "the node starts without its replicated stream"),
    }
    Ok(())
}

/// Starts publishing what the journal holds, and what it will hold.
///
/// # Errors
/// As [`settings`].
pub(crate) fn start(
    config: &Config,
    card: &Card,
    record: &Log<Journal>,
    replica: &Arc<Replica>,
    stop: &CancellationToken,
) -> Result<Option<Arc<Stream>>, Error> {
    let Some(config) = &config.stream else { return Ok(None) };
    let (leading, leads) = watch::channel(false);
    let watching = watch_leadership(replica.clone(), leading);
    let until = stop.clone();
    tokio::spawn(async move { until.run_until_cancelled(watching).await });
    let journal = record.backend().clone();
    let following = Following { journal, leads, stop: stop.clone() };
    let stream = Stream::start(settings(config, card)?, following);
    record.follow(stream.clone());
    Ok(Some(stream))
}

async fn watch_leadership(replica: Arc<Replica>, leading: watch::Sender<bool>) {
    let mut leads = false;
    loop {
        replica.leads_otherwise(leads).await;
        leads = !leads;
        leading.send_replace(leads);
    }
}

/// Records when the stream takes no events of this node any more, and when it does again.
pub(crate) async fn tell(stream: Arc<Stream>, notes: Arc<Notes>) {
    let mut up = stream.changes();
    // What the stream is, is said when it is first reached, too; a start is not yet an outage.
    let mut degraded = Some(Instant::now());
    let mut said = false;
    tokio::time::timeout(LAST_WORDS * 2, up.wait_for(|up| *up)).await.ok();
    loop {
        let is_up = *up.borrow_and_update();
        let standing = stream.standing();
        let node = standing.node;
        let kind = match (is_up, degraded) {
            (true, Some(since)) => {
                degraded = None;
                let after_ms = millis(since.elapsed());
                said = true;
                Some(Kind::RecordRestored(RecordRestored {
                    server: standing.version.unwrap_or_default(),
                    replicas: standing.replicas,
                    sync_ms: millis(notes.sync),
                    after_ms,
                    acknowledged: node.acknowledged,
                    regressions: node.regressions,
                }))
            }
            (false, since) if since.is_none() || !said => {
                said = true;
                degraded = since.or_else(|| Some(Instant::now()));
                let unknown = || Told::plain(Code::StreamDown);
                Some(Kind::RecordDegraded(RecordDegraded {
                    told: node.fault.as_ref().map_or_else(unknown, told),
                    acknowledged: node.acknowledged,
                }))
            }
            _ => None,
        };
        if let Some(kind) = kind {
            notes.note(kind);
        }
        if up.changed().await.is_err() {
            return;
        }
    }
}

/// Puts events of the node itself into its record.
pub(crate) struct Notes {
    pub(crate) node: Name,
    pub(crate) record: Arc<Log<Journal>>,
    pub(crate) replica: Arc<Replica>,
    pub(crate) control: Arc<dyn Control>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) sync: Duration,
}

impl Notes {
    /// The last event of this node that a checkpoint covers which a majority has taken.
    fn checkpointed(&self) -> u64 {
        self.replica.with_state(|state| state.sealed_chain(&self.node).map_or(0, SealedChain::last))
    }

    /// Up to where the stream suffices, and what keeps the next events here.
    fn suffices(&self, node: &ChainStanding) -> (u64, Blocked) {
        let checkpointed = Some(self.checkpointed());
        let ChainStanding { acknowledged, read_back, synced, .. } = *node;
        let last = self.record.last();
        trim(&Covered { last, acknowledged, read_back, synced, checkpointed })
    }

    fn note(&self, kind: Kind) {
        let applied = self.control.views().borrow().applied;
        let draft = Draft { time: self.clock.now().utc, applied, about: About::default(), kind };
        if let Err(error) = self.record.append(&draft, Share::NODE, Urgency::LastWords) {
            tracing::warn!(%error, "what became of the stream is not recorded");
        }
    }
}

/// Waits a moment for the stream to have the node's last event.
pub(crate) async fn finish(stream: &Stream, last: u64) {
    let done = async {
        let mut standings = tokio::time::interval(Duration::from_millis(20));
        loop {
            standings.tick().await;
            let standing = stream.standing().node;
            if standing.acknowledged >= last || !standing.up {
                return;
            }
        }
    };
    if tokio::time::timeout(LAST_WORDS, done).await.is_err() {
        tracing::warn!("the node's last words are published when it starts again");
    }
}

/// How the stream stands, for people and metrics.
pub(crate) fn status(stream: &Stream, notes: &Notes) -> StreamStatus {
    let Standing { version, replicas, node, derived, .. } = stream.standing();
    let last = notes.record.last();
    let (suffices, blocked) = notes.suffices(&node);
    let oldest = notes.record.backend().find(false, node.acknowledged + 1).ok().flatten();
    let oldest = oldest.and_then(|stored| Event::read(&stored.bytes).ok());
    let age = oldest.map(|event| notes.clock.now().utc.0.saturating_sub(event.time.0) / 1000);
    StreamStatus {
        up: node.up,
        problem: node.fault.as_ref().filter(|_| !node.up).map(told),
        server: version,
        replicas,
        sync_ms: millis(notes.sync),
        acknowledged: node.acknowledged,
        unacknowledged: last.saturating_sub(node.acknowledged),
        oldest_ms: age.map(|age| u64::try_from(age).unwrap_or(0)),
        suffices,
        blocked_by: blocked.text().to_owned(),
        regressions: node.regressions,
        strange: node.strange,
        derived: derived.map(|derived| derived.events),
    }
}

/// Lets events leave the journal's quota as far as the stream suffices, and no further.
pub(crate) async fn let_go(stream: Arc<Stream>, notes: Arc<Notes>) {
    let record = &notes.record;
    record.backend().release(Position(0));
    let mut look = tokio::time::interval(RELEASES);
    loop {
        look.tick().await;
        let node = stream.standing().node;
        let (suffices, _) = notes.suffices(&node);
        let journal = record.backend().clone();
        let found = tokio::task::spawn_blocking(move || journal.find(false, suffices)).await;
        if let Ok(Ok(Some(stored))) = found {
            // Events of the control chain in between are on every node.
            record.backend().release(stored.position);
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What is wrong with the stream now, for people.
pub(crate) fn problems(stream: &Stream) -> Vec<Told> {
    let standing = stream.standing();
    let chains = [Some(standing.node), standing.control];
    let wrong = chains.into_iter().flatten().filter(|chain| !chain.up);
    wrong
        .filter_map(|chain| {
            let fault = chain.fault?;
            let told = told(&fault);
            let seconds = chain.down_for.as_secs();
            let text = format!("{}; chain {} waits for {seconds} s", told.text, chain.chain);
            Some(Told::new(told.code, text))
        })
        .collect()
}

/// What is told of a fault of the stream, with its code.
#[must_use]
pub fn told(fault: &Fault) -> Told {
    let code = match fault {
        Fault::Unreachable(_) | Fault::Silent | Fault::Refused(_) => Code::StreamDown,
        Fault::Unauthorized(_) | Fault::Missing(_) | Fault::Misconfigured { .. } => {
            Code::StreamWrong
        }
        Fault::Credentials(_) => Code::ConfigurationWrong,
        Fault::TooOld { .. } => Code::StreamTooOld,
        Fault::Full(_) => Code::StreamFull,
        Fault::Forked { .. } | Fault::Ahead { .. } | Fault::Foreign { .. } => Code::StreamForked,
        Fault::Hole { .. } => Code::StreamLacks,
        Fault::Gone { .. } | Fault::Journal(_) => Code::RecordDamaged,
    };
    Told::new(code, fault.to_string())
}
