//! Passwords, right and wrong; and that a wrong name costs as much as a wrong password.

use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::{name, new_key, person};
use crate::directory::Directory;
use crate::password::{BadPassword, PASSWORD_BYTES, PasswordError, hash, log_in, verify};

fn secret(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

fn directory() -> Directory {
    let mut alice = person("alice", &[]);
    alice.password_hash = Some(hash("correct horse", [1; 16]).unwrap());
    let mut mallory = person("mallory", &[]);
    // Asks for a gigabyte.
    let heavy = alice.password_hash.as_ref().unwrap().replace("m=19456", "m=1048576");
    mallory.password_hash = Some(heavy);
    let mut trent = person("trent", &[]);
    let weaker_kind = alice.password_hash.as_ref().unwrap().replace("argon2id", "argon2i");
    trent.password_hash = Some(weaker_kind);
    Directory::new(&[alice, person("bob", &[&new_key()]), mallory, trent])
}

#[test]
fn logins() {
    let directory = directory();
    let log_in = |claimed: &str, password: &str| log_in(&directory, claimed, &secret(password));
    let alice = log_in("alice", "correct horse").unwrap();
    assert_eq!(alice.person, name("alice"));
    assert!(alice.credential.starts_with("password:"), "{alice:?}");
    let long = "x".repeat(PASSWORD_BYTES + 1);
    for (claimed, password, expected) in [
        ("alice", "correct hors", PasswordError::Wrong(name("alice"))),
        ("alice", "", PasswordError::Wrong(name("alice"))),
        ("alice", &long, PasswordError::Wrong(name("alice"))),
        ("Alice", "correct horse", PasswordError::UnknownPerson),
        ("alice smith", "correct horse", PasswordError::UnknownPerson),
        ("", "", PasswordError::UnknownPerson),
        ("bob", "", PasswordError::NoPassword(name("bob"))),
        ("mallory", "correct horse", PasswordError::BadHash(name("mallory"))),
        ("trent", "correct horse", PasswordError::BadHash(name("trent"))),
    ] {
        assert_eq!(log_in(claimed, password), Err(expected), "{claimed} {password:?}");
    }
}

#[test]
fn hashes() {
    assert_eq!(hash("", [0; 16]), Err(BadPassword::Empty));
    assert_eq!(hash(&"x".repeat(PASSWORD_BYTES + 1), [0; 16]), Err(BadPassword::TooLong));
    let (one, two) = (hash("a", [1; 16]).unwrap(), hash("a", [2; 16]).unwrap());
    assert_ne!(one, two);
    assert!(verify("a", &one) && verify("a", &two));
    for bad in ["", "a", "$argon2id$", "$argon2id$v=19$m=19456,t=2,p=1$AAAA"] {
        assert!(!verify("a", bad), "{bad:?}");
    }
}

/// Hashing takes tens of milliseconds at least and everything else microseconds, so that a missing
/// dummy shows even on a busy machine.
#[test]
fn a_wrong_name_costs_a_verification_too() {
    let directory = directory();
    let fastest = |claimed: &str| {
        let mut times = [Duration::MAX; 2];
        for time in &mut times {
            let start = Instant::now();
            assert!(log_in(&directory, claimed, &secret("wrong")).is_err());
            *time = start.elapsed();
        }
        times.into_iter().min().unwrap()
    };
    let wrong_password = fastest("alice");
    for claimed in ["nobody", "bob", "mallory"] {
        let time = fastest(claimed);
        assert!(time * 4 > wrong_password, "{claimed}: {time:?}, against {wrong_password:?}");
    }
}
