//! Private keys for targets: found, missing, rotated, and known to the masker.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use node_session::KnownValues as _;
use node_ssh::Credentials as _;
use proto::target::{ClientCertificate, CredentialSource, HostKeys, Place, Target, TargetKind};
use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;

use super::temporary;
use crate::certificates::authorities;
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

/// A database whose certificate and key are in these files.
fn certified(certificate: &Path, private_key: &Path, password: Option<Place>) -> Target {
    let text = |path: &Path| path.display().to_string();
    let (certificate, private_key) = (text(certificate), text(private_key));
    let shown = ClientCertificate { certificate, private_key, password };
    let credential = CredentialSource::Certificate(Box::new(shown));
    Target { kind: TargetKind::Postgres, ..target(credential) }
}

#[test]
fn the_key_of_a_certificate_is_found_known_and_kept_in_its_place() {
    use node_postgres::Credentials as _;
    const LINE: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg";
    let directory = temporary();
    let within = directory.path().join("secrets");
    fs::create_dir(&within).expect("a directory");
    let (certificate, key) = (within.join("app.crt"), within.join("app.key"));
    let only = SecretSources { environment: false, files: Some(within.clone()), anywhere: false };
    let credentials = NodeCredentials::new(only);
    let target = certified(&certificate, &key, None);
    #[track_caller]
    fn check(credentials: &NodeCredentials, target: &Target, expected: &str) {
        let problem = credentials.problem_of(target).unwrap_or_default();
        assert!(problem.contains(expected), "{problem:?} does not say {expected:?}");
        assert_eq!(problem.is_empty(), expected.is_empty(), "{problem}");
    }
    check(&credentials, &target, "app.crt");
    fs::write(&certificate, "a certificate").expect("a file");
    check(&credentials, &target, "app.key");
    fs::write(&key, "a key").expect("a file");
    check(&credentials, &target, "is not a private key in PEM");
    let pem = |kind: &str| format!("-----BEGIN {kind}-----\n{LINE}\n-----END {kind}-----\n");
    fs::write(&key, pem("ENCRYPTED PRIVATE KEY")).expect("a file");
    check(&credentials, &target, "with a passphrase");
    fs::write(&key, pem("PRIVATE KEY")).expect("a file");
    check(&credentials, &target, "");
    let found = credentials.certificate(&target).expect("it is there").expect("a certificate");
    assert_eq!(found.certificate, b"a certificate");
    assert_eq!(found.private_key.as_slice(), pem("PRIVATE KEY").as_bytes());
    assert!(credentials.password(&target).expect("none is asked for").is_none());
    // What of it is secret is looked for in output.
    let known: Vec<_> = credentials.of(&target).iter().map(|one| one.value.to_vec()).collect();
    assert_eq!(known, [LINE.as_bytes()]);
    // A password beside it, and a key that lies elsewhere.
    let beside = Some(Place::File(within.join("none").display().to_string()));
    check(&credentials, &certified(&certificate, &key, beside), "none");
    let elsewhere = directory.path().join("own.key");
    fs::write(&elsewhere, pem("PRIVATE KEY")).expect("a file");
    check(&credentials, &certified(&certificate, &elsewhere, None), "may not be read");
    check(&credentials, &certified(&elsewhere, &key, None), "may not be read");
}

/// Who vouches for people is known when the node starts, or it does not.
#[test]
fn authorities_of_people_are_read_or_named() {
    let directory = temporary();
    let file = directory.path().join("people-ca.pem");
    let said = |file: Option<&Path>| match authorities(file) {
        Ok(known) => known.map_or("none", |_| "some").to_owned(),
        Err(error) => error.to_string(),
    };
    assert_eq!(said(None), "none");
    assert!(said(Some(&file)).starts_with("client_ca"), "{}", said(Some(&file)));
    fs::write(&file, "").expect("a file");
    assert!(said(Some(&file)).contains("no certificate of an authority"), "{}", said(Some(&file)));
    let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(&file, bad).expect("a file");
    assert!(said(Some(&file)).contains("not a certificate"), "{}", said(Some(&file)));
}
