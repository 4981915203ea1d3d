//! A place where the target listens for a client: `tcpip-forward` (RFC 4254, 7.1) and
//! `streamlocal-forward@openssh.com` (OpenSSH's `PROTOCOL`, 2.4), and the connections that come in
//! there.
//!
//! They share one connection to the target.

use std::sync::Arc;

use node_enforce::forward::{Address, Asked};
use node_gate::{Passage, Permit};
use proto::refusal::{Code, Told};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::super::dial::Connection;
use super::super::paces::Paces;
use super::super::pinned::Listens;
use super::carry::End;
use super::connecting::{failed, redeem};
use super::place::{Place, Toward, WAITING};
use super::{Over, Shared, Way};
use crate::config::OPEN_DEADLINE;
use crate::forward::written;

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
        let toward = match port {
            Some(port) => Toward::Port(called, port),
            None => Toward::Socket(called),
        };
        let passage = Arc::new(passage);
        let place = Place { way, shared, command, toward, passage, far, overs };
        let end = if heard {
            let stopping = async {
                over.cancelled().await;
                stop_listening(&connection, &asked, port).await;
            };
            Arc::new(place).serve(&mut backs, stopping).await
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
