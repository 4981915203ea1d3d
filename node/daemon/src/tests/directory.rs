//! The data directory, its secrets and their modes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::{mode, temporary};
use crate::certificates;
use crate::directory::{Directory, DirectoryError};
use crate::keys::Keys;
use crate::secrets;

#[test]
fn nobody_else_can_look_into_it() {
    let parent = temporary();
    let directory = Directory::open(&parent.path().join("data")).expect("a new directory");
    Keys::open(&directory).expect("new keys");
    rustls::crypto::ring::default_provider().install_default().ok();
    let address = "127.0.0.1:8443".parse().expect("an address");
    certificates::tls(&directory, "gw-1", address).expect("a new CA");
    for name in ["", "keys", "spool"] {
        assert_eq!(mode(&directory.path(name)), 0o700, "{name:?}");
    }
    let mut secrets = vec!["admin.token".to_owned(), "lock".to_owned()];
    for entry in fs::read_dir(directory.keys()).expect("keys") {
        let name = entry.expect("a key").file_name();
        secrets.push(format!("keys/{}", name.to_string_lossy()));
    }
    secrets.sort();
    assert_eq!(
        secrets,
        [
            "admin.token",
            "keys/audit.key",
            "keys/ca.key.pem",
            "keys/digest.key",
            "keys/mask.key",
            "keys/ssh_host_ed25519_key",
            "lock",
        ]
    );
    for name in secrets {
        assert_eq!(mode(&directory.path(&name)), 0o600, "{name}");
    }
}

#[test]
fn what_was_made_once_stays() {
    let parent = temporary();
    let root = parent.path().join("data");
    let all = |directory: &Directory| -> Vec<Vec<u8>> {
        ["admin.token", "ca.pem", "keys/audit.key", "keys/digest.key", "keys/ssh_host_ed25519_key"]
            .iter()
            .map(|name| fs::read(directory.path(name)).expect("it is there"))
            .collect()
    };
    let open = || {
        rustls::crypto::ring::default_provider().install_default().ok();
        let directory = Directory::open(&root).expect("a directory");
        let keys = Keys::open(&directory).expect("keys");
        let address = "127.0.0.1:8443".parse().expect("an address");
        certificates::tls(&directory, "gw-1", address).expect("a CA");
        let token = String::from_utf8(fs::read(directory.path("admin.token")).expect("a token"));
        assert!(keys.admin.matches(token.expect("text").trim_end()), "the token is the file's");
        all(&directory)
    };
    let first = open();
    assert_eq!(first, open());
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
    secrets::key(&path).expect("a new key");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("a mode");
    let refused = secrets::key(&path);
    assert!(matches!(refused, Err(DirectoryError::OpenToOthers { mode: 0o640, .. })));
}

#[test]
fn a_key_of_another_length_is_refused_and_kept() {
    let parent = temporary();
    let path = parent.path().join("some.key");
    fs::write(&path, "short").expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
    let refused = secrets::key(&path);
    assert!(matches!(refused, Err(DirectoryError::Damaged { .. })), "{:?}", refused.err());
    assert_eq!(fs::read(&path).expect("it is there"), b"short");
}

#[test]
fn a_crash_while_a_secret_is_written_leaves_no_half_of_it() {
    let parent = temporary();
    let path = parent.path().join("some.key");
    // What a crash before the link leaves behind.
    fs::write(path.with_extension("new"), "half").expect("a file");
    let key = secrets::key(&path).expect("a new key");
    assert_eq!(fs::read(&path).expect("it is there"), *key);
    assert!(!path.with_extension("new").exists());
}
