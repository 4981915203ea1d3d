//! The forwards of one client's connection: one session, in which each is judged as a command is,
//! and runs beside the others.
//!
//! One task judges, and keeps what became of each; it alone has the session. Each forward is
//! carried by a task of its own, which ends when the session does. A session that ends by itself,
//! because nothing happened in it, is followed by another when something is asked for again.

mod carry;
mod connecting;
mod lending;
mod listening;
mod lookup;
mod place;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use node_enforce::forward::{Address, Seen};
use node_gate::{Carried, Ending, Passage};
use node_session::{Over as SessionOver, Patient, Session, Tether};
use proto::event::{Counted, ForwardClosed, Outcome};
use proto::reading::{Channel, ForwardOperation};
use proto::refusal::{Code, Told};
use proto::target::Target;
use russh::server::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::client::Caller;
use super::dial::{Connection, connect, measured};
use super::exec;
use super::node::Node;
use super::paces::Paces;
use super::pinned::{Listens, Pinned};
use crate::config::CHANNELS_EVER;
use crate::stderr;

use carry::Carrier;
pub(super) use connecting::{Connect, refuse};
pub(super) use lending::{Lent, lend};
pub(super) use listening::Listen;
pub(super) use lookup::Names;

/// How often it is looked whether bytes passed.
const LOOK: Duration = Duration::from_secs(10);
/// How many connections to a target are made at a time.
const DIALS: usize = 4;
/// How many forwards that are over may wait to be recorded.
const OVERS: usize = 16;

/// What a client asks for.
pub(super) enum Ask {
    Connect(Box<Connect>),
    Listen(Listen),
}

/// What all forwards of a client's connection share.
pub(super) struct Shared {
    pub(super) handle: Handle,
    /// Places for its channels.
    pub(super) places: Arc<Semaphore>,
    pub(super) paces: Arc<Paces>,
    /// How many channels it has opened.
    pub(super) opened: Arc<AtomicU64>,
}

impl Shared {
    /// A place for a channel that the gateway opens, if the client's connection has one.
    fn place(&self) -> Option<OwnedSemaphorePermit> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        let opened = self.opened.fetch_add(1, Ordering::Relaxed);
        (opened < CHANNELS_EVER).then_some(place)
    }
}

/// What each forward is given of its session.
#[derive(Clone)]
struct Way {
    node: Arc<Node>,
    target: Arc<Target>,
    login: String,
    tether: Tether,
    busy: Arc<AtomicU64>,
    /// A target lets few in at a time who have not logged in (`MaxStartups` of `sshd`).
    dials: Arc<Semaphore>,
    /// Cancelled when the session is over.
    stop: CancellationToken,
}

impl Way {
    /// Reaches the target, in turn.
    async fn dial(&self, listens: Option<Listens>) -> Result<Connection, Told> {
        let _turn = self.dials.acquire().await.map_err(|_| Told::plain(Code::SessionEnded))?;
        let (node, target) = (&self.node, &self.target);
        let reaching = async {
            let pinned = Pinned::new(node, target).map(|pinned| match listens {
                Some(listens) => pinned.listening(listens),
                None => pinned,
            });
            connect(node, target, &self.login, pinned).await
        };
        measured(target, reaching).await
    }

    fn carrier(&self, passage: Arc<Passage>) -> Carrier {
        Carrier { passage, tether: self.tether.clone(), busy: self.busy.clone() }
    }
}

/// A forward, or a connection of one that listens, that is over.
struct Over {
    command: u64,
    outcome: Outcome,
    /// What passed, if it was opened.
    closed: Option<ForwardClosed>,
    /// Whether the forward itself is over.
    ends: bool,
}

impl Over {
    /// How many bytes the target was sent.
    fn sent(&self) -> u64 {
        self.closed.as_ref().map_or(0, |closed| closed.to_target.bytes)
    }

    /// With the reason for which the session ended, if that ended this.
    fn because(mut self, ending: &Ending) -> Self {
        let is_stopped = |told: &Told| told.code == Code::SessionEnded;
        if !matches!(&self.outcome, Outcome::Refused(told) if is_stopped(told)) {
            return self;
        }
        let (outcome, told) = match ending {
            Ending::Refused(told) | Ending::Failed(told) => {
                (Outcome::Refused(told.clone()), Some(told.clone()))
            }
            _ => (Outcome::ClientLeft, None),
        };
        self.outcome = outcome;
        if let Some(closed) = &mut self.closed {
            closed.told = told;
        }
        self
    }
}

impl Ask {
    /// Says that it is not done.
    pub(super) async fn refuse(self, told: Told) {
        match self {
            Self::Connect(connect) => refuse(connect.reply, &told).await,
            // Nobody hears it who does not wait for it any more.
            Self::Listen(listen) => drop(listen.answer.send(Err(told))),
        }
    }

    fn operation(&self) -> ForwardOperation {
        match self {
            Self::Connect(_) => ForwardOperation::Connect,
            Self::Listen(_) => ForwardOperation::Listen,
        }
    }

    fn address(&self) -> &Address {
        match self {
            Self::Connect(connect) => &connect.address,
            Self::Listen(listen) => &listen.address,
        }
    }
}

/// Serves what is asked for until the client's connection is gone, or nothing is left to do while
/// the node drains.
pub(super) async fn run(
    node: Arc<Node>,
    caller: Arc<Caller>,
    shared: Shared,
    mut asks: mpsc::Receiver<Ask>,
) {
    let shared = Arc::new(shared);
    loop {
        let ask = tokio::select! {
            biased;
            () = node.drain.cancelled() => None,
            ask = asks.recv() => ask,
        };
        let Some(ask) = ask else { return };
        let what = format!("{} {}", ask.operation().word(), ask.address());
        match exec::open(&node, &caller, Channel::Forward, &what).await {
            Ok(session) => {
                let forwards = Forwards::new(node.clone(), session, shared.clone());
                forwards.serve(ask, &mut asks).await;
            }
            Err(told) => ask.refuse(told).await,
        }
    }
}

/// What the task of a session waits for.
enum Next {
    Ask(Ask),
    Over(Over),
    /// The client's connection is gone.
    Gone,
    /// The node drains, and nothing is forwarded.
    Drained,
    /// Nothing came for a while.
    Quiet,
}

/// The forwards of one session.
struct Forwards {
    session: Session,
    way: Way,
    shared: Arc<Shared>,
    overs: mpsc::Receiver<Over>,
    over: mpsc::Sender<Over>,
    /// How many are under way.
    open: usize,
    /// How many bytes those that are over sent to the target.
    sent: u64,
}

impl Forwards {
    fn new(node: Arc<Node>, session: Session, shared: Arc<Shared>) -> Self {
        let (over, overs) = mpsc::channel(OVERS);
        let way = Way {
            node,
            target: session.target().clone(),
            login: session.login().to_owned(),
            tether: session.tether(),
            busy: Arc::default(),
            dials: Arc::new(Semaphore::new(DIALS)),
            stop: CancellationToken::new(),
        };
        Self { session, way, shared, overs, over, open: 0, sent: 0 }
    }

    /// Serves a session, and closes the books of all that was forwarded in it.
    async fn serve(mut self, first: Ask, asks: &mut mpsc::Receiver<Ask>) {
        // Nothing is sent to the target for it: what it permits is that more is asked.
        let ending = match self.session.judge(Seen::Opening.encode(), &mut Patient).await {
            Ok(permit) => {
                drop(permit);
                self.pass(first, asks).await.unwrap_or_else(|ending| ending)
            }
            Err(told) => {
                first.refuse(told.clone()).await;
                return self.session.close(&told.code.to_string()).await;
            }
        };
        self.close(ending).await;
    }

    /// Ends what is under way, and closes the books.
    async fn close(self, ending: Ending) {
        let Self { mut session, way, mut overs, over, mut sent, .. } = self;
        way.stop.cancel();
        drop(over);
        // Ends when every forward has said what passed.
        while let Some(over) = overs.recv().await {
            sent += over.sent();
            if let Err(told) = keep(&mut session, over.because(&ending)).await {
                tracing::warn!(session = %session.id(), %told, "what passed is not recorded");
            }
        }
        let input = Counted { bytes: sent, digest: None, truncated: sent > 0 };
        if let Err(told) = session.ended(ending.clone(), input).await {
            tracing::warn!(session = %session.id(), %told, "an end is not recorded");
        }
        session.close(&stderr::closing_reason(&ending)).await;
    }

    async fn pass(&mut self, first: Ask, asks: &mut mpsc::Receiver<Ask>) -> Result<Ending, Ending> {
        self.session.started().await.map_err(Ending::Refused)?;
        let mut next = Next::Ask(first);
        let mut seen = 0;
        loop {
            match next {
                Next::Ask(ask) => self.ask(ask).await?,
                Next::Over(over) => {
                    self.open -= usize::from(over.ends);
                    self.sent += over.sent();
                    keep(&mut self.session, over).await.map_err(Ending::Refused)?;
                }
                Next::Gone => return Ok(Ending::ClientLeft),
                Next::Drained => return Ok(Ending::Exited(0)),
                Next::Quiet => {
                    let passed = self.way.busy.load(Ordering::Relaxed);
                    if passed != std::mem::replace(&mut seen, passed) {
                        self.session.input_passed();
                    }
                }
            }
            next = self.next(asks).await?;
        }
    }

    async fn next(&mut self, asks: &mut mpsc::Receiver<Ask>) -> Result<Next, Ending> {
        let (overs, drain, idle) = (&mut self.overs, &self.way.node.drain, self.open == 0);
        let next = async {
            tokio::select! {
                biased;
                Some(over) = overs.recv() => Next::Over(over),
                () = drain.cancelled(), if idle => Next::Drained,
                ask = asks.recv() => ask.map_or(Next::Gone, Next::Ask),
                () = tokio::time::sleep(LOOK) => Next::Quiet,
            }
        };
        self.session.meanwhile(next).await.map_err(|SessionOver(told)| Ending::Refused(told))
    }

    /// Judges one forward, and has it carried when it may be opened.
    async fn ask(&mut self, ask: Ask) -> Result<(), Ending> {
        let (address, operation) = (ask.address().clone(), ask.operation());
        let (node, target) = (self.way.node.clone(), self.way.target.clone());
        let finding = lookup::find(&node, &target, address, operation);
        let asked = match self.session.meanwhile(finding).await {
            Ok(asked) => asked,
            Err(SessionOver(told)) => {
                ask.refuse(told.clone()).await;
                return Err(Ending::Refused(told));
            }
        };
        let text = Seen::Asked(asked).encode();
        let permit = match self.session.judge(text, &mut Patient).await {
            Ok(permit) => permit,
            Err(told) => {
                ask.refuse(told).await;
                return Ok(());
            }
        };
        self.open += 1;
        let (command, way, over) =
            (self.session.last_command(), self.way.clone(), self.over.clone());
        match ask {
            Ask::Connect(connect) => {
                tokio::spawn(
                    async move { tell(&over, connect.run(way, command, permit).await).await },
                );
            }
            Ask::Listen(listen) => {
                let (shared, overs) = (self.shared.clone(), over.clone());
                tokio::spawn(async move {
                    tell(&over, listen.run(way, shared, command, permit, overs).await).await;
                });
            }
        }
        Ok(())
    }
}

async fn tell(overs: &mpsc::Sender<Over>, over: Over) {
    if overs.send(over).await.is_err() {
        tracing::warn!("nobody records what a forward carried");
    }
}

/// Keeps what became of a forward, or of a connection that came in.
async fn keep(session: &mut Session, over: Over) -> Result<(), Told> {
    let Over { command, outcome, closed, ends } = over;
    match closed {
        Some(closed) if !ends => session.forwarded(closed).await,
        closed => {
            let passed = closed.map(|closed| Carried::Forward(Box::new(closed)));
            session.answered(command, outcome, passed).await
        }
    }
}
