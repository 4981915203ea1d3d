//! Why an archive does not do what it was asked.

use std::io;
use std::path::{Path, PathBuf};

use proto::ids::{Chain, Name};

/// Why an archive does not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of it.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A file that is not what it should be.
    #[error("{}: {what}", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// It is the archive of another cluster.
    #[error("the archive is of the cluster {is}, not of {wanted}")]
    OtherCluster {
        /// Whose it is.
        is: Name,
        /// Whose events came.
        wanted: Name,
    },
    /// Events do not follow what is sealed already.
    #[error("chain {chain}: event {found} does not follow event {last}, the last that is sealed")]
    Gap {
        /// Which chain.
        chain: Chain,
        /// The last event that is sealed.
        last: u64,
        /// The event that came.
        found: u64,
    },
    /// Somebody wants to take away what must be kept.
    #[error(
        "the archive keeps everything for {least} days, so nothing younger is taken away; {asked} \
         days were asked for"
    )]
    TooYoung {
        /// What is configured.
        least: u64,
        /// What was asked for.
        asked: u64,
    },
    /// Somebody wants to keep for a shorter time than was promised.
    #[error("the retention is {is} days and is never lowered; {asked} days were asked for")]
    RetentionLowered {
        /// What it is.
        is: u64,
        /// What was asked for.
        asked: u64,
    },
    /// A hold of that name is set, or is not.
    #[error("{0}")]
    Hold(String),
}

impl Error {
    pub(crate) fn file(path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File { path: path.clone(), error }
    }

    pub(crate) fn damaged(path: &Path, what: impl ToString) -> Self {
        Self::Damaged { path: path.to_owned(), what: what.to_string() }
    }
}
