//! How a command fails: what was wrong, where, what to do, and a stable code.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use proto::refusal::{Code, Told};

use crate::terminal::safe;

/// Refused, failed, or tampering found.
const FAILED: u8 = 1;
/// Wrong usage.
const USAGE: u8 = 2;
/// It could not be verified.
const UNVERIFIED: u8 = 3;

/// A command that did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// With a code.
    Told(Told),
    /// It could not be verified, which says neither that it is right nor that it is wrong.
    Unverified(Told),
    /// The command line has no meaning.
    Usage(String),
    /// The reader of the output is gone, which is no failure.
    NobodyListens,
}

/// What commands give.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// A failure with a code and a text.
    pub(crate) fn new(code: Code, text: impl fmt::Display) -> Self {
        Self::Told(Told::new(code, text.to_string()))
    }

    /// A file that cannot be read or written.
    pub(crate) fn file(path: &std::path::Path, error: &io::Error) -> Self {
        Self::new(Code::ConfigurationWrong, format!("{}: {error}", path.display()))
    }

    /// The same, of somebody who wanted to verify: only tampering is exit status 1.
    pub(crate) fn unverified(self) -> Self {
        match self {
            Self::Told(told) if told.code != Code::TamperingFound => Self::Unverified(told),
            other => other,
        }
    }

    /// Says it on standard error, and gives the exit status.
    pub(crate) fn tell(self) -> ExitCode {
        let (text, status) = match self {
            Self::Told(told) => (format!("{}: {}", told.code, lines(&told.text)), FAILED),
            Self::Unverified(told) => (format!("{}: {}", told.code, lines(&told.text)), UNVERIFIED),
            Self::Usage(text) => (lines(&text), USAGE),
            Self::NobodyListens => return ExitCode::SUCCESS,
        };
        // When standard error is gone too there is nobody left to tell.
        drop(writeln!(io::stderr(), "sallyport: {text}"));
        ExitCode::from(status)
    }
}

/// Text that may have come from a server, each of its lines made safe.
fn lines(text: &str) -> String {
    text.lines().map(safe).collect::<Vec<_>>().join("\n")
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::NobodyListens;
        }
        Self::new(Code::Internal, error)
    }
}

impl From<Told> for Failure {
    fn from(told: Told) -> Self {
        Self::Told(told)
    }
}
