//! The gateway's own connection to a target: one for each channel of a client, so that a channel
//! that stalls delays no other.
//!
//! It never believes a host key that is not pinned, never asks a person for anything, and never
//! gives the target's texts to the client: a target's error messages have not been masked.

use std::sync::Arc;

use node_gate::{Ending, Permit};
use node_session::Clock;
use proto::refusal::{Code, Told};
use proto::target::Target;
use russh::client::{self, AuthResult, Handle};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg};
use russh::{AlgorithmKind, ChannelWriteHalf, Disconnect};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::node::Node;
use super::output::{Arrived, TargetOutput};
use super::pinned::Pinned;
use super::socket::Socket;
use crate::algorithms;
use crate::config::{
    CONNECT_DEADLINE, EXEC_DEADLINE, GOODBYE_DEADLINE, HANDSHAKE_DEADLINE, OPEN_DEADLINE,
};
use crate::terminal::{self, Window};

/// What a command runs in.
pub(super) struct Around {
    pub(super) environment: Vec<(String, String)>,
    pub(super) terminal: Option<terminal::Request>,
    pub(super) runs: Runs,
}

/// What runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runs {
    /// The command.
    Command,
    /// The login's shell, in the terminal.
    Shell,
    /// The server of files.
    Files,
}

/// A connection to a target, logged in, with one open channel. Dropping it cuts it.
pub(super) struct Dialled {
    pub(super) output: TargetOutput,
    pub(super) write: Arc<ChannelWriteHalf<client::Msg>>,
    handle: Handle<Pinned>,
    name: String,
    _cut: DropGuard,
}

/// Connects and logs in.
///
/// # Errors
/// What the client is told; the precise reason is in the log.
pub(super) async fn dial(node: &Arc<Node>, target: &Target, login: &str) -> Result<Dialled, Told> {
    let begun = Instant::now();
    let dialled = try_dial(node, target, login).await;
    let result = match &dialled {
        Ok(_) => "connected".to_owned(),
        Err(fault) => {
            tracing::warn!(target_name = %target.name, code = %fault.told.code,
                reason = %fault.reason, "a target is not reached");
            fault.told.code.to_string()
        }
    };
    metrics::histogram!("sallyport_ssh_dial_seconds", "result" => result)
        .record(begun.elapsed().as_secs_f64());
    dialled.map_err(|fault| fault.told)
}

/// Why a target is not reached: for the client, and for the log.
struct Fault {
    told: Told,
    reason: String,
}

impl Fault {
    fn new(code: Code, target: &Target, reason: impl ToString) -> Self {
        let name = &target.name;
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

async fn try_dial(node: &Arc<Node>, target: &Target, login: &str) -> Result<Dialled, Fault> {
    let fault = |code, reason: &dyn std::fmt::Display| Fault::new(code, target, reason);
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
    let cut = CancellationToken::new();
    let guard = cut.clone().drop_guard();
    let pinned =
        Pinned::new(node, target).map_err(|reason| fault(Code::HostKeyMismatch, &reason))?;
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
    let channel = match timeout(OPEN_DEADLINE, handle.channel_open_session()).await {
        Ok(Ok(channel)) => channel,
        Ok(Err(error)) => return Err(fault(Code::TargetRefusedChannel, &error)),
        Err(late) => return Err(fault(Code::TargetTimeout, &late)),
    };
    let (read, write) = channel.split();
    let output = TargetOutput::new(read);
    let name = target.name.to_string();
    Ok(Dialled { output, write: Arc::new(write), handle, name, _cut: guard })
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

impl Dialled {
    /// Sends the environment and the terminal, then the command if its permit is still good by the
    /// clock, and waits until the target took it.
    ///
    /// # Errors
    /// How the command ended before it began.
    pub(super) async fn begin(
        &mut self,
        permit: Permit,
        around: &Around,
        clock: &dyn Clock,
    ) -> Result<(), Ending> {
        if let Ok(done) = timeout(EXEC_DEADLINE, self.send(permit, around, clock)).await {
            return done;
        }
        let text = format!("{} did not take the command in time.", self.name);
        Err(Ending::Failed(Told::new(Code::TargetTimeout, text)))
    }

    async fn send(
        &mut self,
        permit: Permit,
        around: &Around,
        clock: &dyn Clock,
    ) -> Result<(), Ending> {
        let lost = || Ending::Failed(Told::plain(Code::TargetLost));
        for (name, value) in &around.environment {
            self.write.set_env(false, name, value).await.map_err(|_| lost())?;
        }
        if let Some(terminal) = &around.terminal {
            let Window { columns, rows } = terminal.window;
            let (columns, rows) = (columns.get().into(), rows.get().into());
            let (kind, modes) = (&terminal.kind, &terminal.modes);
            let asked = self.write.request_pty(true, kind, columns, rows, 0, 0, modes).await;
            asked.map_err(|_| lost())?;
            self.accepted("open a terminal").await?;
        }
        // Right before the write: all that went before may have taken longer than a verdict is
        // worth.
        let command = permit
            .redeem(clock.now().elapsed)
            .map_err(|_| Ending::Refused(Told::plain(Code::PermitExpired)))?;
        let asked = match around.runs {
            Runs::Command => self.write.exec(true, command.bytes()).await,
            Runs::Shell => self.write.request_shell(true).await,
            Runs::Files => self.write.request_subsystem(true, "sftp").await,
        };
        asked.map_err(|_| lost())?;
        drop(command);
        let what = if around.runs == Runs::Files { "serve files" } else { "run the command" };
        self.accepted(what).await
    }

    /// Waits until the target took what it was asked for.
    async fn accepted(&mut self, asked: &str) -> Result<(), Ending> {
        match self.output.next().await {
            Arrived::Accepted => Ok(()),
            Arrived::Lost | Arrived::Closed => Err(Ending::Failed(Told::plain(Code::TargetLost))),
            _ => {
                let text = format!("{} refused to {asked}.", self.name);
                Err(Ending::Failed(Told::new(Code::TargetRefusedChannel, text)))
            }
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
