//! What a node is told, what it keeps on disk and for whom, and what it says of itself.

mod config;
mod credentials;
mod directory;
mod documents;
mod founding;
mod node_yaml;
mod notifications;
mod ready;
mod restoring;
mod streaming;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// The mode of a file or directory.
fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
}

/// A temporary directory.
fn temporary() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}
