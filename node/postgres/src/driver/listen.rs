//! Accepts connections: counts them, turns away what is too much, and lets each live in a task of
//! its own. Nothing that one connection does can hold this loop up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use node_session::Sessions;
use node_session::sources::Source;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection;
use super::node::{Node, Places};
use crate::config::PostgresConfig;

/// How long accepting pauses when the system refuses, e.g. for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves PostgreSQL on a listener.
///
/// When `drain` is cancelled, nothing new is accepted: no connection, no command. Connections
/// close as soon as nothing runs in them; whoever wants those to end calls
/// [`node_session::Live::end_all`]. Returns when the last connection is closed and all its
/// sessions are recorded as closed.
pub async fn serve(
    listener: TcpListener,
    config: PostgresConfig,
    sessions: Arc<Sessions>,
    drain: CancellationToken,
) {
    let node = Arc::new(Node::new(config, sessions, drain.clone()));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = drain.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => welcome(&node, &connections, stream, peer),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

fn welcome(node: &Arc<Node>, connections: &TaskTracker, stream: TcpStream, peer: SocketAddr) {
    match Places::take(node, Source::of(peer.ip())) {
        Ok(places) => {
            metrics::counter!("sallyport_postgres_connections_total").increment(1);
            connections.spawn(connection::serve(node.clone(), stream, peer, places));
        }
        Err(full) => {
            // Closed without a word: whoever floods is owed no answer.
            let why = full.label();
            metrics::counter!("sallyport_postgres_connections_refused_total", "why" => why)
                .increment(1);
            tracing::debug!(%peer, why, "a connection is turned away");
        }
    }
}
