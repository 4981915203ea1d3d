//! One forwarded connection, from its opening to its end: bytes pass both ways, counted and
//! digested, each at the pace of whoever takes them.
//!
//! What came before one side closed is still given to the other. Nothing passes while there is no
//! contact with the majority.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use node_gate::Passage;
use node_session::Tether;
use parking_lot::Mutex;
use proto::event::{ForwardClosed, Outcome, Stream};
use proto::refusal::{Code, Told};
use russh::{ChannelWriteHalf, client};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::super::client::Client;
use super::super::input::{Input, told_of};
use super::super::output::{Arrived, TargetOutput};
use super::super::spool::Outlet;
use crate::config::FAREWELL_DEADLINE;
use crate::sftp::Passage as Count;

/// The target's side of a connection.
pub(super) struct Far {
    pub(super) write: Arc<ChannelWriteHalf<client::Msg>>,
    pub(super) from: Source,
}

/// Where a target's bytes come from.
pub(super) enum Source {
    /// A channel that has its connection for itself: the target waits when the client does.
    Alone(TargetOutput),
    /// A channel beside others: it is emptied at once, whatever the client does.
    Spooled(Input, CancellationToken),
}

/// What a connection is carried by.
pub(super) struct Carrier {
    pub(super) passage: Arc<Passage>,
    pub(super) tether: Tether,
    /// Counts all bytes of a session: one in which none pass is idle.
    pub(super) busy: Arc<AtomicU64>,
}

/// How a connection ended.
pub(super) enum End {
    /// Both sides were done.
    Done,
    /// The client closed it.
    ClientLeft,
    /// Something broke, or somebody ended it.
    Told(Told),
}

impl End {
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Done => Outcome::Exited(0),
            Self::ClientLeft => Outcome::ClientLeft,
            Self::Told(told) if told.code == Code::SessionEnded => Outcome::Refused(told.clone()),
            Self::Told(told) => Outcome::Failed(told.clone()),
        }
    }
}

/// Bytes that passed, each way.
#[derive(Default)]
pub(super) struct Counts {
    to_target: Mutex<Count>,
    to_client: Mutex<Count>,
}

impl Counts {
    /// What the record says of a connection that is over.
    pub(super) fn closed(
        &self,
        command: u64,
        from: Option<String>,
        begun: Instant,
        end: &End,
    ) -> ForwardClosed {
        ForwardClosed {
            command,
            from,
            to_target: self.to_target.lock().total(),
            to_client: self.to_client.lock().total(),
            duration_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            told: match end {
                End::Told(told) => Some(told.clone()),
                End::Done | End::ClientLeft => None,
            },
        }
    }
}

impl Carrier {
    /// Carries a connection until it is over, and closes the client's side of it.
    pub(super) async fn carry(
        &self,
        client: &Client,
        input: &mut Input,
        far: &mut Far,
        counts: &Counts,
        stop: &CancellationToken,
    ) -> End {
        let Some(outlet) = input.take_outlet() else { return lost() };
        metrics::gauge!("sallyport_ssh_forwards").increment(1);
        let forth = self.to_target(&outlet, &far.write, counts);
        let back = self.to_client(client, &mut far.from, counts);
        tokio::pin!(forth, back);
        let mut forth_done = false;
        let end = loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break End::Told(Told::plain(Code::SessionEnded)),
                Some(told) = input.faults.recv() => break End::Told(told),
                end = &mut back => break end,
                sent = &mut forth, if !forth_done => match sent {
                    Ok(()) => forth_done = true,
                    Err(end) => break end,
                },
                () = client.gone.cancelled() => {
                    // What it sent before it closed is still the target's.
                    outlet.finish();
                    if !forth_done && timeout(FAREWELL_DEADLINE, forth).await.is_err() {
                        tracing::debug!("a target does not take the rest of a forward");
                    }
                    break End::ClientLeft;
                }
            }
        };
        metrics::gauge!("sallyport_ssh_forwards").decrement(1);
        // No end before it: it was said if there was one, and a second one is a fault to some.
        let closing = timeout(FAREWELL_DEADLINE, client.write.close());
        if !client.gone.is_cancelled() && closing.await.is_err() {
            tracing::debug!("a client does not hear that a forward is over");
        }
        end
    }

    /// Passes on what the client sends, and its end.
    async fn to_target(
        &self,
        outlet: &Outlet,
        target: &ChannelWriteHalf<client::Msg>,
        counts: &Counts,
    ) -> Result<(), End> {
        loop {
            match outlet.next().await {
                Ok(Some(bytes)) => self.send(target, bytes, counts).await?,
                Ok(None) => {
                    return self.tether.while_fresh(target.eof()).await.map_err(|_| lost());
                }
                Err(error) => {
                    return Err(End::Told(told_of(&error)));
                }
            }
        }
    }

    async fn send(
        &self,
        target: &ChannelWriteHalf<client::Msg>,
        bytes: Bytes,
        counts: &Counts,
    ) -> Result<(), End> {
        let sent = self.tether.while_fresh(target.data_bytes(bytes.clone())).await;
        sent.map_err(|_| lost())?;
        counts.to_target.lock().pass_on(&bytes);
        self.busy.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Passes on what the target sends, and its end, until it closes.
    async fn to_client(&self, client: &Client, from: &mut Source, counts: &Counts) -> End {
        match from {
            Source::Alone(output) => self.alone(client, output, counts).await,
            Source::Spooled(input, gone) => self.spooled(client, input, gone, counts).await,
        }
    }

    async fn alone(&self, client: &Client, output: &mut TargetOutput, counts: &Counts) -> End {
        loop {
            let taken = match output.next().await {
                Arrived::Bytes(Stream::Output, bytes) => self.give(client, bytes, counts).await,
                Arrived::Ended => client.write.eof().await.is_ok(),
                Arrived::Closed => return End::Done,
                Arrived::Lost => return lost(),
                _ => true,
            };
            if !taken {
                return End::ClientLeft;
            }
        }
    }

    async fn spooled(
        &self,
        client: &Client,
        input: &mut Input,
        gone: &CancellationToken,
        counts: &Counts,
    ) -> End {
        let Some(outlet) = input.take_outlet() else { return lost() };
        let pass = async {
            loop {
                let taken = match outlet.next().await {
                    Ok(Some(bytes)) => self.give(client, bytes, counts).await,
                    Ok(None) => return Ok(client.write.eof().await.is_ok()),
                    Err(_) => return Err(lost()),
                };
                if !taken {
                    return Ok(false);
                }
            }
        };
        let passed = async {
            tokio::pin!(pass);
            tokio::select! {
                biased;
                Some(told) = input.faults.recv() => return (Err(End::Told(told)), true),
                passed = &mut pass => return (passed, false),
                () = gone.cancelled() => outlet.finish(),
            }
            // It has closed; what came before that is still the client's.
            (pass.await, true)
        };
        match passed.await {
            (Ok(true), closed) => {
                if !closed {
                    gone.cancelled().await;
                }
                End::Done
            }
            (Ok(false), _) => End::ClientLeft,
            (Err(end), _) => end,
        }
    }

    async fn give(&self, client: &Client, bytes: Bytes, counts: &Counts) -> bool {
        let release = self.passage.release(bytes.clone());
        if self.tether.while_fresh(client.release(release)).await.is_err() {
            return false;
        }
        counts.to_client.lock().pass_on(&bytes);
        self.busy.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        true
    }
}

fn lost() -> End {
    End::Told(Told::plain(Code::TargetLost))
}
