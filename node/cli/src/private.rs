//! Files that only their owner may read.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::failure::{Failure, Outcome};

/// Writes a file that must not be there, readable by its owner alone.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Outcome {
    let failed = |error: std::io::Error| Failure::file(path, &error);
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)
}
