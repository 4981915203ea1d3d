//! Tables of good and bad inputs, and logins with the real `ssh-keygen`.

mod challenge;
mod directory;
mod issued;
mod keys;
mod password;
mod people;
mod scram;
mod targets;
mod tokens;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use proto::ids::Name;
use proto::person::Person;
use proto::time::{Moment, Utc};
use russh::keys::{Algorithm, PrivateKey};

use crate::keys::one_line;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn at(seconds: u64) -> Moment {
    Moment { utc: Utc(0), offset_minutes: 0, elapsed: Duration::from_secs(seconds) }
}

/// A fresh key: nothing that looks like one is kept in this repository.
fn new_key() -> PrivateKey {
    PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519).unwrap()
}

fn line(key: &PrivateKey) -> String {
    one_line(key.public_key()).unwrap()
}

fn person(text: &str, keys: &[&PrivateKey]) -> Person {
    Person {
        name: name(text),
        groups: vec![name("engineering")],
        ssh_keys: keys.iter().map(|key| line(key)).collect(),
        password_hash: None,
    }
}

/// Runs the real `ssh-keygen`, which OpenSSH's client package brings.
fn ssh_keygen(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("ssh-keygen");
    let output = command.current_dir(folder).args(arguments).output();
    let output = output.expect("these tests need ssh-keygen of openssh-client");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ssh-keygen {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// A key pair that `ssh-keygen` makes: the folder with `key` and `key.pub`, and the public line.
fn keygen(kind: &[&str]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [&["-q", "-N", "", "-C", "a comment", "-f", "key", "-t"], kind].concat();
    ssh_keygen(folder.path(), &arguments);
    let public = std::fs::read_to_string(folder.path().join("key.pub")).unwrap();
    (folder, public.trim().to_owned())
}
