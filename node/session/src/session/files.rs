//! What is asked within a session that runs beside it: files and forwards.

use std::sync::Arc;

use node_enforce::mask::Piece;
use node_gate::{Carried, Input, Output, Release};
use proto::event::{ForwardClosed, Outcome};
use proto::refusal::Told;

use super::Session;
use crate::keeping;

impl Session {
    /// The number of what was judged last.
    #[must_use]
    pub fn last_command(&self) -> u64 {
        self.gate.last_command()
    }

    /// Looks through content for the client, which passes as it is or not at all.
    ///
    /// # Errors
    /// The detectors that found something.
    pub fn content(&mut self, piece: &Piece<'_>) -> Result<Release, Vec<Arc<str>>> {
        self.gate.content(piece, self.ports.clock.now())
    }

    /// Looks through content that a client writes to a file.
    ///
    /// # Errors
    /// The detectors that found what may not be sent there: nothing of it may pass.
    pub fn upload(&mut self, piece: &Piece<'_>) -> Result<(), Vec<Arc<str>>> {
        self.gate.upload(piece, self.ports.clock.now())
    }

    /// How many bytes of the file that was let open under this number may pass, either way.
    #[must_use]
    pub fn file_limit(&self, command: u64) -> Option<u64> {
        self.gate.file_limit(command)
    }

    /// What was asked within a file transfer, or a forward, ended: that, and what passed of the
    /// file or the connection that it opened, goes to the record, in its place.
    ///
    /// # Errors
    /// What to tell the client when the record refuses: nothing more may be let through.
    pub async fn answered(
        &mut self,
        command: u64,
        outcome: Outcome,
        passed: Option<Carried>,
    ) -> Result<(), Told> {
        let outputs = self.tell(Input::Answered { command, outcome, passed })?;
        self.keep_all(outputs).await
    }

    /// A connection ended that came in where a forward listens: that goes to the record.
    ///
    /// # Errors
    /// As [`Session::answered`].
    pub async fn forwarded(&mut self, closed: ForwardClosed) -> Result<(), Told> {
        let outputs = self.tell(Input::Forwarded(Box::new(closed)))?;
        self.keep_all(outputs).await
    }

    async fn keep_all(&mut self, outputs: Vec<Output>) -> Result<(), Told> {
        for output in outputs {
            if let Output::Append(append) = output {
                let kept = keeping::append(&self.ports.record, &append).await?;
                self.in_flight.push_back(kept.pending);
            }
        }
        self.catch_up_with_record().await
    }
}
