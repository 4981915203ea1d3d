//! Where connections come in from a target, and how each is carried to the client: a place where
//! the target listens, or an agent or a display that is lent to it.
//!
//! They share one connection to the target, so what comes on each is taken at once, whatever the
//! client does.

use std::sync::Arc;
use std::time::Instant;

use node_gate::Passage;
use proto::refusal::{Code, Told};
use russh::Channel;
use russh::server::Msg;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::super::input;
use super::super::paces::Paces;
use super::super::pinned::Back;
use super::carry::{Counts, End, Far, Source};
use super::{Over, Shared, Way};
use crate::config::{FAREWELL_DEADLINE, OPEN_DEADLINE};

/// How many connections may wait for the client.
pub(super) const WAITING: usize = 16;

/// What connections lead to, as the client knows it.
pub(super) enum Toward {
    /// A port, and how the client calls its host.
    Port(String, u16),
    /// A socket, as the client calls it.
    Socket(String),
    Agent,
    Display,
}

/// Where connections come in.
pub(super) struct Place {
    pub(super) way: Way,
    pub(super) shared: Arc<Shared>,
    /// What let them.
    pub(super) command: u64,
    pub(super) toward: Toward,
    pub(super) passage: Arc<Passage>,
    /// The pace of what comes in at the target.
    pub(super) far: Arc<Paces>,
    /// Takes each that ended.
    pub(super) overs: mpsc::Sender<Over>,
}

impl Place {
    /// Carries what comes in, until `stopping` is done or the target is gone, and then what has
    /// come in. It is the target's fault only when nobody stopped it.
    pub(super) async fn serve(
        self: Arc<Self>,
        backs: &mut mpsc::Receiver<Back>,
        stopping: impl Future<Output = ()>,
    ) -> End {
        tokio::pin!(stopping);
        let mut open = JoinSet::new();
        let mut listens = true;
        while listens || !open.is_empty() {
            tokio::select! {
                biased;
                () = self.way.stop.cancelled() => {
                    while open.join_next().await.is_some() {}
                    return End::Told(Told::plain(Code::SessionEnded));
                }
                () = &mut stopping, if listens => listens = false,
                Some(_) = open.join_next() => {}
                back = backs.recv() => match back {
                    Some(back) if listens => drop(open.spawn(self.clone().carry(back))),
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
    async fn carry(self: Arc<Self>, back: Back) {
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
        // Whatever the target does, what passed is recorded.
        if timeout(FAREWELL_DEADLINE, far.write.close()).await.is_err() {
            tracing::debug!("a target does not hear that a forward is over");
        }
        let closed = counts.closed(self.command, from, begun, &end);
        let (command, outcome) = (self.command, end.outcome());
        let over = Over { command, outcome, closed: Some(closed), ends: false };
        drop(self.overs.send(over).await);
    }

    /// Asks the client to take a connection.
    async fn tell_client(&self, from: Option<&str>) -> Result<Channel<Msg>, russh::Error> {
        let handle = &self.shared.handle;
        let (host, at) = from.and_then(|from| from.rsplit_once(':')).unwrap_or(("", "0"));
        let at = at.parse().unwrap_or(0);
        match &self.toward {
            Toward::Port(called, port) => {
                handle.channel_open_forwarded_tcpip(called, u32::from(*port), host, at).await
            }
            Toward::Socket(called) => handle.channel_open_forwarded_streamlocal(called).await,
            Toward::Agent => handle.channel_open_agent().await,
            Toward::Display => handle.channel_open_x11(host, at).await,
        }
    }
}
