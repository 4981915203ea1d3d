//! One client's connection, from its first byte to its last channel.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use node_session::door::Places;
use russh::Disconnect;
use russh::server::{self, Handle, RunningSession};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::kept::Kept;
use super::node::Node;
use super::requests::ClientHandler;
use super::socket::Socket;
use crate::config::GOODBYE_DEADLINE;

/// How long a client's greeting is waited for before it is taken for one without AES-GCM. It only
/// chooses the order of ciphers, so the shorter the better.
const GREETING_WAIT: Duration = Duration::from_millis(200);
/// How much of a greeting is looked at, in bytes.
const GREETING_BYTES: usize = 32;

/// Serves one connection until it is over.
pub(super) async fn serve(
    node: Arc<Node>,
    stream: TcpStream,
    peer: SocketAddr,
    mut places: Places,
) {
    let number = node.door.next_connection();
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(connection = number, %error, "no TCP_NODELAY");
    }
    let cut = CancellationToken::new();
    // Whatever happens below, the connection is not left to itself.
    let _cut_at_the_end = cut.clone().drop_guard();
    let known = CancellationToken::new();
    let channels = TaskTracker::new();
    let kept = Kept::new(node.config.limits.kept, channels.clone());
    let handler = {
        let (node, known, channels) = (node.clone(), known.clone(), channels.clone());
        ClientHandler::new(node, number, peer, known, channels, kept.clone())
    };

    let deadline = tokio::time::Instant::now() + node.config.limits.door.login_deadline;
    let started = async {
        let mut greeting = [0; GREETING_BYTES];
        let length = match timeout(GREETING_WAIT, stream.peek(&mut greeting)).await {
            Ok(Ok(length)) => length,
            _ => 0,
        };
        let config = node.servers.fitting(&greeting[..length]);
        server::run_stream(config, Socket::new(stream, cut.clone()), handler).await
    };
    let running = match tokio::time::timeout_at(deadline, started).await {
        Ok(Ok(running)) => running,
        Ok(Err(error)) => {
            tracing::debug!(connection = number, %peer, %error, "no SSH connection");
            return;
        }
        Err(_) => return tell_late(number, peer),
    };
    let handle = running.handle();
    tokio::pin!(running);
    let result = tokio::select! {
        result = &mut running => Some(result),
        () = known.cancelled() => None,
        () = tokio::time::sleep_until(deadline) => {
            tell_late(number, peer);
            return;
        }
    };
    let result = match result {
        Some(result) => result,
        None => {
            if !places.known() {
                return;
            }
            tokio::select! {
                result = &mut running => result,
                () = drained(&node, &channels) => leave(running.as_mut(), &handle).await,
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(connection = number, %peer, %error, "an SSH connection failed");
    }
    // Its sessions see that the client is gone, and close.
    channels.close();
    channels.wait().await;
    kept.leave().await;
}

fn tell_late(number: u64, peer: SocketAddr) {
    metrics::counter!("sallyport_ssh_login_deadlines_total").increment(1);
    tracing::debug!(connection = number, %peer, "no login in time");
}

/// Waits until the node drains and this connection has nothing to do.
async fn drained(node: &Node, channels: &TaskTracker) {
    node.drain.cancelled().await;
    // No channel is opened any more: what is refused starts no task.
    channels.close();
    channels.wait().await;
}

/// Ends a connection that has nothing to do. A client whose last command just ended leaves by
/// itself, with that command's exit status; told to go, OpenSSH would forget the status.
async fn leave(
    mut running: Pin<&mut RunningSession<ClientHandler>>,
    handle: &Handle,
) -> Result<(), russh::Error> {
    if let Ok(result) = timeout(GOODBYE_DEADLINE, running.as_mut()).await {
        return result;
    }
    goodbye(handle).await;
    timeout(GOODBYE_DEADLINE, running).await.unwrap_or(Ok(()))
}

async fn goodbye(handle: &Handle) {
    let text = "the gateway is shutting down".to_owned();
    let farewell = handle.disconnect(Disconnect::ByApplication, text, String::new());
    if !matches!(timeout(GOODBYE_DEADLINE, farewell).await, Ok(Ok(()))) {
        tracing::debug!("a client is not told that the gateway shuts down");
    }
}
