//! A file transfer's side of the gate: content that passes as it is or not at all, and how what was
//! asked ended.

use std::sync::Arc;

use node_enforce::mask::{Piece, content};
use proto::event::{CommandFinished, Counted, FileTransferred, Kind, Outcome};
use proto::time::Moment;
use store_log::Urgency;

use super::{Gate, Outputs, millis};
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

    /// What was asked within a file transfer ended. Of a file that it opened the record has first
    /// what passed.
    pub(super) fn answered(
        &mut self,
        command: u64,
        outcome: Outcome,
        passed: Option<Box<FileTransferred>>,
        now: Moment,
    ) -> Outputs {
        let asked = self.beside.as_mut().and_then(|beside| beside.answered(command));
        let Some(asked) = asked else { return Err(self.out_of_turn("an answer")) };
        let bytes = |bytes| Counted { bytes, digest: None, truncated: bytes > 0 };
        let (read, written) =
            passed.as_ref().map_or((0, 0), |passed| (passed.read.bytes, passed.written.bytes));
        let finished = CommandFinished {
            command,
            outcome,
            duration_ms: millis(now.elapsed.saturating_sub(asked.at)),
            input: bytes(written),
            output: bytes(read),
            errors: Counted::default(),
            masked: std::collections::BTreeMap::new(),
            rows: None,
        };
        let passed = passed.map(|passed| Kind::FileTransferred(*passed));
        let kinds = passed.into_iter().chain([Kind::CommandFinished(finished)]);
        let append = |kind| Output::Append(self.full(kind, Urgency::LastWords, None, now));
        Ok(kinds.map(append).collect())
    }
}
