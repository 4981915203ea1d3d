//! `sallyport dev`, as it was written on the command line.

use std::path::PathBuf;

/// What may be said; what is not said has a default.
#[derive(Clone, Debug, Default)]
pub struct RawDev {
    /// The data directory.
    pub dir: Option<PathBuf>,
    /// The people file.
    pub people: Option<PathBuf>,
    /// The targets file.
    pub targets: Option<PathBuf>,
    /// The policy file.
    pub policy: Option<PathBuf>,
    /// Where SSH listens; port 0 picks a free one.
    pub ssh: Option<String>,
    /// Where the API listens; port 0 picks a free one.
    pub api: Option<String>,
    /// The node's name.
    pub name: Option<String>,
    /// The cluster's name.
    pub cluster: Option<String>,
    /// The most bytes that live records may take.
    pub journal_quota: Option<u64>,
    /// How many seconds live sessions get when the node stops.
    pub drain: Option<u64>,
}
