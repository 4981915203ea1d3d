//! Database credentials that the cluster gives out: whom they are for, and until when.

use std::time::Duration;

use proto::ids::Name;
use proto::person::Person;
use proto::time::Utc;
use zeroize::Zeroizing;

use crate::directory::{Directory, Subject};
use crate::issued::{ISSUED_LIFETIME, Issued, IssuingKey};

const NOW: Utc = Utc(1_764_403_200_000_000);
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBlOkvhKcqNTMVzJlS2jWSk5JXlXPvdV8LLxSOZ5BlFJ alice";

fn person(name: &str, ssh_keys: &[&str], password: Option<&str>) -> Person {
    Person {
        name: name.parse().expect("a name"),
        groups: Vec::new(),
        ssh_keys: ssh_keys.iter().map(ToString::to_string).collect(),
        password_hash: password.map(str::to_owned),
    }
}

fn people(alice: Person) -> Directory {
    Directory::new(&[alice, person("bob", &[], Some("other"))])
}

fn key(secret: u8) -> IssuingKey {
    IssuingKey::new(&Zeroizing::new([secret; 32]))
}

fn later(by: Duration) -> Utc {
    Utc(NOW.0 + i64::try_from(by.as_micros()).expect("a short time"))
}

fn alice(directory: &Directory) -> Subject {
    let name: Name = "alice".parse().expect("a name");
    directory.having(&name, |_| true).expect("she has something")
}

fn issue(directory: &Directory) -> Issued {
    key(1).issue(&Zeroizing::new([9; 32]), &alice(directory), NOW)
}

/// Whom it is for, when it is looked at by a key, with other people and at another time.
fn whom(issued: &Issued, secret: u8, directory: &Directory, now: Utc) -> Option<String> {
    let (subject, _) = key(secret).verifier(&issued.user, directory, now)?;
    Some(subject.person.to_string())
}

#[test]
fn it_is_good_for_a_while_and_for_one_person() {
    for alice in [person("alice", &[KEY], None), person("alice", &[], Some("hash"))] {
        let directory = people(alice);
        let issued = issue(&directory);
        assert!(issued.user.starts_with("alice+"), "{}", issued.user);
        assert_eq!(issued.expires, later(ISSUED_LIFETIME));
        assert_eq!(whom(&issued, 1, &directory, NOW).as_deref(), Some("alice"));
        let end = later(ISSUED_LIFETIME);
        assert_eq!(whom(&issued, 1, &directory, Utc(end.0 - 1)).as_deref(), Some("alice"));
        assert_eq!(whom(&issued, 1, &directory, end), None, "its time is over");
        // Whoever has her name no more, or not what it was given for.
        let other = people(person("alice", &[], Some("changed")));
        assert_eq!(whom(&issued, 1, &other, NOW), None);
        assert_eq!(whom(&issued, 1, &Directory::new(&[]), NOW), None);
        let stolen = issued.user.replacen("alice", "bob", 1);
        assert!(key(1).verifier(&stolen, &directory, NOW).is_none());
    }
}

#[test]
fn what_is_no_id_is_nobodys() {
    let directory = people(person("alice", &[KEY], None));
    let issued = issue(&directory);
    let check = |claimed: &str| key(1).verifier(claimed, &directory, NOW).is_none();
    let cut = issued.user[..issued.user.len() - 1].to_owned();
    let wrong = ["alice", "alice+", "+", "alice+x", &cut, &format!("{}A", issued.user)];
    assert!(wrong.iter().all(|claimed| check(claimed)));
}

#[test]
fn the_password_follows_from_the_key_and_all_of_the_name() {
    let directory = people(person("alice", &[KEY], None));
    let issued = issue(&directory);
    let verifier = |secret: u8, user: &str| {
        key(secret).verifier(user, &directory, NOW).map(|(_, verifier)| verifier)
    };
    let right = verifier(1, &issued.user).expect("it is good");
    assert_ne!(Some(&right), verifier(2, &issued.user).as_ref(), "another cluster's key");
    // Another end: whoever prolongs it does not know its password.
    let (person, id) = issued.user.split_once('+').expect("an id");
    let prolonged = format!("{person}+{}", id.replacen("AQ", "AX", 1));
    assert_ne!(Some(&right), verifier(1, &prolonged).as_ref());
    let again = key(1).issue(&Zeroizing::new([8; 32]), &alice(&directory), NOW);
    assert_ne!(
        (again.user.as_str(), again.password.reveal()),
        (&*issued.user, issued.password.reveal())
    );
    assert_eq!(format!("{issued:?}").matches(issued.password.reveal()).count(), 0);
}
