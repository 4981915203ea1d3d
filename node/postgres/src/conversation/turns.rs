//! Whose turn it is: which messages of a client wait until the database has answered, and which are
//! left out as the database itself would leave them out.

use super::names::key;
use super::{Command, Conversation, Copy, Expected, OUTSTANDING};
use crate::codec::read;

/// What becomes of a client's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is taken.
    Comes,
    /// It waits for an answer of the database; what is behind it waits too.
    Waits,
    /// It goes nowhere, and nobody answers it.
    LeftOut,
}

impl Conversation {
    /// Whether a message of the client may be taken now.
    pub(crate) fn turn(&self, kind: u8, body: &[u8]) -> Turn {
        let goes_on = || read::execute(body).is_some_and(|(portal, _)| self.goes_on(portal));
        match kind {
            b'Q' | b'P' | b'B' | b'E' | b'D' | b'C' | b'H' | b'F' if self.is_skipping() => {
                Turn::LeftOut
            }
            b'E' if goes_on() => Turn::Comes,
            b'Q' | b'P' | b'B' | b'E' | b'F' if self.is_busy() => Turn::Waits,
            // In the middle of data the database passes over it.
            b'S' if self.copies_in() => Turn::LeftOut,
            b'd' | b'c' | b'f' if self.copies_in() => Turn::Comes,
            // Data may come right behind its COPY, before the database asks for it.
            b'd' | b'c' | b'f' if self.runs() && !self.is_skipping() => Turn::Waits,
            // When none is asked for, as behind a copy that failed, it is left out.
            b'd' | b'c' | b'f' => Turn::LeftOut,
            _ => Turn::Comes,
        }
    }

    /// Whether everything up to the next `Sync` is left out.
    pub(crate) fn is_skipping(&self) -> bool {
        self.skipping
    }

    /// Whether data for a copy is expected of the client.
    pub(crate) fn copies_in(&self) -> bool {
        self.copy == Copy::In
    }

    /// Whether a command runs whose end must be seen before another is judged.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self.command, Command::Simple | Command::Runs(_) | Command::Over)
            || self.expected.len() >= OUTSTANDING
            || self.ran && self.expected.iter().any(|one| matches!(one, Expected::Sync))
    }

    /// Whether the database has something to answer and was not asked to do so at once.
    pub(crate) fn needs_flush(&self) -> bool {
        !self.asked && !self.expected.is_empty()
    }

    pub(crate) fn flushed(&mut self) {
        self.asked = true;
    }

    /// Whether the current command is of this portal, so that its next rows belong to it.
    pub(crate) fn goes_on(&self, portal: &[u8]) -> bool {
        matches!(&self.command, Command::Waits(current) if **current == *key(portal))
    }

    /// The client has sent all that is to be copied.
    pub(crate) fn fed(&mut self) {
        (self.copy, self.asked) = (Copy::None, false);
    }
}
