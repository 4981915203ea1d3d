//! Why a journal cannot be opened.

use std::io;
use std::path::{Path, PathBuf};

/// Why a journal cannot be opened. Nothing was cut or changed when there is damage.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{directory:?} is in use by another process")]
    Busy {
        /// The directory.
        directory: PathBuf,
    },
    /// What was durable is not what was written.
    #[error("the journal is damaged in {file} at position {position}: {what}")]
    Damaged {
        /// The file, within the directory.
        file: String,
        /// The position, or the nearest known one.
        position: u64,
        /// What does not fit.
        what: String,
    },
    /// A newer program wrote it.
    #[error("{file} has format version {version}, which this program does not read")]
    UnknownVersion {
        /// The file, within the directory.
        file: String,
        /// The version that it says.
        version: u32,
    },
    /// The options contradict each other or what is on disk.
    #[error("the journal's options do not fit: {0}")]
    Options(String),
    /// The file system failed.
    #[error("{what} failed: {source}")]
    Failed {
        /// What was tried, and on which file.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

impl OpenError {
    pub(crate) fn failed(what: &str, path: &Path, source: io::Error) -> Self {
        Self::Failed { what: format!("{what} {}", path.display()), source }
    }

    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Failed { what, source }
    }

    pub(crate) fn damaged(file: &str, position: u64, what: impl Into<String>) -> Self {
        Self::Damaged { file: file.to_owned(), position, what: what.into() }
    }
}
