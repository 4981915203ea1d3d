//! A file transfer's side of a session.

use std::sync::Arc;

use node_enforce::mask::Piece;
use node_gate::{Input, Output, Release};
use proto::event::{FileTransferred, Outcome};
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

    /// What was asked within a file transfer ended: that, and what passed of the file that it
    /// opened, goes to the record, in its place.
    ///
    /// # Errors
    /// What to tell the client when the record refuses: nothing more may be let through.
    pub async fn answered(
        &mut self,
        command: u64,
        outcome: Outcome,
        passed: Option<FileTransferred>,
    ) -> Result<(), Told> {
        let passed = passed.map(Box::new);
        for output in self.tell(Input::Answered { command, outcome, passed })? {
            if let Output::Append(append) = output {
                let kept = keeping::append(&self.ports.record, &append).await?;
                self.in_flight.push_back(kept.pending);
            }
        }
        self.catch_up_with_record().await
    }
}
