//! What can become of a call that was not answered.

use proto::refusal::{Code, Told};

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The member cannot be reached; nothing was sent.
    #[error("{0}")]
    Unreachable(String),
    /// The connection ended before the answer came: whether the call was served is not known.
    #[error("the connection was lost before the answer: {0}")]
    Lost(String),
    /// No answer came in time: whether the call was served is not known.
    #[error("no answer came in time")]
    TimedOut,
    /// The member refused the call, or the connection.
    #[error(transparent)]
    Refused(#[from] Told),
}

impl CallError {
    /// What a person is told.
    #[must_use]
    pub fn told(&self) -> Told {
        match self {
            Self::Unreachable(why) => Told::new(Code::PeerUnreachable, why.clone()),
            Self::Lost(_) | Self::TimedOut => Told::new(Code::OutcomeUnknown, self.to_string()),
            Self::Refused(told) => told.clone(),
        }
    }
}
