//! The data directory, its secrets and their modes.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;

use zeroize::Zeroizing;

use super::{mode, temporary};
use crate::directory::{Directory, DirectoryError};
use crate::secrets;

/// A secret that is made when it is not there.
fn secret(path: &std::path::Path) -> Result<Zeroizing<Vec<u8>>, DirectoryError> {
    secrets::kept(path, || -> io::Result<_> { Ok(Zeroizing::new(secrets::random()?.to_vec())) })
}

#[test]
fn a_second_process_is_kept_out() {
    let parent = temporary();
    let root = parent.path().join("data");
    let _first = Directory::open(&root).expect("a new directory");
    let second = Directory::open(&root);
    assert!(matches!(second, Err(DirectoryError::Busy { .. })), "{second:?}");
}

#[test]
fn a_directory_that_is_open_to_others_is_refused_unless_it_is_empty() {
    let parent = temporary();
    let root = parent.path().join("data");
    fs::create_dir(&root).expect("a directory");
    fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).expect("a mode");
    fs::write(root.join("somebody's"), "own").expect("a file");
    let refused = Directory::open(&root);
    assert!(matches!(refused, Err(DirectoryError::OpenToOthers { mode: 0o755, .. })));
    assert_eq!(mode(&root), 0o755, "it is not ours to change");
    fs::remove_file(root.join("somebody's")).expect("it is there");
    Directory::open(&root).expect("an empty directory is taken");
    assert_eq!(mode(&root), 0o700);
}

#[test]
fn a_secret_that_others_can_read_is_refused() {
    let parent = temporary();
    let path = parent.path().join("some.key");
    secret(&path).expect("a new key");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("a mode");
    let refused = secret(&path);
    assert!(matches!(refused, Err(DirectoryError::OpenToOthers { mode: 0o640, .. })));
}

#[test]
fn a_file_is_replaced_whole_and_stays_private() {
    let parent = temporary();
    let path = parent.path().join("some.file");
    secrets::replace(&path, b"first").expect("a new file");
    fs::write(path.with_extension("new"), "half").expect("what a crash leaves");
    secrets::replace(&path, b"second").expect("the same file");
    assert_eq!(fs::read(&path).expect("it is there"), b"second");
    assert_eq!(mode(&path), 0o600);
    assert!(!path.with_extension("new").exists());
}

#[test]
fn a_crash_while_a_secret_is_written_leaves_no_half_of_it() {
    let parent = temporary();
    let path = parent.path().join("some.key");
    // What a crash before the link leaves behind.
    fs::write(path.with_extension("new"), "half").expect("a file");
    let key = secret(&path).expect("a new key");
    assert_eq!(fs::read(&path).expect("it is there"), *key);
    assert!(!path.with_extension("new").exists());
}
