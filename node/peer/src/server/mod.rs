//! The listening end: accepts peers, judges them, and serves what they ask.

mod calls;
mod greet;
mod handler;
mod joining;
mod places;
mod registry;
mod streams;
mod writer;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::Error as TlsError;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use handler::{Handler, Items, Joiner};

use crate::limits::Limits;
use crate::local::Local;
use crate::tls::server_config;
use places::{Place, Places};
use registry::Registry;

/// How long accepting pauses when the system refuses, e.g. for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The listening end of a node.
pub struct Server {
    local: Arc<Local>,
    handler: Arc<dyn Handler>,
    limits: Limits,
    acceptor: TlsAcceptor,
    places: Places,
    registry: Registry,
    joins: Semaphore,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Server {
    /// A server of this node.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(
        local: Arc<Local>,
        handler: Arc<dyn Handler>,
        limits: Limits,
    ) -> Result<Arc<Self>, TlsError> {
        let acceptor = TlsAcceptor::from(Arc::new(server_config(&local)?));
        Ok(Arc::new(Self {
            local,
            handler,
            acceptor,
            places: Places::new(&limits),
            registry: Registry::new(&limits),
            joins: Semaphore::new(limits.joins),
            limits,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }))
    }

    /// Serves on a listener until `stop` is cancelled; then closes all connections with a word, and
    /// returns when the calls that were under way have ended.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.welcome(stream, peer),
                Err(error) => {
                    tracing::warn!(%error, "a connection of a peer could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn welcome(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        match self.places.take(peer.ip()) {
            Ok(place) => {
                metrics::counter!("sallyport_peer_connections_total").increment(1);
                self.tasks.spawn(connection(self.clone(), stream, peer, place));
            }
            Err(why) => {
                // Closed without a word: whoever floods is owed no answer.
                metrics::counter!("sallyport_peer_connections_refused_total", "why" => why)
                    .increment(1);
                tracing::debug!(%peer, why, "a connection of a peer is turned away");
            }
        }
    }
}

/// One connection, from its first byte to its last.
async fn connection(server: Arc<Server>, stream: TcpStream, peer: SocketAddr, mut place: Place) {
    let greeting = greet::greet(&server, stream);
    let greeted = tokio::select! {
        () = server.stop.cancelled() => return,
        greeted = tokio::time::timeout(server.limits.stranger_deadline, greeting) => greeted,
    };
    match greeted {
        Ok(Ok(greet::Greeted::Member(member))) => {
            place.proven();
            calls::serve(&server, member).await;
        }
        Ok(Ok(greet::Greeted::Joiner(joiner))) => joining::serve(&server, joiner).await,
        Ok(Err(refused)) => {
            let code = refused.code().map_or_else(|| "none".to_owned(), |code| code.to_string());
            metrics::counter!("sallyport_peer_refused_total", "code" => code).increment(1);
            tracing::info!(%peer, %refused, "a peer is refused");
        }
        Err(_) => tracing::debug!(%peer, "a connection of a peer proved nothing in time"),
    }
}
