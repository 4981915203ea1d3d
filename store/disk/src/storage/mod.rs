//! What the journal needs of a file system, and no more, so that tests can take its place.
//!
//! Names are paths within one directory, with `/`. Bytes are durable after [`File::sync`], names
//! after [`Storage::sync_folder`] of their folder; nothing is durable earlier. An implementation
//! must never say that a sync succeeded when it did not.

mod files;
pub mod simulated;

pub use files::Files;
pub use simulated::Simulated;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// One file.
pub trait File: Send + Sync {
    /// Reads from an offset on; fewer bytes than asked for only at the end of the file.
    ///
    /// # Errors
    /// What the medium says.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Writes all bytes at an offset.
    ///
    /// # Errors
    /// What the medium says; then any part may be written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// What the medium says; then nothing is known about what was written since the last sync.
    fn sync(&self) -> io::Result<()>;

    /// The length in bytes.
    ///
    /// # Errors
    /// What the medium says.
    fn length(&self) -> io::Result<u64>;

    /// Makes it longer, by zeroes, or shorter.
    ///
    /// # Errors
    /// [`io::ErrorKind::StorageFull`] or [`io::ErrorKind::QuotaExceeded`] when there is no room.
    fn set_length(&self, bytes: u64) -> io::Result<()>;

    /// Drops what the system remembers of the file and has not to write any more: what is read
    /// from now on is what the medium has. After a sync that failed the two differ, also for the
    /// next process.
    ///
    /// # Errors
    /// What the medium says.
    fn forget(&self) -> io::Result<()>;
}

/// One directory.
pub trait Storage: Send + Sync {
    /// Makes a folder, if it is not there.
    ///
    /// # Errors
    /// What the medium says.
    fn make_folder(&self, name: &str) -> io::Result<()>;

    /// Creates a file of zeroes whose room is allocated; a file of that name is replaced.
    ///
    /// # Errors
    /// [`io::ErrorKind::StorageFull`] or [`io::ErrorKind::QuotaExceeded`] when there is no room.
    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn File>>;

    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when it is not there.
    fn open(&self, name: &str) -> io::Result<Arc<dyn File>>;

    /// Names of the files in a folder, without the folder, in no order.
    ///
    /// # Errors
    /// What the medium says.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;

    /// Renames a file; one of the new name is replaced.
    ///
    /// # Errors
    /// [`io::ErrorKind::CrossesDevices`] when the two folders are on different media.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when it is not there.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes names in a folder durable; `""` is the directory itself.
    ///
    /// # Errors
    /// What the medium says.
    fn sync_folder(&self, name: &str) -> io::Result<()>;

    /// A number that nobody can guess.
    ///
    /// # Errors
    /// What the source of randomness says.
    fn salt(&self) -> io::Result<u64>;

    /// Where a rebuildable index may be kept; with `None` there is none, and every question is
    /// answered from the segments.
    fn index_path(&self) -> Option<PathBuf>;
}
