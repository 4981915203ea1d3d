//! A client whose command is held: what it is told meanwhile, and how it leaves.

use std::time::Duration;

use node_gate::Permit;
use node_session::{Boxed, Session, Waiting};
use proto::entry::Withdrawn;
use proto::refusal::Told;
use russh::Sig;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::input::Input;

/// How many notices may wait for a client that does not read its standard error.
const NOTICES: usize = 8;
/// How long such a client holds up its own command once that may go.
const NOTICE_DEADLINE: Duration = Duration::from_secs(1);

/// The client, as its session tells it things and watches it leave.
struct AtTheDoor<'a> {
    notices: mpsc::Sender<Told>,
    gone: CancellationToken,
    signals: &'a mut mpsc::Receiver<Sig>,
}

impl Waiting for AtTheDoor<'_> {
    fn tell(&mut self, told: Told) {
        if self.notices.try_send(told).is_err() {
            tracing::debug!("a client does not read what it is told");
        }
    }

    /// It closes its channel, or signals a command that does not run yet.
    fn leaves(&mut self) -> Boxed<'_, Withdrawn> {
        Box::pin(async {
            let signalled = async {
                if self.signals.recv().await.is_none() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = self.gone.cancelled() => {}
                () = signalled => {}
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
    input: &mut Input,
    command: Vec<u8>,
) -> Result<Permit, Told> {
    let (notices, heard) = mpsc::channel(NOTICES);
    let hear = client.hear(heard);
    tokio::pin!(hear);
    let mut heard_all = false;
    let judged = {
        let (gone, signals) = (client.gone.clone(), &mut input.signals);
        let mut door = AtTheDoor { notices, gone, signals };
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
