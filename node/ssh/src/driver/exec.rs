//! One channel's command, shell or file transfer: judged, dialled, run, and closed in the record
//! on every way out.
//!
//! The order is the promise: the session judges first and gives a permit only for a durable
//! verdict; only then is the target dialled; the permit is redeemed right before the command is
//! sent; and what comes back goes to the client only as releases of the session.

use std::sync::Arc;
use std::time::Duration;

use node_enforce::files;
use node_enforce::terminal::Seen;
use node_gate::{Ending, Permit, Release};
use node_session::seal::Meter;
use node_session::{Asked, Over, Session};
use parking_lot::Mutex;
use proto::event::Stream;
use proto::reading::Channel;
use proto::refusal::{Code, Told};
use russh::Sig;
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

use super::client::{Caller, Client, Exit};
use super::door::{self, Leaving};
use super::input::{EndOnDrop, Input, pump, resized};
use super::node::Node;
use super::output::Arrived;
use super::target::{Around, Dialled, Lent, Runs, dial};
use crate::channel::Start;
use crate::fetch::{Fetch, Said};
use crate::terminal::Window;
use crate::{signals, stderr};

/// How often a command without output is looked at for input that passed.
pub(super) const INPUT_LOOK: Duration = Duration::from_secs(10);

/// What a channel begins with.
pub(super) struct Begun {
    pub(super) start: Start,
    pub(super) lent: Lent,
}

impl From<Start> for Begun {
    fn from(start: Start) -> Self {
        Self { start, lent: Lent::default() }
    }
}

/// The life of one channel.
pub(super) async fn run(
    node: Arc<Node>,
    caller: Arc<Caller>,
    mut client: Client,
    input: Input,
    start: oneshot::Receiver<Begun>,
) {
    metrics::gauge!("sallyport_ssh_channels").increment(1);
    let start = tokio::select! {
        () = client.gone.cancelled() => None,
        () = node.drain.cancelled() => Some(Start::Refuse(Told::plain(Code::Draining)).into()),
        start = start => start.ok(),
    };
    let (start, lent) = match start {
        Some(Begun { start, lent }) => (Some(start), lent),
        None => (None, Lent::default()),
    };
    let begun = match start {
        None => None,
        Some(Start::Refuse(told)) => {
            client.finish(Exit::Told(told)).await;
            None
        }
        Some(Start::Exec { command, environment, terminal }) => {
            Some((command, Around { environment, terminal, runs: Runs::Command, lent }))
        }
        Some(Start::Shell { environment, terminal }) => {
            let terminal = Some(terminal);
            let opening = Zeroizing::new(Seen::Opening.encode());
            Some((opening, Around { environment, terminal, runs: Runs::Shell, lent }))
        }
        Some(Start::Files { environment }) => {
            let opening = Zeroizing::new(files::Seen::Opening.encode());
            Some((opening, Around { environment, terminal: None, runs: Runs::Files, lent }))
        }
    };
    if let Some((command, around)) = begun {
        client.in_terminal = around.terminal.is_some();
        if let Some(exit) = serve(&node, &caller, &client, input, command, around).await {
            client.finish(exit).await;
        }
    }
    metrics::gauge!("sallyport_ssh_channels").decrement(1);
}

/// Runs a command, a shell or a server of files in a session of its own. Gives what the client is
/// still to be told.
async fn serve(
    node: &Arc<Node>,
    caller: &Caller,
    client: &Client,
    mut input: Input,
    command: Zeroizing<Vec<u8>>,
    mut around: Around,
) -> Option<Exit> {
    let (channel, what) = match around.runs {
        Runs::Command => (Channel::Exec, "exec"),
        Runs::Shell => (Channel::Shell, "shell"),
        Runs::Files => (Channel::Sftp, "sftp"),
    };
    let mut session = match open(node, caller, channel, what).await {
        Ok(session) => session,
        Err(told) => return Some(Exit::Told(told)),
    };
    let leaving = Leaving::Signal(&mut input.signals);
    let judged = door::judge(&mut session, client, leaving, command.to_vec()).await;
    let permit = match judged {
        Ok(permit) => permit,
        Err(told) => {
            // The client need not wait for the record's last word: nothing ran.
            let left = client.gone.is_cancelled();
            client.finish(Exit::Told(told.clone())).await;
            let reason = if left { "client left".to_owned() } else { told.code.to_string() };
            session.close(&reason).await;
            return None;
        }
    };
    let pushes_to = match around.runs {
        Runs::Command => files::pushes_to(&command),
        Runs::Shell | Runs::Files => None,
    };
    let fetch = (around.runs == Runs::Command && files::is_fetch(&command)).then(Fetch::new);
    if pushes_to.is_some() || fetch.is_some() {
        // A terminal's line discipline would make something else of what was judged.
        around.terminal = None;
    }
    let meter = Arc::new(Mutex::new(node.sessions.ports().digest.meter()));
    let mut running = Running { node, client, session, input, meter, signal: None, fetch };
    let ending = running.run(caller, permit, &around, pushes_to.as_deref()).await;
    running.end(ending).await
}

/// Opens a session for somebody who is let in, if they may have one on that channel today.
pub(super) async fn open(
    node: &Node,
    caller: &Caller,
    channel: Channel,
    what: &str,
) -> Result<Session, Told> {
    let actor = match caller.today(&node.view()) {
        Ok(actor) => actor,
        Err(told) => {
            let actor = crate::login::actor(&caller.login.subject, Some(caller.from.clone()));
            let reason = "the key, or its person, is gone since the login".to_owned();
            node.sessions.refused(&actor, caller.number, what, told.clone(), reason);
            return Err(told);
        }
    };
    let asked = Asked {
        actor,
        target: caller.login.target.clone(),
        login: Some(caller.login.login.clone()),
        channel,
        connection: caller.number,
    };
    node.sessions.open_for(&asked, what).await
}

/// A command between its verdict and its end.
pub(super) struct Running<'a> {
    pub(super) node: &'a Arc<Node>,
    pub(super) client: &'a Client,
    pub(super) session: Session,
    pub(super) input: Input,
    pub(super) meter: Arc<Mutex<Meter>>,
    // How the target said that a signal ended the command.
    signal: Option<(Sig, bool)>,
    // What the target says, when it serves a fetch from a git repository.
    fetch: Option<Fetch>,
}

impl Running<'_> {
    /// Runs it, whatever happens; says how it ended.
    async fn run(
        &mut self,
        caller: &Caller,
        permit: Permit,
        around: &Around,
        pushes_to: Option<&str>,
    ) -> Ending {
        match self.start(caller, permit, around).await {
            Ok(mut target) => {
                let ended = match (around.runs, &around.terminal, pushes_to) {
                    (Runs::Shell, Some(terminal), _) => {
                        self.serve_shell(&mut target, terminal.window).await
                    }
                    (Runs::Files, ..) => self.serve_files(&mut target).await,
                    (_, _, Some(repository)) => self.serve_push(&mut target, repository).await,
                    _ => self.serve(&mut target).await,
                };
                if ended.is_ok() {
                    target.part(caller, &around.lent);
                }
                // Otherwise the target's connection is cut here.
                ended.unwrap_or_else(|ending| ending)
            }
            Err(ending) => ending,
        }
    }

    async fn start(
        &mut self,
        caller: &Caller,
        permit: Permit,
        around: &Around,
    ) -> Result<Dialled, Ending> {
        let to = self.session.target().clone();
        let node = self.node.clone();
        let mut target = self
            .meanwhile(dial(&node, caller, &to, &around.lent))
            .await?
            .map_err(Ending::Failed)?;
        let clock = &*node.sessions.ports().clock;
        self.meanwhile(target.begin(permit, around, clock)).await??;
        self.session.started().await.map_err(Ending::Refused)?;
        Ok(target)
    }

    /// Does something for as long as session and client last.
    pub(super) async fn meanwhile<T>(
        &mut self,
        work: impl Future<Output = T>,
    ) -> Result<T, Ending> {
        let gone = &self.client.gone;
        let work = async {
            tokio::select! {
                biased;
                () = gone.cancelled() => None,
                done = work => Some(done),
            }
        };
        match self.session.meanwhile(work).await {
            Ok(Some(done)) => Ok(done),
            Ok(None) => Err(Ending::ClientLeft),
            Err(Over(told)) => Err(Ending::Refused(told)),
        }
    }

    /// Input counts as activity too: an upload may say nothing for hours, and is not idle.
    pub(super) fn look_at_input(&mut self, seen: &mut u64) {
        let passed = self.meter.lock().total().bytes;
        if passed != std::mem::replace(seen, passed) {
            self.session.input_passed();
        }
    }

    /// Passes input, output and signals until the command ended. No input passes after that.
    async fn serve(&mut self, target: &mut Dialled) -> Result<Ending, Ending> {
        let (fault, pump_faults) = mpsc::channel(1);
        let outlet = self.input.take_outlet();
        let pump = outlet.map(|outlet| {
            let tether = self.session.tether();
            pump(outlet, target.write.clone(), self.meter.clone(), fault, tether)
        });
        let pump = pump.map(EndOnDrop::spawn);
        let ended = self.pass(target, pump_faults, &mut Heard::default()).await;
        if let Some(pump) = pump {
            pump.end().await;
        }
        ended
    }

    /// Passes what comes of a command whose input is passed on beside it.
    pub(super) async fn pass(
        &mut self,
        target: &mut Dialled,
        mut pump_faults: mpsc::Receiver<Told>,
        heard: &mut Heard,
    ) -> Result<Ending, Ending> {
        let mut seen = 0;
        loop {
            let next =
                next(&mut self.session, self.client, &mut self.input, target, &mut pump_faults);
            match next.await? {
                Next::Arrived(arrived) => {
                    if let Some(ending) = self.arrived(arrived, heard).await? {
                        return Ok(ending);
                    }
                }
                Next::Signal(signal) => self.signal(target, signal).await?,
                Next::Window(window) => self.resize(target, window).await?,
                Next::Fault(told) => return Err(Ending::Failed(told)),
                Next::Quiet => self.look_at_input(&mut seen),
            }
        }
    }

    /// Passes on what came from the target. Gives how the command ended, once it did.
    pub(super) async fn arrived(
        &mut self,
        arrived: Arrived,
        heard: &mut Heard,
    ) -> Result<Option<Ending>, Ending> {
        match arrived {
            Arrived::Bytes(Stream::Output, bytes) if self.fetch.is_some() => {
                self.fetched(&bytes).await?;
            }
            Arrived::Bytes(stream, bytes) => {
                let released = self.session.output(stream, &bytes).await;
                self.release(released.map_err(Ending::Refused)?).await?;
            }
            Arrived::Quiet => {
                let released = self.session.output_quiet().await;
                self.release(released.map_err(Ending::Refused)?).await?;
            }
            Arrived::Ended => {
                heard.outputs_ended = true;
                if let Some(said) = self.fetch.take().and_then(|mut fetch| fetch.rest()) {
                    self.said(said).await?;
                }
                for stream in [Stream::Output, Stream::Errors] {
                    let released = self.session.output_ended(stream).await;
                    self.release(released.map_err(Ending::Refused)?).await?;
                }
            }
            Arrived::Status(code) => heard.status = Some(Ending::Exited(code)),
            Arrived::Signal { name, core_dumped } => {
                let name = signals::known(name);
                heard.status = Some(Ending::Signalled(signals::name(&name)));
                self.signal = Some((name, core_dumped));
            }
            // A status does not prove that every byte of output came.
            Arrived::Lost if !heard.outputs_ended => return Err(lost()),
            Arrived::Closed | Arrived::Lost => {
                return heard.status.take().ok_or_else(lost).map(Some);
            }
            Arrived::Accepted | Arrived::Refused => {}
        }
        Ok(None)
    }

    /// Passes on what a git server says.
    async fn fetched(&mut self, bytes: &[u8]) -> Result<(), Ending> {
        let Some(mut fetch) = self.fetch.take() else { return Ok(()) };
        fetch.push(bytes);
        while let Some(said) = fetch.next() {
            self.said(said).await?;
        }
        self.fetch = Some(fetch);
        Ok(())
    }

    async fn said(&mut self, said: Said) -> Result<(), Ending> {
        let released = match said {
            Said::Lines(lines, places) => {
                self.session.values(lines, &places, 0).map(|release| vec![release])
            }
            Said::Output(bytes) => self.session.output(Stream::Output, &bytes).await,
        };
        self.release(released.map_err(Ending::Refused)?).await
    }

    pub(super) async fn signal(&mut self, target: &Dialled, signal: Sig) -> Result<(), Ending> {
        let sent = target.write.signal(signals::known(signal));
        self.meanwhile(sent).await?.map_err(|_| lost())
    }

    pub(super) async fn resize(&mut self, target: &Dialled, window: Window) -> Result<(), Ending> {
        let (columns, rows) = (window.columns.get().into(), window.rows.get().into());
        let sent = target.write.window_change(columns, rows, 0, 0);
        self.meanwhile(sent).await?.map_err(|_| lost())
    }

    pub(super) async fn release(&mut self, released: Vec<Release>) -> Result<(), Ending> {
        for release in released {
            let client = self.client;
            if self.meanwhile(client.release(release)).await?.is_err() {
                return Err(Ending::ClientLeft);
            }
        }
        Ok(())
    }

    /// Closes the books. Gives what the client is still to be told.
    async fn end(mut self, ending: Ending) -> Option<Exit> {
        let input = self.meter.lock().total();
        let held_back = match self.session.ended(ending.clone(), input).await {
            Ok(held_back) => held_back,
            Err(told) => {
                tracing::warn!(session = %self.session.id(), %told, "an end is not recorded");
                Vec::new()
            }
        };
        // What ended in good order is delivered for as long as the session lasts; what was ended
        // is not, beyond what the client takes at once.
        let delivered = match &ending {
            Ending::ClientLeft => Err(Ending::ClientLeft),
            _ => self.release(held_back).await,
        };
        self.session.close(&stderr::closing_reason(&ending)).await;
        match (delivered, ending) {
            (Err(Ending::ClientLeft), _) | (_, Ending::ClientLeft) => None,
            (Err(Ending::Refused(told)), Ending::Exited(_) | Ending::Signalled(_)) => {
                Some(Exit::Told(told))
            }
            (_, Ending::Exited(status)) => Some(Exit::Status(status)),
            (_, Ending::Signalled(_)) => {
                let (name, core_dumped) = self.signal.unwrap_or((Sig::TERM, false));
                Some(Exit::Signal { name, core_dumped })
            }
            (_, Ending::Failed(told) | Ending::Refused(told)) => Some(Exit::Told(told)),
        }
    }
}

/// The way to the target failed.
pub(super) fn lost() -> Ending {
    Ending::Failed(Told::plain(Code::TargetLost))
}

/// What a target said so far of how its command ended.
#[derive(Default)]
pub(super) struct Heard {
    status: Option<Ending>,
    outputs_ended: bool,
}

/// What a running command waits for.
enum Next {
    Arrived(Arrived),
    Signal(Sig),
    Window(Window),
    Fault(Told),
    /// Nothing came for a while.
    Quiet,
}

/// Waits for something for as long as the session lasts.
pub(super) async fn while_it_lasts<T>(
    session: &mut Session,
    next: impl Future<Output = Result<T, Ending>>,
) -> Result<T, Ending> {
    session.meanwhile(next).await.unwrap_or_else(|Over(told)| Err(Ending::Refused(told)))
}

async fn next(
    session: &mut Session,
    client: &Client,
    input: &mut Input,
    target: &mut Dialled,
    pump_faults: &mut mpsc::Receiver<Told>,
) -> Result<Next, Ending> {
    let next = async {
        tokio::select! {
            biased;
            () = client.gone.cancelled() => Err(Ending::ClientLeft),
            Some(told) = input.faults.recv() => Ok(Next::Fault(told)),
            Some(told) = pump_faults.recv() => Ok(Next::Fault(told)),
            Some(signal) = input.signals.recv() => Ok(Next::Signal(signal)),
            window = resized(&mut input.windows) => Ok(Next::Window(window)),
            arrived = target.output.next() => Ok(Next::Arrived(arrived)),
            () = tokio::time::sleep(INPUT_LOOK) => Ok(Next::Quiet),
        }
    };
    while_it_lasts(session, next).await
}
