//! TLS in front of HTTP/1.1, with a limit on everything that a stranger can use up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use node_session::door::{self, Door, DoorLimits, Names, Places};
use parking_lot::Mutex;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// How many connections may be open in all. How many of those may have shown no valid token is as
/// at every door.
const CONNECTIONS: usize = 1024;

/// What its connections are called in metrics.
static NAMES: Names = Names {
    accepted: "sallyport_api_connections_total",
    refused: "sallyport_api_connections_refused_total",
    open: "sallyport_api_connections",
    before_login: "sallyport_api_connections_before_login",
};

/// How long a TLS handshake may take.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// How long a request's head may take, and how long a connection may idle between requests.
const HEADER_DEADLINE: Duration = Duration::from_secs(30);

/// The largest head of a request, in bytes.
const HEAD_BYTES: usize = 32 * 1024;

/// How long connections may take to end when the node drains.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);

/// Serves the API until it is cancelled, then lets running requests end.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    router: Router,
    stop: CancellationToken,
) {
    let acceptor = TlsAcceptor::from(tls);
    let mut limits = DoorLimits::default();
    limits.sources.connections = CONNECTIONS;
    let door = Door::new(&NAMES, &limits);
    let live = |stream, from, places| {
        connection(stream, from, places, acceptor.clone(), router.clone(), stop.clone())
    };
    let late = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN_DEADLINE).await;
    };
    tokio::select! {
        () = door::accept(listener, &door, &stop, live) => {}
        () = late => tracing::warn!("connections to the API were cut off"),
    }
}

/// The places of a request's connection: it is a stranger's until one shows a valid token.
#[derive(Clone)]
pub(crate) struct Acquaintance(Arc<Mutex<Places>>);

impl Acquaintance {
    /// Somebody is known on this connection from now on.
    pub(crate) fn known(&self) {
        if !self.0.lock().known() {
            tracing::debug!("a connection to the API lost its place just before it was known");
        }
    }
}

async fn connection(
    stream: TcpStream,
    from: SocketAddr,
    places: Places,
    acceptor: TlsAcceptor,
    router: Router,
    stop: CancellationToken,
) {
    // A small answer must not wait for a large one to fill a packet.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection to the API left at once");
        return;
    }
    let stream = match tokio::time::timeout(HANDSHAKE_DEADLINE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a TLS handshake failed");
            return;
        }
        Err(_) => return,
    };
    let acquaintance = Acquaintance(Arc::new(Mutex::new(places)));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_DEADLINE).max_buf_size(HEAD_BYTES);
    let service = hyper::service::service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(from));
        request.extensions_mut().insert(acquaintance.clone());
        router.clone().oneshot(request.map(Body::new))
    });
    let served = http.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the API broke off");
    }
}
