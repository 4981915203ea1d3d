//! The gateway's own connections to targets.
//!
//! It never believes a host key that is not pinned, never asks a person for anything, and never
//! gives the target's texts to the client: a target's error messages have not been masked.

use std::sync::Arc;
use std::time::Duration;

use proto::refusal::{Code, Told};
use proto::target::Target;
use russh::client::{self, AuthResult, Handle};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use russh::{AlgorithmKind, Channel, Disconnect};
use tokio::net::TcpStream;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::node::Node;
use super::pinned::Pinned;
use super::socket::Socket;
use crate::algorithms;
use crate::config::{CONNECT_DEADLINE, GOODBYE_DEADLINE, HANDSHAKE_DEADLINE};

/// A connection to a target, logged in. Dropping it cuts it.
pub(super) struct Connection {
    pub(super) handle: Handle<Pinned>,
    pub(super) name: String,
    to: Leads,
    /// When it was logged in.
    since: Instant,
    _cut: DropGuard,
}

/// Where a connection leads, and as whom.
struct Leads {
    target: Target,
    login: String,
    credential: PublicKey,
}

/// Reaches a target, and keeps how long that took.
///
/// # Errors
/// What the client is told; the precise reason is in the log.
pub(super) async fn measured<T>(
    target: &Target,
    reaching: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Told> {
    let begun = Instant::now();
    let reached = reaching.await;
    let result = match &reached {
        Ok(_) => "connected".to_owned(),
        Err(fault) => {
            tracing::warn!(target_name = %target.name, code = %fault.told.code,
                reason = %fault.reason, "a target is not reached");
            fault.told.code.to_string()
        }
    };
    metrics::histogram!("sallyport_ssh_dial_seconds", "result" => result)
        .record(begun.elapsed().as_secs_f64());
    reached.map_err(|fault| fault.told)
}

/// Why a target is not reached: for the client, and for the log.
pub(super) struct Fault {
    pub(super) told: Told,
    reason: String,
}

impl Fault {
    fn new(code: Code, name: &str, reason: impl ToString) -> Self {
        let text = match code {
            Code::HostKeyMismatch => format!(
                "The host key of {name} is not the one that is pinned. Nothing was sent to it."
            ),
            Code::TargetRefusedLogin => format!("{name} refused the gateway's credential."),
            Code::TargetTimeout => format!("{name} did not answer in time."),
            Code::CredentialMissing => {
                format!("The credential for {name} cannot be found on this node.")
            }
            Code::TargetRefusedChannel => format!("{name} refused to run the command."),
            _ => format!("{name} cannot be reached."),
        };
        Self { told: Told::new(code, text), reason: reason.to_string() }
    }
}

/// Connects and logs in, if the target shows a host key that is believed.
pub(super) async fn connect(
    node: &Arc<Node>,
    target: &Target,
    login: &str,
    pinned: Result<Pinned, String>,
) -> Result<Connection, Fault> {
    let name = target.name.to_string();
    let fault = |code, reason: &dyn std::fmt::Display| Fault::new(code, &name, reason);
    let key = node
        .config
        .credentials
        .private_key(target)
        .map_err(|error| fault(Code::CredentialMissing, &error))?;
    let stream = match timeout(CONNECT_DEADLINE, TcpStream::connect(&target.address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(fault(Code::TargetUnreachable, &error)),
        Err(late) => return Err(fault(Code::TargetTimeout, &late)),
    };
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(target_name = %target.name, %error, "no TCP_NODELAY");
    }
    let to = Leads {
        target: target.clone(),
        login: login.to_owned(),
        credential: key.public_key().clone(),
    };
    let cut = CancellationToken::new();
    let guard = cut.clone().drop_guard();
    let pinned = pinned.map_err(|reason| fault(Code::HostKeyMismatch, &reason))?;
    let config = Arc::new(algorithms::towards_target(&node.config.limits, &pinned.keys));
    let handshake = async {
        let handle = client::connect_stream(config, Socket::new(stream, cut), pinned)
            .await
            .map_err(|error| fault(code_of(&error), &error))?;
        log_in(handle, login, key).await.map_err(|(code, reason)| fault(code, &reason))
    };
    let handle = match timeout(HANDSHAKE_DEADLINE, handshake).await {
        Ok(handle) => handle?,
        Err(late) => return Err(fault(Code::TargetTimeout, &late)),
    };
    Ok(Connection { handle, name, to, since: Instant::now(), _cut: guard })
}

impl Connection {
    /// Whether a new connection would reach the same target, believe the same host keys, and log
    /// in with the same credential.
    pub(super) fn leads_to(&self, node: &Node, target: &Target, login: &str) -> bool {
        let credential = node.config.credentials.private_key(target);
        self.to.target == *target
            && self.to.login == login
            && credential.is_ok_and(|key| *key.public_key() == self.to.credential)
    }

    /// Whether it is there, and not older than that.
    pub(super) fn is_good(&self, age: Duration) -> bool {
        !self.handle.is_closed() && self.since.elapsed() < age
    }

    /// A channel that the target was asked to open, when it did.
    pub(super) fn opened(
        &self,
        opened: Result<Result<Channel<client::Msg>, russh::Error>, Elapsed>,
    ) -> Result<Channel<client::Msg>, Fault> {
        let fault = |code, reason: &dyn std::fmt::Display| Fault::new(code, &self.name, reason);
        match opened {
            Ok(Ok(channel)) => Ok(channel),
            Ok(Err(error)) => Err(fault(Code::TargetRefusedChannel, &error)),
            Err(late) => Err(fault(Code::TargetTimeout, &late)),
        }
    }

    /// Takes leave in good order, then cuts the connection.
    pub(super) async fn leave(self) {
        let farewell = self.handle.disconnect(Disconnect::ByApplication, "done", "");
        if !matches!(timeout(GOODBYE_DEADLINE, farewell).await, Ok(Ok(()))) {
            tracing::debug!(target_name = %self.name, "a target was not told goodbye");
            return;
        }
        // The connection's own task ends once the message is written.
        drop(timeout(GOODBYE_DEADLINE, self.handle).await);
    }
}

fn code_of(error: &russh::Error) -> Code {
    match error {
        // No common kind of key: the target has none of those that are pinned.
        russh::Error::UnknownKey
        | russh::Error::WrongServerSig
        | russh::Error::NoCommonAlgo { kind: AlgorithmKind::Key, .. } => Code::HostKeyMismatch,
        russh::Error::KeepaliveTimeout | russh::Error::InactivityTimeout => Code::TargetTimeout,
        _ => Code::TargetUnreachable,
    }
}

async fn log_in(
    mut handle: Handle<Pinned>,
    login: &str,
    key: Arc<PrivateKey>,
) -> Result<Handle<Pinned>, (Code, String)> {
    let lost = |error: russh::Error| (Code::TargetUnreachable, error.to_string());
    let hash = if key.algorithm().is_rsa() {
        handle.best_supported_rsa_hash().await.map_err(lost)?.flatten()
    } else {
        None
    };
    let key = PrivateKeyWithHashAlg::new(key, hash);
    match handle.authenticate_publickey(login, key).await.map_err(lost)? {
        AuthResult::Success => Ok(handle),
        AuthResult::Failure { .. } => {
            Err((Code::TargetRefusedLogin, format!("the key is refused for the login {login}")))
        }
    }
}
