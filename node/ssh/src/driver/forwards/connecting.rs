//! A connection that the target opens for a client: `direct-tcpip` (RFC 4254, 7.2) and
//! `direct-streamlocal@openssh.com` (OpenSSH's `PROTOCOL`, 2.4).
//!
//! The target opens it only when its permit is redeemed, and what it is asked for is read out of
//! what was judged. Each has a connection to the target for itself, so that one that stalls holds
//! up no other.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use node_enforce::forward::{Address, Asked, Seen};
use node_gate::{Passage, Permit};
use proto::refusal::{Code, Told};
use russh::server::ChannelOpenHandle;
use russh::{Channel, ChannelOpenFailure, client};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::super::client::Client;
use super::super::dial::Connection;
use super::super::input::Input;
use super::super::output::TargetOutput;
use super::carry::{Counts, End, Far, Source};
use super::{Over, Way};
use crate::config::OPEN_DEADLINE;
use crate::forward::hosts;
use crate::stderr;

/// Where connections are said to come from: what a client says of that was judged by nobody.
const ORIGINATOR: (&str, u32) = ("127.0.0.1", 0);

/// A channel that a client wants connected.
pub(in super::super) struct Connect {
    pub(in super::super) address: Address,
    /// Where it comes from, as the client says.
    pub(in super::super) from: Option<String>,
    pub(in super::super) client: Client,
    pub(in super::super) input: Input,
    pub(in super::super) reply: ChannelOpenHandle,
    /// Held for as long as it lasts: its place among the connection's channels, and the counter of
    /// what waits.
    pub(in super::super) held: (OwnedSemaphorePermit, Arc<AtomicU64>),
}

/// Why a channel is not opened, in SSH's own terms (RFC 4254, 5.1).
pub(in super::super) async fn refuse(reply: ChannelOpenHandle, told: &Told) {
    let code = match told.code {
        Code::TooManySessions | Code::Draining => ChannelOpenFailure::ResourceShortage.code(),
        code if stderr::exit_status(code) == stderr::FAILED => {
            ChannelOpenFailure::ConnectFailed.code()
        }
        _ => ChannelOpenFailure::AdministrativelyProhibited.code(),
    };
    reply.reject(ChannelOpenFailure::Other { code, reason: stderr::reason(told) }).await;
}

impl Connect {
    /// Opens it and carries it until it is over.
    pub(super) async fn run(self, way: Way, command: u64, permit: Permit) -> Over {
        let Self { from, client, mut input, reply, held, .. } = self;
        let begun = Instant::now();
        let opened = tokio::select! {
            biased;
            () = way.stop.cancelled() => Err(End::Told(Told::plain(Code::SessionEnded))),
            () = client.gone.cancelled() => Err(End::ClientLeft),
            opened = open(&way, permit) => opened.map_err(End::Told),
        };
        let (connection, channel, passage) = match opened {
            Ok(opened) => opened,
            Err(end) => {
                if let End::Told(told) = &end {
                    refuse(reply, told).await;
                }
                return Over { command, outcome: end.outcome(), closed: None, ends: true };
            }
        };
        reply.accept().await;
        let (read, write) = channel.split();
        let mut far = Far { write: Arc::new(write), from: Source::Alone(TargetOutput::new(read)) };
        let counts = Counts::default();
        let carrier = way.carrier(Arc::new(passage));
        let end = carrier.carry(&client, &mut input, &mut far, &counts, &way.stop).await;
        match end {
            End::Done | End::ClientLeft => connection.leave().await,
            // Otherwise it is cut.
            End::Told(_) => drop(connection),
        }
        drop(held);
        let closed = counts.closed(command, from, begun, &end);
        Over { command, outcome: end.outcome(), closed: Some(closed), ends: true }
    }
}

type Opened = (Connection, Channel<client::Msg>, Passage);

async fn open(way: &Way, permit: Permit) -> Result<Opened, Told> {
    let connection = way.dial(None).await?;
    let (asked, passage) = redeem(way, permit)?;
    let channel = reach(&connection, &asked).await?;
    Ok((connection, channel, passage))
}

/// What was judged, right before the target is asked for it.
pub(super) fn redeem(way: &Way, permit: Permit) -> Result<(Asked, Passage), Told> {
    let now = way.node.sessions.ports().clock.now().elapsed;
    let redeemed = permit.redeem_forward(now);
    let (text, passage) = redeemed.map_err(|_| Told::plain(Code::PermitExpired))?;
    match Seen::decode(text.bytes()) {
        Some(Seen::Asked(asked)) => Ok((asked, passage)),
        _ => Err(Told::plain(Code::Internal)),
    }
}

/// Asks the target to connect: to the addresses of a name one after the other, as `sshd` would.
async fn reach(connection: &Connection, asked: &Asked) -> Result<Channel<client::Msg>, Told> {
    let (host, port) = match &asked.address {
        Address::Place { host, port } => (host, *port),
        Address::Socket(path) => {
            let opening = connection.handle.channel_open_direct_streamlocal(path);
            let opened = timeout(OPEN_DEADLINE, opening).await;
            return connection.opened(opened).map_err(|fault| failed(connection, &fault.told));
        }
    };
    let hosts = hosts(host, &asked.at);
    let each = OPEN_DEADLINE / u32::try_from(hosts.len()).unwrap_or(1).max(1);
    let mut fault = Told::plain(Code::Internal);
    for host in hosts {
        let (from, at) = ORIGINATOR;
        let opening = connection.handle.channel_open_direct_tcpip(host, u32::from(port), from, at);
        match connection.opened(timeout(each, opening).await) {
            Ok(channel) => return Ok(channel),
            Err(failed) => fault = failed.told,
        }
    }
    Err(failed(connection, &fault))
}

/// Why a target did what it was asked for not, as the client is told.
pub(super) fn failed(connection: &Connection, fault: &Told) -> Told {
    let name = &connection.name;
    let text = match fault.code {
        Code::TargetTimeout => format!("{name} did not open it in time."),
        _ => format!("{name} did not open it: nothing is there, or it may not be reached."),
    };
    Told::new(fault.code, text)
}
