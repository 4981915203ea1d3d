//! A command, a shell or a server of files at a target: as long as it runs it has a connection for
//! itself, so that a channel that stalls delays no other.

use std::sync::Arc;

use node_gate::{Ending, Permit};
use node_session::Clock;
use proto::refusal::{Code, Told};
use proto::target::Target;
use russh::{Channel, ChannelWriteHalf, client};
use tokio::time::timeout;

use super::client::Caller;
use super::dial::{Connection, connect, measured};
use super::node::Node;
use super::output::{Arrived, TargetOutput};
use super::pinned::{Listens, Pinned};
use crate::config::{EXEC_DEADLINE, OPEN_DEADLINE};
use crate::display::Display;
use crate::terminal::{self, Window};

/// What a command runs in.
pub(super) struct Around {
    pub(super) environment: Vec<(String, String)>,
    pub(super) terminal: Option<terminal::Request>,
    pub(super) runs: Runs,
    pub(super) lent: Lent,
}

/// What of the client is lent to the target, and where connections to it go.
#[derive(Default)]
pub(super) struct Lent {
    pub(super) agent: Option<Listens>,
    pub(super) display: Option<(Display, Listens)>,
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

/// A connection to a target with one open channel. Dropping it cuts it.
pub(super) struct Dialled {
    pub(super) output: TargetOutput,
    pub(super) write: Arc<ChannelWriteHalf<client::Msg>>,
    connection: Connection,
}

/// Opens a channel: on the connection that is kept, or on a new one. What is lent to the target has
/// a connection of its own.
///
/// # Errors
/// What the client is told; the precise reason is in the log.
pub(super) async fn dial(
    node: &Arc<Node>,
    caller: &Caller,
    target: &Target,
    lent: &Lent,
) -> Result<Dialled, Told> {
    let login = &caller.login.login;
    if lent.is_nothing()
        && let Some(kept) = caller.kept.open(node, target, login).await
    {
        metrics::counter!("sallyport_ssh_dials_saved_total").increment(1);
        return Ok(kept);
    }
    let dialled = async {
        let display = lent.display.as_ref().map(|(_, listens)| listens.clone());
        let pinned = Pinned::new(node, target);
        let pinned = pinned.map(|pinned| pinned.lending(lent.agent.clone(), display));
        let connection = connect(node, target, login, pinned).await?;
        let opened = timeout(OPEN_DEADLINE, connection.handle.channel_open_session()).await;
        Ok(Dialled::new(connection.opened(opened)?, connection))
    };
    measured(target, dialled).await
}

impl Lent {
    fn is_nothing(&self) -> bool {
        self.agent.is_none() && self.display.is_none()
    }
}

impl Dialled {
    pub(super) fn new(channel: Channel<client::Msg>, connection: Connection) -> Self {
        let (read, write) = channel.split();
        Self { output: TargetOutput::new(read), write: Arc::new(write), connection }
    }

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
        let text = format!("{} did not take the command in time.", self.connection.name);
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
        if around.lent.agent.is_some() {
            self.write.agent_forward(true).await.map_err(|_| lost())?;
            self.takes("an agent").await?;
        }
        if let Some((Display { single, cookie, screen }, _)) = &around.lent.display {
            let (protocol, cookie) = (Display::PROTOCOL, cookie.as_str());
            let asked = self.write.request_x11(true, *single, protocol, cookie, *screen).await;
            asked.map_err(|_| lost())?;
            self.takes("a display").await?;
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

    /// Waits until the target took what is lent to it, or did not: then the command goes without.
    async fn takes(&mut self, lent: &'static str) -> Result<(), Ending> {
        match self.output.next().await {
            Arrived::Lost | Arrived::Closed => Err(Ending::Failed(Told::plain(Code::TargetLost))),
            Arrived::Refused => {
                tracing::debug!(target_name = %self.connection.name, lent, "is not taken");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Waits until the target took what it was asked for.
    async fn accepted(&mut self, asked: &str) -> Result<(), Ending> {
        match self.output.next().await {
            Arrived::Accepted => Ok(()),
            Arrived::Lost | Arrived::Closed => Err(Ending::Failed(Told::plain(Code::TargetLost))),
            _ => {
                let text = format!("{} refused to {asked}.", self.connection.name);
                Err(Ending::Failed(Told::new(Code::TargetRefusedChannel, text)))
            }
        }
    }

    /// Parts from a target that closed the channel: the connection is kept for the next command,
    /// or left in good order. Neither is waited for.
    pub(super) fn part(self, caller: &Caller, lent: &Lent) {
        match lent.is_nothing() {
            true => caller.kept.keep(self.connection),
            false => caller.kept.leave_at_leisure(self.connection),
        }
    }
}
