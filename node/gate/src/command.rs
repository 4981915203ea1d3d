//! A command as it arrived: raw text that is never printed and is wiped when dropped.

use std::fmt;
use std::sync::Arc;

use proto::ids::Digest;
use zeroize::Zeroizing;

/// The longest command, in bytes. Linux runs no argument longer than this (`MAX_ARG_STRLEN`), so
/// no login shell could take a longer one.
pub const COMMAND_LIMIT: usize = 128 * 1024 - 1;

/// The longest statement with its parameters, in bytes.
pub const STATEMENT_LIMIT: usize = 1024 * 1024;

/// The raw text of a command.
pub struct CommandText(Arc<Zeroizing<Vec<u8>>>);

/// A command over its limit.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a command of {0} bytes is longer than {1}")]
pub struct TooLong(pub usize, pub usize);

impl CommandText {
    /// Takes the text over.
    ///
    /// # Errors
    /// [`TooLong`] over [`COMMAND_LIMIT`].
    pub fn new(text: Vec<u8>) -> Result<Self, TooLong> {
        Self::within(text, COMMAND_LIMIT)
    }

    /// Takes a statement for a database over.
    ///
    /// # Errors
    /// [`TooLong`] over [`STATEMENT_LIMIT`].
    pub fn of_statement(text: Vec<u8>) -> Result<Self, TooLong> {
        Self::within(text, STATEMENT_LIMIT)
    }

    fn within(text: Vec<u8>, limit: usize) -> Result<Self, TooLong> {
        let text = Zeroizing::new(text);
        if text.len() > limit {
            return Err(TooLong(text.len(), limit));
        }
        Ok(Self(Arc::new(text)))
    }

    /// The same text once more, for reading it again while it runs; it is wiped with the last.
    pub(crate) fn share(&self) -> Self {
        Self(self.0.clone())
    }

    /// The bytes: for the reader, the sealer and, once there is a permit, the target.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for CommandText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommandText({} bytes)", self.0.len())
    }
}

/// A command with what only the edge can add to it.
#[derive(Debug)]
pub struct Command {
    /// The raw text.
    pub text: CommandText,
    /// HMAC-SHA256 of the text under the cluster's digest key.
    pub digest: Digest,
    /// The raw text encrypted to the audit key, in base64: one item for each
    /// [`proto::event::TEXT_PART_BYTES`] of the text, at least one.
    pub sealed: Vec<String>,
}
