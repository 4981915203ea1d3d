//! Secrets of a node on disk: made once from the system's randomness, readable by their owner
//! alone, wiped from memory. It must never overwrite a secret that is there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use crate::directory::{DirectoryError, PRIVATE_FILE};

/// The longest secret in a file, in bytes.
const SECRET_LIMIT: u64 = 64 * 1024;

/// 32 fresh bytes from the system.
///
/// # Errors
/// When the system gives none.
pub fn random() -> io::Result<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    SystemRandom::new()
        .fill(&mut *bytes)
        .map_err(|_| io::Error::other("the system gives no randomness"))?;
    Ok(bytes)
}

/// The secret in a file; made and written by `make` when there is no such file.
///
/// # Errors
/// [`DirectoryError`] when the file is open to others, too large, or cannot be read or written.
pub(crate) fn kept(
    path: &Path,
    make: impl FnOnce() -> io::Result<Zeroizing<Vec<u8>>>,
) -> Result<Zeroizing<Vec<u8>>, DirectoryError> {
    match read(path)? {
        Some(secret) => Ok(secret),
        None => {
            let secret = make().map_err(DirectoryError::io(path))?;
            write_new(path, &secret).map_err(DirectoryError::io(path))?;
            Ok(secret)
        }
    }
}

/// A secret from a file, when there is one that nobody else can read.
///
/// # Errors
/// [`DirectoryError`] when it is open to others, too large, or cannot be read.
pub(crate) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, DirectoryError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(DirectoryError::io(path)(error)),
    };
    let about = file.metadata().map_err(DirectoryError::io(path))?;
    let mode = about.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        let (path, expected) = (path.to_path_buf(), PRIVATE_FILE);
        return Err(DirectoryError::OpenToOthers { path, mode, expected });
    }
    if about.len() > SECRET_LIMIT {
        let what = format!("{} bytes are more than a secret has", about.len());
        return Err(DirectoryError::Damaged { path: path.to_path_buf(), what });
    }
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let room = usize::try_from(about.len()).unwrap_or(0) + 1;
    let mut secret = Zeroizing::new(Vec::with_capacity(room));
    file.read_to_end(&mut secret).map_err(DirectoryError::io(path))?;
    Ok(Some(secret))
}

/// Writes a secret under a name that is not taken: whole or not at all, also when power fails.
fn write_new(path: &Path, secret: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(PRIVATE_FILE).open(&unfinished)?;
    file.write_all(secret)?;
    file.sync_all()?;
    // A link fails when the name is taken, where a rename would replace what is there.
    fs::hard_link(&unfinished, path)?;
    fs::remove_file(&unfinished)?;
    sync_parent(path)
}

/// Writes a file that only its owner can read over what is there: whole or not at all, also when
/// power fails.
pub(crate) fn replace(path: &Path, secret: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(PRIVATE_FILE).open(&unfinished)?;
    file.write_all(secret)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    sync_parent(path)
}

/// Makes a new name in a directory last.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}
