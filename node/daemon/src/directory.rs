//! The data directory: where everything of a node is, and that nobody else can look into it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// Only the owner.
const PRIVATE_DIRECTORY: u32 = 0o700;
/// Only the owner, and no program.
pub(crate) const PRIVATE_FILE: u32 = 0o600;
/// What everybody else may do.
const OTHERS: u32 = 0o077;

/// What a process holds that has the directory.
const LOCK: &str = "lock";

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Another process has it.
    #[error("{path:?} is in use by another process; stop it, or name another with --dir")]
    Busy {
        /// The directory.
        path: PathBuf,
    },
    /// Others can look into it.
    #[error(
        "{path:?} is open to others (mode {mode:o}): run `chmod {expected:o}` on it, or remove it"
    )]
    OpenToOthers {
        /// The directory or file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// The mode that is expected.
        expected: u32,
    },
    /// A file in it is not what it should be.
    #[error("{path:?} is damaged: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The system refuses.
    #[error("{path:?}: {error}")]
    Io {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl DirectoryError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |error| Self::Io { path, error }
    }
}

/// A data directory that this process has for itself.
#[derive(Debug)]
pub(crate) struct Directory {
    root: PathBuf,
    // Held as long as the process has the directory; the system lets it go with the process.
    _lock: File,
}

impl Directory {
    /// Opens a directory, or makes it, and keeps every other process out.
    ///
    /// # Errors
    /// [`DirectoryError`] when it is in use, open to others, or cannot be made.
    pub(crate) fn open(root: &Path) -> Result<Self, DirectoryError> {
        private_directory(root)?;
        // Absolute, so that it means the same when somebody else reads it in `ready.json`.
        let root = fs::canonicalize(root).map_err(DirectoryError::io(root))?;
        let path = root.join(LOCK);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(PRIVATE_FILE)
            .open(&path)
            .map_err(DirectoryError::io(&path))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(DirectoryError::Busy { path: root });
        }
        let directory = Self { root, _lock: lock };
        for path in [directory.keys(), directory.spool(), directory.views()] {
            private_directory(&path)?;
        }
        Ok(directory)
    }

    /// Whether a node has used this directory before.
    #[must_use]
    pub(crate) fn is_there(root: &Path) -> bool {
        root.join(LOCK).exists()
    }

    /// A file or directory in it.
    #[must_use]
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The audit views: they can be deleted at any time.
    #[must_use]
    pub(crate) fn views(&self) -> PathBuf {
        self.path("views")
    }

    /// The journal of events.
    #[must_use]
    pub(crate) fn events(&self) -> PathBuf {
        self.path("events")
    }

    /// Keys.
    #[must_use]
    pub(crate) fn keys(&self) -> PathBuf {
        self.path("keys")
    }

    /// Input that waits for slow targets.
    #[must_use]
    pub(crate) fn spool(&self) -> PathBuf {
        self.path("spool")
    }

    /// What says that the node accepts connections.
    #[must_use]
    pub(crate) fn ready(&self) -> PathBuf {
        self.path("ready.json")
    }
}

/// Makes a directory that only its owner can look into. One that is there already must be so, or
/// be empty: an empty one is closed to others, one that is full may be full of something else.
fn private_directory(path: &Path) -> Result<(), DirectoryError> {
    match DirBuilder::new().mode(PRIVATE_DIRECTORY).create(path) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(DirectoryError::io(path)(error)),
    }
    let mode = fs::metadata(path).map_err(DirectoryError::io(path))?.permissions().mode() & 0o7777;
    if mode & OTHERS == 0 {
        return Ok(());
    }
    let mut entries = fs::read_dir(path).map_err(DirectoryError::io(path))?;
    if entries.next().is_some() {
        let (path, expected) = (path.to_path_buf(), PRIVATE_DIRECTORY);
        return Err(DirectoryError::OpenToOthers { path, mode, expected });
    }
    fs::set_permissions(path, fs::Permissions::from_mode(PRIVATE_DIRECTORY))
        .map_err(DirectoryError::io(path))
}
