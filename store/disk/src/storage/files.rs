//! Real files in one directory, locked against a second process.
//!
//! It must never follow a sync that failed with another try: the journal stops instead.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::rand::{SecureRandom, SystemRandom};
use rustix::fs::{Advice, FallocateFlags, FlockOperation, fadvise, fallocate, flock};
use rustix::io::Errno;

use super::{File, Storage};
use crate::error::OpenError;

/// The file whose lock says that a process has the directory.
const LOCK: &str = "lock";
/// The index, which may be deleted at any time when no process has the directory.
const INDEX: &str = "index.redb";
/// Zeroes are written in pieces of this many bytes where room cannot be allocated otherwise.
const ZEROES: usize = 1024 * 1024;

/// Files in one directory. The lock is held until it is dropped.
#[derive(Debug)]
pub struct Files {
    directory: PathBuf,
    _lock: fs::File,
}

impl Files {
    /// Takes a directory, which is made if it is not there (mode 0700; files have 0600).
    ///
    /// # Errors
    /// [`OpenError::Busy`] when another process (or another opening in this one) has it.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        let failed = |what: &str, error| OpenError::failed(what, directory, error);
        if !directory.is_dir() {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true).mode(0o700);
            builder.create(directory).map_err(|error| failed("making", error))?;
            if let Some(parent) = directory.parent().filter(|path| !path.as_os_str().is_empty()) {
                sync_directory(parent).map_err(|error| failed("syncing the parent of", error))?;
            }
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let lock = options
            .open(directory.join(LOCK))
            .map_err(|error| failed("opening the lock of", error))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { directory: directory.to_owned(), _lock: lock }),
            Err(Errno::WOULDBLOCK) => Err(OpenError::Busy { directory: directory.to_owned() }),
            Err(error) => Err(failed("locking", error.into())),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

impl Storage for Files {
    fn make_folder(&self, name: &str) -> io::Result<()> {
        match fs::DirBuilder::new().mode(0o700).create(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn File>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(self.path(name))?;
        // No room is asked for where the file grows by itself; the system refuses to allocate none.
        if bytes == 0 {
            return Ok(Arc::new(file));
        }
        match fallocate(&file, FallocateFlags::empty(), 0, bytes) {
            Ok(()) => {}
            Err(Errno::OPNOTSUPP) => write_zeroes(&file, bytes)?,
            Err(error) => return Err(error.into()),
        }
        Ok(Arc::new(file))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let file = OpenOptions::new().read(true).write(true).open(self.path(name))?;
        Ok(Arc::new(file))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let names = fs::read_dir(self.path(folder))?
            .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        names.collect()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn sync_folder(&self, name: &str) -> io::Result<()> {
        sync_directory(&self.path(name))
    }

    fn salt(&self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| io::Error::other("the system gives no random bytes"))?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn index_path(&self) -> Option<PathBuf> {
        Some(self.path(INDEX))
    }
}

impl File for fs::File {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while read < into.len() {
            match FileExt::read_at(self, &mut into[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn set_length(&self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }

    fn forget(&self) -> io::Result<()> {
        Ok(fadvise(self, 0, None, Advice::DontNeed)?)
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

fn write_zeroes(file: &fs::File, bytes: u64) -> io::Result<()> {
    let zeroes = vec![0; ZEROES];
    let mut written = 0;
    while written < bytes {
        let count = usize::try_from(bytes - written).unwrap_or(ZEROES).min(ZEROES);
        file.write_all_at(&zeroes[..count], written)?;
        written += count as u64;
    }
    Ok(())
}
