//! A place where the target listens for a client: `tcpip-forward` (RFC 4254, 7.1) and
//! `streamlocal-forward@openssh.com` (OpenSSH's `PROTOCOL`, 2.4), and the connections that come in
//! there.
//!
//! They share one connection to the target, so what comes on each is taken at once, whatever the
//! client does.

use std::sync::Arc;
use std::time::Instant;

use node_enforce::forward::{Address, Asked};
use node_gate::{Passage, Permit};
use proto::refusal::{Code, Told};
use russh::Channel;
use russh::server::Msg;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::super::dial::Connection;
use super::super::input;
use super::super::paces::Paces;
use super::super::pinned::{Back, Listens};
use super::carry::{Counts, End, Far, Source};
use super::connecting::{failed, redeem, written};
use super::{Over, Shared, Way};
use crate::config::OPEN_DEADLINE;

/// How many connections may wait for the client.
const WAITING: usize = 16;

/// A place where a client wants a target to listen.
pub(in super::super) struct Listen {
    pub(in super::super) address: Address,
    /// As the client calls it: so it is told of connections.
    pub(in super::super) called: String,
    /// Takes the port at which the target listens, or why it does not.
    pub(in super::super) answer: oneshot::Sender<Result<u16, Told>>,
    /// Cancelled by whichever side wants no more of it.
    pub(in super::super) over: CancellationToken,
}

/// A place where a target listens.
struct Place {
    way: Way,
    shared: Arc<Shared>,
    command: u64,
    /// The port, if it is one, and how the client calls the rest.
    port: Option<u16>,
    called: String,
    passage: Arc<Passage>,
    /// The pace of what comes in at the target.
    far: Arc<Paces>,
    overs: mpsc::Sender<Over>,
}

impl Listen {
    /// Has the target listen until somebody wants that no more, and carries what comes in. `overs`
    /// takes each connection that ended.
    pub(super) async fn run(
        self,
        way: Way,
        shared: Arc<Shared>,
        command: u64,
        permit: Permit,
        overs: mpsc::Sender<Over>,
    ) -> Over {
        let Self { called, answer, over, .. } = self;
        // Whichever way this ends, it is over.
        let _over = over.clone().drop_guard();
        let (back, mut backs) = mpsc::channel(WAITING);
        let far = Arc::new(Paces::default());
        let opened = tokio::select! {
            biased;
            () = way.stop.cancelled() => Err(Told::plain(Code::SessionEnded)),
            opened = open(&way, permit, Listens { back, paces: far.clone() }) => opened,
        };
        let (connection, asked, passage, port) = match opened {
            Ok(opened) => opened,
            Err(told) => {
                let end = End::Told(told.clone());
                drop(answer.send(Err(told)));
                return Over { command, outcome: end.outcome(), closed: None, ends: true };
            }
        };
        let heard = answer.send(Ok(port.unwrap_or(0))).is_ok();
        let place = Arc::new(Place {
            way,
            shared,
            command,
            port,
            called,
            passage: Arc::new(passage),
            far,
            overs,
        });
        let end = if heard {
            place.clone().serve(&connection, &asked, &mut backs, &over).await
        } else {
            // Whoever asked does not wait any more.
            End::ClientLeft
        };
        match end {
            End::Done | End::ClientLeft => connection.leave().await,
            End::Told(_) => drop(connection),
        }
        Over { command, outcome: end.outcome(), closed: None, ends: true }
    }
}

type Opened = (Connection, Asked, Passage, Option<u16>);

async fn open(way: &Way, permit: Permit, listens: Listens) -> Result<Opened, Told> {
    let connection = way.dial(Some(listens)).await?;
    let (asked, passage) = redeem(way, permit)?;
    let asking = async {
        match &asked.address {
            Address::Place { host, port } => {
                let wanted = u32::from(*port);
                let chosen = connection.handle.tcpip_forward(written(host), wanted).await?;
                Ok(Some(if *port == 0 { u16::try_from(chosen).unwrap_or(0) } else { *port }))
            }
            Address::Socket(path) => {
                connection.handle.streamlocal_forward(path).await?;
                Ok(None)
            }
        }
    };
    let listens: Result<Option<u16>, russh::Error> = match timeout(OPEN_DEADLINE, asking).await {
        Ok(listens) => listens,
        Err(_) => return Err(failed(&connection, &Told::plain(Code::TargetTimeout))),
    };
    let refused = |_| failed(&connection, &Told::plain(Code::TargetRefusedChannel));
    let port = listens.map_err(refused)?;
    Ok((connection, asked, passage, port))
}

impl Place {
    async fn serve(
        self: Arc<Self>,
        connection: &Connection,
        asked: &Asked,
        backs: &mut mpsc::Receiver<Back>,
        over: &CancellationToken,
    ) -> End {
        let mut open = JoinSet::new();
        let mut listens = true;
        while listens || !open.is_empty() {
            tokio::select! {
                biased;
                () = self.way.stop.cancelled() => {
                    while open.join_next().await.is_some() {}
                    return End::Told(Told::plain(Code::SessionEnded));
                }
                () = over.cancelled(), if listens => {
                    listens = false;
                    stop_listening(connection, asked, self.port).await;
                }
                Some(_) = open.join_next() => {}
                back = backs.recv() => match back {
                    Some(back) if listens => drop(open.spawn(self.clone().back(back))),
                    // It came while the target was told to listen no more: dropping refuses it.
                    Some(_) => {}
                    None => {
                        while open.join_next().await.is_some() {}
                        return End::Told(Told::plain(Code::TargetLost));
                    }
                },
            }
        }
        End::Done
    }

    /// Carries one connection that came in, if the client takes it.
    async fn back(self: Arc<Self>, back: Back) {
        let Back { channel, reply, from } = back;
        let begun = Instant::now();
        let Some(_place) = self.shared.place() else {
            tracing::debug!("a connection that came in finds no place among the client's channels");
            return;
        };
        let near = tokio::select! {
            biased;
            () = self.way.stop.cancelled() => return,
            near = timeout(OPEN_DEADLINE, self.tell_client(from.as_deref())) => near,
        };
        let Ok(Ok(near)) = near else {
            tracing::debug!("a client does not take a connection that came in");
            return;
        };
        let node = &self.way.node;
        let (client, mut input, sent) =
            input::split(near, self.shared.handle.clone(), node.spool());
        self.shared.paces.keep(client.id(), &sent);
        let (read, write) = channel.split();
        let (far, gone, came) = input::emptied(read, node.spool());
        self.far.keep(write.id(), &came);
        reply.accept().await;
        let mut far = Far { write: Arc::new(write), from: Source::Spooled(far, gone) };
        let counts = Counts::default();
        let carrier = self.way.carrier(self.passage.clone());
        let end = carrier.carry(&client, &mut input, &mut far, &counts, &self.way.stop).await;
        drop(far.write.close().await);
        let closed = counts.closed(self.command, from, begun, &end);
        let (command, outcome) = (self.command, end.outcome());
        let over = Over { command, outcome, closed: Some(closed), ends: false };
        drop(self.overs.send(over).await);
    }

    /// Asks the client to take a connection.
    async fn tell_client(&self, from: Option<&str>) -> Result<Channel<Msg>, russh::Error> {
        let handle = &self.shared.handle;
        let Some(port) = self.port else {
            return handle.channel_open_forwarded_streamlocal(&self.called).await;
        };
        let (host, at) = from.and_then(|from| from.rsplit_once(':')).unwrap_or(("", "0"));
        let at = at.parse().unwrap_or(0);
        handle.channel_open_forwarded_tcpip(&self.called, u32::from(port), host, at).await
    }
}

/// Has the target listen no more. Connections that came in go on.
async fn stop_listening(connection: &Connection, asked: &Asked, port: Option<u16>) {
    let asking = async {
        match (&asked.address, port) {
            (Address::Place { host, .. }, Some(port)) => {
                connection.handle.cancel_tcpip_forward(written(host), u32::from(port)).await
            }
            (Address::Socket(path), _) => connection.handle.cancel_streamlocal_forward(path).await,
            (Address::Place { .. }, None) => Ok(()),
        }
    };
    if !matches!(timeout(OPEN_DEADLINE, asking).await, Ok(Ok(()))) {
        tracing::debug!(target_name = %connection.name, "a target listens on");
    }
}
