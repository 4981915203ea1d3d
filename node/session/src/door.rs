//! A listener's door, the same for every protocol: connections are accepted and counted, what is
//! too much is turned away, and each lives in a task of its own. Nothing that one connection does
//! can hold the door up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::sources::{Full, Source, SourceLimits, Sources};

/// From the first byte to a login that succeeded.
const LOGIN_DEADLINE: Duration = Duration::from_secs(30);
/// How many connections may be open in all.
const CONNECTIONS: usize = 8192;
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
    sources: Mutex<Sources>,
    connections: AtomicU64,
}

impl Door {
    /// A door through which nobody came yet.
    #[must_use]
    pub fn new(names: &'static Names, limits: &DoorLimits) -> Arc<Self> {
        let limits = limits.sources;
        Arc::new(Self { names, limits, sources: Mutex::default(), connections: AtomicU64::new(0) })
    }

    /// The number of a new connection.
    pub fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
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
    stranger: bool,
}

impl Places {
    fn take(door: &Arc<Door>, source: Source) -> Result<Self, Full> {
        let mut sources = door.sources.lock();
        sources.enter(source, &door.limits)?;
        door.report(&sources);
        Ok(Self { door: door.clone(), source, stranger: true })
    }

    /// Where the connection comes from.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    /// The connection has logged in.
    pub fn known(&mut self) {
        if std::mem::replace(&mut self.stranger, false) {
            let mut sources = self.door.sources.lock();
            sources.known(self.source);
            self.door.report(&sources);
        }
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        self.known();
        let mut sources = self.door.sources.lock();
        sources.leave();
        self.door.report(&sources);
    }
}

/// Accepts connections until `drain` is cancelled; `live` is one connection's life. Returns when
/// the last of them is over.
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
            Ok(places) => {
                metrics::counter!(door.names.accepted).increment(1);
                connections.spawn(live(stream, peer, places));
            }
            Err(full) => {
                // Closed without a word: whoever floods is owed no answer.
                let why = full.label();
                metrics::counter!(door.names.refused, "why" => why).increment(1);
                tracing::debug!(%peer, why, "a connection is turned away");
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}
