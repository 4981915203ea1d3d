//! One live session, as a protocol's driver uses it.
//!
//! The driver gives commands and the target's bytes, and gets a permit, a refusal, or releases. It
//! cannot get around the gate: what it may write is in values that only the gate makes.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use node_enforce::mask::Raw;
use node_gate::{Command, CommandText, Ending, Gate, Input, Output, Permit, Release};
use proto::entry::Entry;
use proto::event::{Counted, Stream};
use proto::ids::SessionId;
use proto::reading::Durability;
use proto::refusal::{Code, Told};
use proto::target::Target;
use store_log::Pending;

use crate::keeping;
use crate::live::Listed;
use crate::sessions::Ports;

/// How many windows of output may be on their way to the disk before the target is not read on.
const WINDOWS_IN_FLIGHT: usize = 32;

/// How often a session looks whether policy lets it go on.
const TICK: Duration = Duration::from_secs(1);

/// Windows that may be written to the client now, in order.
pub type Released = Vec<Release>;

/// Why a session's work was interrupted, and what the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Over(pub Told);

/// One live session.
pub struct Session {
    ports: Arc<Ports>,
    id: SessionId,
    target: Arc<Target>,
    gate: Gate,
    listed: Listed,
    in_flight: VecDeque<Pending>,
    // Whether the record holds its first event; before that there is nothing to end in it.
    opened: bool,
}

impl Session {
    pub(crate) async fn start(
        ports: Arc<Ports>,
        id: SessionId,
        target: Arc<Target>,
        gate: Gate,
        listed: Listed,
        outputs: Vec<Output>,
    ) -> Result<Self, Told> {
        let in_flight = VecDeque::new();
        let opened = false;
        let mut session = Self { ports, id, target, gate, listed, in_flight, opened };
        for output in outputs {
            if let Output::Append(append) = output {
                drop(keeping::append(&session.ports.record, &append).await?);
            }
        }
        session.opened = true;
        Ok(session)
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &SessionId {
        &self.id
    }

    /// The target it is with.
    #[must_use]
    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// What sessions need of their node.
    #[must_use]
    pub fn ports(&self) -> &Arc<Ports> {
        &self.ports
    }

    /// Judges a command. The permit comes only after the verdict is durable.
    ///
    /// # Errors
    /// What to tell the client: the command does not run.
    pub async fn judge(&mut self, text: Vec<u8>) -> Result<Permit, Told> {
        let text = CommandText::new(text)
            .map_err(|long| Told::new(Code::CommandTooLong, long.to_string()))?;
        let sealed = self
            .ports
            .seal
            .seal(&self.id, self.gate.next_command(), text.bytes())
            .map_err(|error| Told::new(Code::Internal, error))?;
        let digest = self.ports.digest.digest(text.bytes());
        let outputs = self.tell(Input::Command(Command { text, digest, sealed }))?;
        let Some(pending) = self.keep(outputs).await? else {
            return Err(Told::plain(Code::Internal));
        };
        let outputs = match pending {
            Ok(pending) => match keeping::receipt(&self.ports.record, pending).await {
                Ok(receipt) => self.tell(Input::Recorded(receipt))?,
                Err(told) => self.tell(Input::NotRecorded(told))?,
            },
            Err(told) => self.tell(Input::NotRecorded(told))?,
        };
        self.ruled(outputs).await
    }

    /// Keeps what comes before a verdict's receipt; gives what is to be waited for. An event that
    /// is refused makes the verdict one that is not recorded.
    async fn keep(&mut self, outputs: Vec<Output>) -> Result<Option<Result<Pending, Told>>, Told> {
        let mut waited = None;
        for output in outputs {
            let Output::Append(append) = output else {
                return Err(Told::plain(Code::Internal));
            };
            match keeping::append(&self.ports.record, &append).await {
                Ok(appending) if append.answer.is_some() => waited = Some(Ok(appending.pending)),
                Ok(_) => {}
                Err(told) => return Ok(Some(Err(told))),
            }
        }
        Ok(waited)
    }

    async fn ruled(&mut self, outputs: Vec<Output>) -> Result<Permit, Told> {
        let mut ruling = Err(Told::plain(Code::Internal));
        for output in outputs {
            match output {
                Output::Forward(permit) => ruling = Ok(permit),
                Output::Refuse(refusal) => ruling = Err(refusal.told().clone()),
                Output::Append(append) => self.keep_or_warn(&append).await,
                _ => {}
            }
        }
        let verdict = if ruling.is_ok() { "allowed" } else { "refused" };
        metrics::counter!("sallyport_commands_total", "verdict" => verdict).increment(1);
        ruling
    }

    /// The target took the command.
    ///
    /// # Errors
    /// What to tell the client when the record refuses: the command must be ended.
    pub async fn started(&mut self) -> Result<(), Told> {
        for output in self.tell(Input::Started)? {
            if let Output::Append(append) = output {
                drop(keeping::append(&self.ports.record, &append).await?);
            }
        }
        Ok(())
    }

    /// Takes bytes of the target; gives what may be written to the client now. Waits when too much
    /// is on its way to the disk.
    ///
    /// # Errors
    /// What to tell the client when the record refuses: nothing more may be let through.
    pub async fn output(&mut self, stream: Stream, bytes: &[u8]) -> Result<Released, Told> {
        let outputs = self.tell(Input::Output { stream, raw: Raw::new(bytes) })?;
        self.release(outputs).await
    }

    /// The target sends no more on this output; gives what was held back.
    ///
    /// # Errors
    /// As [`Session::output`].
    pub async fn output_ended(&mut self, stream: Stream) -> Result<Released, Told> {
        let outputs = self.tell(Input::OutputEnded(stream))?;
        self.release(outputs).await
    }

    async fn release(&mut self, outputs: Vec<Output>) -> Result<Released, Told> {
        let mut released = Vec::with_capacity(outputs.len());
        let mut refused = None;
        for output in outputs {
            match output {
                Output::Release(release) if refused.is_none() => released.push(release),
                Output::Keep(append, window) if refused.is_none() => {
                    match self.keep_window(append, window).await {
                        Ok(release) => released.push(release),
                        Err(told) => refused = Some(told),
                    }
                }
                // What follows a refused window is last words, and they are said all the same.
                Output::Append(append) => self.keep_or_warn(&append).await,
                _ => {}
            }
        }
        while self.in_flight.len() > WINDOWS_IN_FLIGHT {
            if let Some(pending) = self.in_flight.pop_front() {
                drop(keeping::receipt(&self.ports.record, pending).await?);
            }
        }
        refused.map_or(Ok(released), Err)
    }

    async fn keep_window(
        &mut self,
        append: node_gate::Append,
        window: node_gate::Unreleased,
    ) -> Result<Release, Told> {
        let appending = keeping::append(&self.ports.record, &append).await?;
        let receipt = if window.required() == Durability::Queued {
            self.in_flight.push_back(appending.pending);
            appending.queued
        } else {
            keeping::receipt(&self.ports.record, appending.pending).await?
        };
        let unproven =
            |error: node_gate::Unproven| Told::new(Code::RecordUnavailable, error.to_string());
        window.settle(receipt).map_err(unproven)
    }

    /// Ends the running command; gives what was held back of its outputs.
    ///
    /// # Errors
    /// As [`Session::output`].
    pub async fn ended(&mut self, ending: Ending, input: Counted) -> Result<Released, Told> {
        let outputs = self.tell(Input::Ended { ending, input })?;
        self.release(outputs).await
    }

    /// Does something for as long as the session may go on.
    ///
    /// # Errors
    /// [`Over`] when policy, an operator or the node's shutdown ends it first.
    pub async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Over> {
        tokio::pin!(work);
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                biased;
                told = ending(&mut self.listed.end) => return Err(Over(told)),
                done = &mut work => return Ok(done),
                _ = tick.tick() => {
                    if let Some(told) = self.tick() {
                        return Err(Over(told));
                    }
                }
            }
        }
    }

    fn tick(&mut self) -> Option<Told> {
        let now = self.ports.clock.now();
        let outputs = self.gate.on(Input::Tick, now).ok()?;
        outputs.into_iter().find_map(|output| match output {
            Output::End(told) => Some(told),
            _ => None,
        })
    }

    /// Bytes were passed to the command's input: the session is not idle.
    pub fn input_passed(&mut self) {
        drop(self.tell(Input::InputPassed));
    }

    /// Closes the session and waits until its last word is kept.
    pub async fn close(mut self, reason: &str) {
        let now = self.ports.clock.now();
        let outputs = self.gate.on(Input::Close(reason.to_owned()), now).unwrap_or_default();
        if let Ok(Some(Ok(pending))) = self.keep(outputs).await
            && let Err(told) = keeping::receipt(&self.ports.record, pending).await
        {
            tracing::warn!(session = %self.id, %told, "a session's end is not recorded");
        }
    }

    async fn keep_or_warn(&mut self, append: &node_gate::Append) {
        if let Err(told) = keeping::append(&self.ports.record, append).await {
            tracing::warn!(session = %self.id, %told, "an event is not recorded");
        }
    }

    fn tell(&mut self, input: Input<'_>) -> Result<Vec<Output>, Told> {
        let now = self.ports.clock.now();
        self.gate.on(input, now).map_err(|error| {
            // The driver did something out of turn: a bug, and a bug ends the session.
            tracing::error!(session = %self.id, %error, "a driver spoke out of turn");
            Told::plain(Code::Internal)
        })
    }
}

/// Whatever way a session goes, a panic included: the control plane is told, and the record gets
/// its last words if it did not have them.
impl Drop for Session {
    fn drop(&mut self) {
        let close = Input::Close("broken off".to_owned());
        let outputs = self.gate.on(close, self.ports.clock.now()).unwrap_or_default();
        for output in outputs.into_iter().filter(|_| self.opened) {
            if let Output::Append(append) = output
                && let Err(error) =
                    self.ports.record.append(&append.draft, append.share, append.urgency)
            {
                tracing::warn!(session = %self.id, %error, "a session's end is not recorded");
            }
        }
        close_in_control(&self.ports, &self.id);
    }
}

pub(crate) fn close_in_control(ports: &Ports, session: &SessionId) {
    let entry = Entry::SessionClose { session: session.clone() };
    if let Err(error) = ports.control.tell(entry) {
        tracing::warn!(%session, %error, "a session's end is not replicated");
    }
}

async fn ending(end: &mut tokio::sync::watch::Receiver<Option<Told>>) -> Told {
    loop {
        if let Some(told) = end.borrow_and_update().clone() {
            return told;
        }
        if end.changed().await.is_err() {
            return Told::plain(Code::SessionEnded);
        }
    }
}
