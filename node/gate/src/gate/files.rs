//! What is asked within a session that runs beside it: a file's content, which passes as it is or
//! not at all, and how what was asked ended, of files and of forwards.

use std::sync::Arc;

use node_enforce::mask::{Piece, content};
use proto::event::{CommandFinished, Counted, ForwardClosed, Kind, Outcome};
use proto::time::Moment;
use store_log::Urgency;

use super::{Gate, Outputs, millis};
use crate::input::Carried;
use crate::output::Output;
use crate::proof::Release;
use crate::running::Running;

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

    /// Looks through content for the target.
    ///
    /// # Errors
    /// The detectors that found something that may not be sent there: nothing of it may pass.
    pub fn upload(&mut self, piece: &Piece<'_>, now: Moment) -> Result<(), Vec<Arc<str>>> {
        self.busy = now.elapsed;
        let Some(plan) = self.facts.masks.uploads() else { return Ok(()) };
        content(plan, piece).map(drop)
    }

    /// How many bytes of the file that was let open under this number may pass, either way.
    #[must_use]
    pub fn file_limit(&self, command: u64) -> Option<u64> {
        self.beside.as_ref()?.file_limit(command)
    }

    /// What was asked within a session ended. Of a file or a connection that it opened the record
    /// has first what passed.
    pub(super) fn answered(
        &mut self,
        command: u64,
        outcome: Outcome,
        passed: Option<Carried>,
        now: Moment,
    ) -> Outputs {
        let asked = self.beside.as_mut().and_then(|beside| beside.answered(command));
        let Some(asked) = asked else { return Err(self.out_of_turn("an answer")) };
        let bytes = |bytes| Counted { bytes, digest: None, truncated: bytes > 0 };
        let (read, written) = match &passed {
            None => (0, 0),
            Some(Carried::File(file)) => (file.read.bytes, file.written.bytes),
            Some(Carried::Forward(forward)) => {
                self.count_forwarded(forward);
                (forward.to_client.bytes, forward.to_target.bytes)
            }
        };
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
        let passed = passed.map(|passed| match passed {
            Carried::File(file) => Kind::FileTransferred(*file),
            Carried::Forward(forward) => Kind::ForwardClosed(*forward),
        });
        let kinds = passed.into_iter().chain([Kind::CommandFinished(finished)]);
        let append = |kind| Output::Append(self.full(kind, Urgency::LastWords, None, now));
        Ok(kinds.map(append).collect())
    }

    /// A connection ended that came in where a forward listens, or to what is lent to the target.
    pub(super) fn forwarded(&mut self, closed: ForwardClosed, now: Moment) -> Outputs {
        self.busy = now.elapsed;
        let is_of =
            |beside: &Running| beside.number == closed.command || beside.has_asked(closed.command);
        if !self.beside.as_deref().is_some_and(is_of) {
            return Err(self.out_of_turn("a connection of no forward"));
        }
        self.count_forwarded(&closed);
        let kind = Kind::ForwardClosed(closed);
        Ok(vec![Output::Append(self.full(kind, Urgency::LastWords, None, now))])
    }

    fn count_forwarded(&mut self, closed: &ForwardClosed) {
        if let Some(beside) = &mut self.beside {
            beside.count_messages(closed.to_client.bytes, &[]);
        }
    }
}
