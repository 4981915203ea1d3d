//! A listener's door, the same for every protocol: connections are accepted and counted, what is
//! too much is turned away, and each lives in a task of its own. Nothing that one connection does
//! can hold the door up, and no crowd of strangers can hold it shut: in a crowd one of those who
//! are most has to go for whoever comes.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::sources::{Full, Source, SourceLimits, Sources, Stranger};

/// From the first byte to a login that succeeded.
const LOGIN_DEADLINE: Duration = Duration::from_secs(30);
/// How many connections may be open in all.
const CONNECTIONS: usize = 8192;
/// With how many connections that have not logged in one may have to go for a new one.
const CROWD: usize = 256;
/// How likely that is then, in percent; it rises to certainty at `STRANGERS`.
const CROWD_PERCENT: u8 = 30;
/// How many connections may be open that have not logged in.
const STRANGERS: usize = 512;
/// How many of those may come from one source.
const STRANGERS_PER_SOURCE: usize = 64;
/// How long accepting pauses when the system refuses, e.g. for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Limits of a door; the default unless a test lowers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoorLimits {
    /// From the first byte to a login that succeeded.
    pub login_deadline: Duration,
    /// Who may knock; a source is an IPv4 address, or an IPv6 network of 64 bits.
    pub sources: SourceLimits,
}

impl Default for DoorLimits {
    fn default() -> Self {
        let sources = SourceLimits {
            connections: CONNECTIONS,
            crowd: CROWD,
            crowd_percent: CROWD_PERCENT,
            strangers: STRANGERS,
            strangers_per_source: STRANGERS_PER_SOURCE,
        };
        Self { login_deadline: LOGIN_DEADLINE, sources }
    }
}

/// What a protocol's connections are called in metrics.
#[derive(Debug)]
pub struct Names {
    /// How many were accepted.
    pub accepted: &'static str,
    /// How many were turned away.
    pub refused: &'static str,
    /// How many are open.
    pub open: &'static str,
    /// How many of those have not logged in.
    pub before_login: &'static str,
}

/// One listener's door.
#[derive(Debug)]
pub struct Door {
    names: &'static Names,
    limits: SourceLimits,
    inside: Mutex<Inside>,
    random: SystemRandom,
    connections: AtomicU64,
}

/// Who is inside, and how strangers are told to go.
#[derive(Debug, Default)]
struct Inside {
    sources: Sources,
    strangers: HashMap<Stranger, CancellationToken>,
}

impl Door {
    /// A door through which nobody came yet.
    #[must_use]
    pub fn new(names: &'static Names, limits: &DoorLimits) -> Arc<Self> {
        Arc::new(Self {
            names,
            limits: limits.sources,
            inside: Mutex::default(),
            random: SystemRandom::new(),
            connections: AtomicU64::new(0),
        })
    }

    /// The number of a new connection.
    pub fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// What decides who has to go. Without randomness it is always somebody, and the same one.
    fn draw(&self) -> u64 {
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes).map_or(0, |()| u64::from_ne_bytes(bytes))
    }

    fn turned_away(&self, why: &'static str) {
        metrics::counter!(self.names.refused, "why" => why).increment(1);
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of connections are small")]
    fn report(&self, sources: &Sources) {
        let (connections, strangers) = sources.counts();
        metrics::gauge!(self.names.open).set(connections as f64);
        metrics::gauge!(self.names.before_login).set(strangers as f64);
    }
}

/// A connection's places among the counts; they are given back when it is dropped.
#[derive(Debug)]
pub struct Places {
    door: Arc<Door>,
    source: Source,
    stranger: Option<Stranger>,
}

impl Places {
    /// Takes them; beside them, what tells the connection that it lost them to another one.
    fn take(door: &Arc<Door>, source: Source) -> Result<(Self, CancellationToken), Full> {
        let random = door.draw();
        let mut inside = door.inside.lock();
        let entered = inside.sources.enter(source, &door.limits, random)?;
        let turned_out = CancellationToken::new();
        inside.strangers.insert(entered.stranger, turned_out.clone());
        if let Some(goes) = entered.instead_of.and_then(|goes| inside.strangers.remove(&goes)) {
            door.turned_away("crowd");
            goes.cancel();
        }
        door.report(&inside.sources);
        let stranger = Some(entered.stranger);
        Ok((Self { door: door.clone(), source, stranger }, turned_out))
    }

    /// Where the connection comes from.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    /// The connection has logged in. Whether it may stay: not when it lost its place just before.
    #[must_use = "a connection that lost its place must end"]
    pub fn known(&mut self) -> bool {
        let Some(stranger) = self.stranger.take() else { return true };
        let mut inside = self.door.inside.lock();
        inside.strangers.remove(&stranger);
        let stays = inside.sources.known(self.source, stranger);
        self.door.report(&inside.sources);
        stays
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        if !self.known() {
            tracing::trace!("a connection that lost its place is over");
        }
        let mut inside = self.door.inside.lock();
        inside.sources.leave();
        self.door.report(&inside.sources);
    }
}

/// Accepts connections until `drain` is cancelled; `live` is one connection's life, which is cut
/// short when it loses its place before it is known. Returns when the last of them is over.
pub async fn accept<L: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    door: &Arc<Door>,
    drain: &CancellationToken,
    live: impl Fn(TcpStream, SocketAddr, Places) -> L,
) {
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = drain.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        match Places::take(door, Source::of(peer.ip())) {
            Ok((places, turned_out)) => {
                metrics::counter!(door.names.accepted).increment(1);
                let life = live(stream, peer, places);
                connections.spawn(async move {
                    if turned_out.run_until_cancelled(life).await.is_none() {
                        tracing::debug!(%peer, "a stranger has to go for another one");
                    }
                });
            }
            Err(full) => {
                // Closed without a word: whoever floods is owed no answer.
                let why = full.label();
                door.turned_away(why);
                tracing::debug!(%peer, why, "a connection is turned away");
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}
