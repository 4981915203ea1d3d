//! A client whose command is held: what it is told meanwhile, and how it leaves.

use std::time::Duration;

use bytes::Bytes;
use node_gate::Permit;
use node_session::{Boxed, Session, Waiting};
use proto::entry::Withdrawn;
use proto::refusal::Told;
use russh::Sig;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::client::Client;

/// How many notices may wait for a client that does not read its standard error.
const NOTICES: usize = 8;
/// How long such a client holds up its own command once that may go.
const NOTICE_DEADLINE: Duration = Duration::from_secs(1);

/// How many bytes of input are read while a line of a terminal is judged; more waits outside.
const KEYS_READ: usize = 64 * 1024;
/// The key that takes a line back.
const INTERRUPT: u8 = 0x03;

/// The client, as its session tells it things and watches it leave.
struct AtTheDoor<'a> {
    notices: mpsc::Sender<Told>,
    gone: CancellationToken,
    leaving: Leaving<'a>,
}

/// How a client says, while its command is judged, that it wants it no more.
pub(super) enum Leaving<'a> {
    /// By a signal.
    Signal(&'a mut mpsc::Receiver<Sig>),
    /// By the interrupt key. All keys that came are kept for later.
    Keys { from: &'a mut mpsc::Receiver<Bytes>, read: &'a mut Vec<u8> },
    /// By nothing but closing its channel.
    Closing,
}

impl Leaving<'_> {
    async fn leaves(&mut self) {
        match self {
            Self::Signal(signals) => {
                if signals.recv().await.is_some() {
                    return;
                }
            }
            Self::Keys { from, read } => {
                while read.len() < KEYS_READ
                    && let Some(keys) = from.recv().await
                {
                    read.extend_from_slice(&keys);
                    if keys.contains(&INTERRUPT) {
                        return;
                    }
                }
            }
            Self::Closing => {}
        }
        std::future::pending::<()>().await;
    }
}

impl Waiting for AtTheDoor<'_> {
    fn tell(&mut self, told: Told) {
        if self.notices.try_send(told).is_err() {
            tracing::debug!("a client does not read what it is told");
        }
    }

    /// It closes its channel, or wants a command no more that does not run yet.
    fn leaves(&mut self) -> Boxed<'_, Withdrawn> {
        Box::pin(async {
            tokio::select! {
                () = self.gone.cancelled() => {}
                () = self.leaving.leaves() => {}
            }
            Withdrawn::ClientLeft
        })
    }
}

/// Judges a client's command, and tells the client what it waits for when it is held.
///
/// # Errors
/// What the client is told: the command does not run.
pub(super) async fn judge(
    session: &mut Session,
    client: &Client,
    leaving: Leaving<'_>,
    command: Vec<u8>,
) -> Result<Permit, Told> {
    let (notices, heard) = mpsc::channel(NOTICES);
    let hear = client.hear(heard);
    tokio::pin!(hear);
    let mut heard_all = false;
    let judged = {
        let gone = client.gone.clone();
        let mut door = AtTheDoor { notices, gone, leaving };
        let judging = session.judge(command, &mut door);
        tokio::pin!(judging);
        loop {
            tokio::select! {
                biased;
                judged = &mut judging => break judged,
                () = &mut hear, if !heard_all => heard_all = true,
            }
        }
    };
    // What is still to be said goes before what the command says.
    if !heard_all && timeout(NOTICE_DEADLINE, hear).await.is_err() {
        tracing::debug!("a client did not read what it was told");
    }
    judged
}
