//! Serves PostgreSQL on a listener.

use std::sync::Arc;

use node_session::{Sessions, door};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::connection;
use super::node::Node;
use crate::config::PostgresConfig;

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
    let live = |stream, peer, places| connection::serve(node.clone(), stream, peer, places);
    door::accept(listener, &node.door, &drain, live).await;
}
