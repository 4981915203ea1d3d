//! A file transfer's side of the gate: content that passes as it is or not at all, and what is
//! recorded when a file was closed.

use std::sync::Arc;

use node_enforce::mask::{Piece, content};
use proto::event::{FileTransferred, Kind};
use proto::time::Moment;
use store_log::Urgency;

use super::{Gate, Outputs};
use crate::output::Output;
use crate::proof::Release;

impl Gate {
    /// Looks through content for the client. It is counted, and not recorded.
    ///
    /// # Errors
    /// The detectors that found something that is masked in this session: nothing of it may pass.
    pub fn content(&mut self, piece: &Piece<'_>, now: Moment) -> Result<Release, Vec<Arc<str>>> {
        self.busy = now.elapsed;
        let whole = content(&self.facts.masks, piece)?;
        if let Some(beside) = &mut self.beside {
            beside.count_messages(whole.bytes().len() as u64, &[]);
        }
        Ok(Release::of_values(whole))
    }

    /// The target has answered a request: it is under way no more.
    pub(super) fn answered(&mut self, command: u64) -> Vec<Output> {
        if let Some(beside) = &mut self.beside {
            beside.answered(command);
        }
        Vec::new()
    }

    /// A file that a request opened was closed.
    pub(super) fn transferred(&mut self, passed: FileTransferred, now: Moment) -> Outputs {
        if self.beside.is_none() {
            return Err(self.out_of_turn("what passed of a file"));
        }
        self.answered(passed.command);
        let kind = Kind::FileTransferred(passed);
        // What passed is said as surely as the end of a command is.
        Ok(vec![Output::Append(self.full(kind, Urgency::LastWords, None, now))])
    }
}
