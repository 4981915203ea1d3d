//! A file transfer's side of a session.

use std::sync::Arc;

use node_enforce::mask::Piece;
use node_gate::{Input, Output, Release};
use proto::event::FileTransferred;
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

    /// The target answered a request that opened nothing.
    ///
    /// # Errors
    /// What to tell the client: the session is over.
    pub fn answered(&mut self, command: u64) -> Result<(), Told> {
        self.tell(Input::Answered(command)).map(drop)
    }

    /// A file was closed: what passed of it goes to the record, in its place.
    ///
    /// # Errors
    /// What to tell the client when the record refuses: nothing more may be let through.
    pub async fn transferred(&mut self, passed: FileTransferred) -> Result<(), Told> {
        for output in self.tell(Input::Transferred(Box::new(passed)))? {
            if let Output::Append(append) = output {
                let kept = keeping::append(&self.ports.record, &append).await?;
                self.in_flight.push_back(kept.pending);
            }
        }
        self.catch_up_with_record().await
    }
}
