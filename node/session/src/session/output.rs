//! A running command's side of a session: its start, its output, its end.

use bytes::Bytes;
use node_enforce::mask::{Place, Raw};
use node_enforce::policy::Limits;
use node_gate::{Ending, Input, Output, Release};
use proto::event::{Counted, Stream};
use proto::reading::Durability;
use proto::refusal::{Code, Told};

use super::Session;
use crate::keeping;
use crate::live::Doing;

/// How many windows of output may be on their way to the disk before the target is not read on.
const WINDOWS_IN_FLIGHT: usize = 32;

/// How much of a result is one window at most, in bytes: an event is not longer than its limit.
const PIECE_BYTES: usize = 32 * 1024;

/// Windows that may be written to the client now, in order.
pub type Released = Vec<Release>;

impl Session {
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

    /// Takes whole messages of a database with values in them; gives what may be written to the
    /// client now. Nothing is waited for.
    ///
    /// # Errors
    /// What to tell the client: nothing more may be let through.
    pub fn values(&mut self, batch: Bytes, places: &[Place], rows: u64) -> Result<Release, Told> {
        let outputs = self.tell(Input::Values { batch, places, rows })?;
        let release = outputs.into_iter().find_map(|output| match output {
            Output::Release(release) => Some(release),
            _ => None,
        });
        release.ok_or_else(|| Told::plain(Code::Internal))
    }

    /// What ends the running command.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.gate.limits()
    }

    /// How many statements it may run within a second, by what policy says before one is read.
    #[must_use]
    pub fn statements_per_second(&self) -> Option<u32> {
        let (facts, now) = (self.gate.facts(), self.ports.clock.now());
        facts.policy.limits(&facts.judged(&now)).statements_per_second
    }

    /// Whether the rows of the running command are to be recorded.
    #[must_use]
    pub fn records_rows(&self) -> bool {
        self.gate.records_rows()
    }

    /// Hands values that may be let through to the record, as it shows them. What comes back is
    /// not for the client, who gets the values themselves; but only after this.
    ///
    /// # Errors
    /// As [`Session::output`].
    pub async fn results(&mut self, shown: &str) -> Result<(), Told> {
        let mut rest = shown;
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES));
            let outputs = self.tell(Input::Results(Raw::new(piece.as_bytes())))?;
            self.release(outputs).await?;
            rest = behind;
        }
        Ok(())
    }

    /// The target has sent nothing for a while; gives what was held back and only may begin
    /// something that is masked.
    ///
    /// # Errors
    /// As [`Session::output`].
    pub async fn output_quiet(&mut self) -> Result<Released, Told> {
        let outputs = self.tell(Input::OutputQuiet)?;
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

    /// Ends the running command; gives what was held back of its outputs.
    ///
    /// # Errors
    /// As [`Session::output`].
    pub async fn ended(&mut self, ending: Ending, input: Counted) -> Result<Released, Told> {
        let outputs = self.tell(Input::Ended { ending, input })?;
        self.listed.doing(Doing::Nothing);
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
                Output::End(told) => refused = Some(refused.unwrap_or(told)),
                // What follows a refused window is last words, and they are said all the same.
                Output::Append(append) => drop(self.keep_or_warn(&append).await),
                _ => {}
            }
        }
        self.catch_up_with_record().await?;
        if let Some(told) = refused {
            return Err(told);
        }
        for release in &released {
            self.listed.taps.show(release.stream(), release.bytes());
        }
        Ok(released)
    }

    /// Waits when too much that nobody waited for is on its way to the disk. What did not get there
    /// ends whoever would go on.
    pub(super) async fn catch_up_with_record(&mut self) -> Result<(), Told> {
        while self.in_flight.len() > WINDOWS_IN_FLIGHT {
            if let Some(pending) = self.in_flight.pop_front() {
                let needed = Durability::Local;
                drop(keeping::receipt(&self.ports.record, pending, needed).await?);
            }
        }
        Ok(())
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
            keeping::receipt(&self.ports.record, appending.pending, window.required()).await?
        };
        let unproven =
            |error: node_gate::Unproven| Told::new(Code::RecordUnavailable, error.to_string());
        window.settle(receipt).map_err(unproven)
    }
}
