//! Private keys for targets: found, missing, rotated, and known to the masker.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use node_session::KnownValues as _;
use node_ssh::Credentials as _;
use proto::target::{CredentialSource, HostKeys, Target, TargetKind};
use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;

use super::temporary;
use crate::config::SecretSources;
use crate::credentials::NodeCredentials;

fn target(credential: CredentialSource) -> Target {
    Target {
        name: "web-1".parse().expect("a name"),
        kind: TargetKind::Ssh,
        address: "127.0.0.1:22".to_owned(),
        labels: std::collections::BTreeMap::new(),
        host_keys: HostKeys::TrustOnFirstUse,
        credential,
        logins: vec!["deploy".to_owned()],
    }
}

fn anywhere() -> SecretSources {
    SecretSources { environment: true, files: None, anywhere: true }
}

fn write_key(path: &Path, seed: u8) -> PrivateKey {
    let key = PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]));
    fs::write(path, key.to_openssh(LineEnding::LF).expect("a key").as_bytes()).expect("a file");
    key
}

#[test]
fn what_is_missing_is_told_with_its_place() {
    let directory = temporary();
    let credentials = NodeCredentials::new(anywhere());
    let file = directory.path().join("web-1.key").display().to_string();
    let problem = credentials.problem_of(&target(CredentialSource::File(file.clone())));
    assert!(problem.as_ref().is_some_and(|problem| problem.starts_with(&file)), "{problem:?}");
    let variable = CredentialSource::Environment("SALLYPORT_TEST_NO_SUCH_KEY".to_owned());
    let problem = credentials.problem_of(&target(variable)).expect("no variable");
    assert!(problem.contains("SALLYPORT_TEST_NO_SUCH_KEY is not set"), "{problem}");
    fs::write(&file, "not a key").expect("a file");
    let problem = credentials.problem_of(&target(CredentialSource::File(file))).expect("no key");
    assert!(problem.contains("is not an OpenSSH private key"), "{problem}");
    assert!(!problem.contains("not a key\n"), "the file's text is not repeated");
}

#[test]
fn the_lines_of_a_key_are_known_values() {
    let directory = temporary();
    let path = directory.path().join("web-1.key");
    write_key(&path, 1);
    let credentials = NodeCredentials::new(anywhere());
    let target = target(CredentialSource::File(path.display().to_string()));
    let known = credentials.of(&target);
    let text = fs::read_to_string(&path).expect("a key");
    let lines: Vec<_> = text.lines().filter(|line| line.len() >= 40).collect();
    let secret: Vec<_> = lines.iter().filter(|line| !line.starts_with('-')).collect();
    assert!(secret.len() >= 4, "a key has several lines");
    let found: Vec<_> = known.iter().map(|known| known.value.as_slice()).collect();
    assert_eq!(found, secret.iter().map(|line| line.as_bytes()).collect::<Vec<_>>());
    // The same values again, so that what was compiled for them is used again.
    let again = credentials.of(&target);
    assert!(
        known.iter().zip(&again).all(|(one, two)| std::sync::Arc::ptr_eq(&one.value, &two.value))
    );
}

#[test]
fn a_key_that_was_rotated_is_read_again() {
    let directory = temporary();
    let path = directory.path().join("web-1.key");
    let first = write_key(&path, 1);
    let credentials = NodeCredentials::new(anywhere());
    let target = target(CredentialSource::File(path.display().to_string()));
    let found = credentials.private_key(&target).expect("a key");
    assert_eq!(found.public_key(), first.public_key());
    let second = write_key(&path, 2);
    let later = SystemTime::now() + Duration::from_secs(5);
    fs::File::open(&path).and_then(|file| file.set_modified(later)).expect("a time");
    let found = credentials.private_key(&target).expect("a key");
    assert_eq!(found.public_key(), second.public_key());
}

/// What a node says of a credential that a document names, when it may only read `files`.
#[track_caller]
fn confined(sources: &SecretSources, credential: CredentialSource, expected: Option<&str>) {
    let problem = NodeCredentials::new(sources.clone()).problem_of(&target(credential));
    match expected {
        None => assert_eq!(problem, None),
        Some(expected) => {
            let problem = problem.expect(expected);
            assert!(problem.contains(expected), "{problem:?} does not say {expected:?}");
        }
    }
}

#[test]
fn a_document_cannot_make_a_node_read_what_it_likes() {
    let directory = temporary();
    let within = directory.path().join("secrets");
    fs::create_dir(&within).expect("a directory");
    write_key(&within.join("web-1.key"), 1);
    write_key(&directory.path().join("own.key"), 2);
    std::os::unix::fs::symlink(directory.path().join("own.key"), within.join("link.key"))
        .expect("a link");
    let only = SecretSources { environment: false, files: Some(within.clone()), anywhere: false };
    let file = |name: &str| CredentialSource::File(within.join(name).display().to_string());
    confined(&only, file("web-1.key"), None);
    confined(&only, file("../own.key"), Some("may not be read"));
    confined(&only, file("link.key"), Some("may not be read"));
    let variable = CredentialSource::Environment("PATH".to_owned());
    confined(&only, variable.clone(), Some("may not be read"));
    let nothing = SecretSources::default();
    confined(&nothing, file("web-1.key"), Some("may not be read"));
    let environment = SecretSources { environment: true, ..nothing };
    confined(&environment, variable, Some("is not an OpenSSH private key"));
}
