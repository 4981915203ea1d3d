//! Who has a key, and who they still are later.

use super::{keygen, line, name, new_key, person, ssh_keygen};
use crate::certificates::Listing;
use crate::directory::Directory;
use crate::keys;

#[test]
fn by_key() {
    let (first, second, nobodys) = (new_key(), new_key(), new_key());
    let (folder, public) = keygen(&["rsa", "-b", "3072"]);
    let mut bob = person("bob", &[&second]);
    bob.ssh_keys.push(keys::normalise(&public).unwrap());
    let directory = Directory::new(&[person("alice", &[&first]), bob]);
    let rsa = keys::read(&public).unwrap();
    let who = |key| directory.by_key(key).map(|subject| subject.person.to_string());
    assert_eq!(who(first.public_key()).as_deref(), Some("alice"));
    assert_eq!(who(second.public_key()).as_deref(), Some("bob"));
    assert_eq!(who(&rsa).as_deref(), Some("bob"));
    assert_eq!(who(nobodys.public_key()), None);
    // A comment on the shown key changes nothing.
    let mut commented = first.public_key().clone();
    commented.set_comment("someone else");
    assert_eq!(who(&commented).as_deref(), Some("alice"));

    let subject = directory.by_key(&rsa).unwrap();
    let listed = ssh_keygen(folder.path(), &["-l", "-f", "key.pub"]);
    assert_eq!(subject.credential, listed.split(' ').nth(1).unwrap());
    assert_eq!((subject.issuer.as_str(), subject.groups), ("file", vec![name("engineering")]));
    assert_eq!(directory.people().len(), 2);
}

#[test]
fn a_key_of_two_people_is_nobodys() {
    let (shared, own) = (new_key(), new_key());
    let people =
        [person("alice", &[&shared, &own]), person("bob", &[&shared]), person("carol", &[&shared])];
    let directory = Directory::new(&people);
    assert_eq!(directory.by_key(shared.public_key()), None);
    assert!(directory.by_key(own.public_key()).is_some());
}

#[test]
fn unreadable_keys_are_nobodys() {
    let key = new_key();
    let mut alice = person("alice", &[&key]);
    alice.ssh_keys.insert(0, "nonsense".to_owned());
    alice.ssh_keys.push(format!("no-pty {}", line(&new_key())));
    let directory = Directory::new(&[alice]);
    assert!(directory.by_key(key.public_key()).is_some());
}

#[test]
fn who_somebody_still_is() {
    let (old, new) = (new_key(), new_key());
    let mut alice = person("alice", &[&old]);
    alice.password_hash = Some("$argon2id$one".to_owned());
    let directory = Directory::new(std::slice::from_ref(&alice));
    let by_key = directory.by_key(old.public_key()).unwrap();
    let by_password = directory.by_password(&name("alice")).unwrap();
    assert_eq!(directory.still(&by_key), Some(by_key.clone()));
    assert_eq!(directory.still(&by_password), Some(by_password.clone()));

    // New groups count at once.
    alice.groups = vec![name("guests")];
    let regrouped = Directory::new(std::slice::from_ref(&alice));
    assert_eq!(regrouped.still(&by_key).unwrap().groups, [name("guests")]);
    // A key that was taken away ends what it began, and nothing else; so does a new password.
    alice.ssh_keys = vec![line(&new)];
    let rekeyed = Directory::new(std::slice::from_ref(&alice));
    assert_eq!(rekeyed.still(&by_key), None);
    assert!(rekeyed.still(&by_password).is_some());
    alice.password_hash = Some("$argon2id$two".to_owned());
    assert_eq!(Directory::new(&[alice]).still(&by_password), None);
    // Nobody is still there after being removed, or by another's credential.
    assert_eq!(Directory::new(&[person("bob", &[&old])]).still(&by_key), None);
}

#[test]
fn a_key_that_became_shared_no_longer_counts() {
    let key = new_key();
    let alone = Directory::new(&[person("alice", &[&key])]);
    let subject = alone.by_key(key.public_key()).unwrap();
    let shared = Directory::new(&[person("alice", &[&key]), person("bob", &[&key])]);
    assert_eq!(shared.still(&subject), None);
}

/// Somebody of whose certificates this is listed.
fn certified(who: &str, listed: &[&str]) -> proto::person::Person {
    let mut person = person(who, &[]);
    person.ssh_keys = listed.iter().map(|listed| format!("x509:{listed}")).collect();
    person
}

#[test]
fn by_certificate() {
    let directory = Directory::new(&[
        certified("alice", &["cn:alice", "email:a@example.com", "cn:both"]),
        certified("bob", &["uri:https://example.com/b", "cn:both"]),
        certified("carol", &["cn:a@example.com"]),
    ]);
    #[track_caller]
    fn check(directory: &Directory, says: &[Listing<'_>], expected: Option<(&str, &str)>) {
        let found = directory.by_certificate(says);
        let found = found.map(|subject| (subject.person.to_string(), subject.credential));
        let expected = expected.map(|(who, by)| (who.to_owned(), by.to_owned()));
        assert_eq!(found, expected, "{says:?}");
    }
    let (cn, email) = (Listing::CommonName("alice"), Listing::Email("a@example.com"));
    check(&directory, &[], None);
    check(&directory, &[Listing::CommonName("mallory")], None);
    check(&directory, &[cn], Some(("alice", "x509:cn:alice")));
    check(&directory, &[Listing::Dns("x"), email, cn], Some(("alice", "x509:email:a@example.com")));
    // The same text of another kind is another name.
    check(&directory, &[Listing::Email("alice")], None);
    check(
        &directory,
        &[Listing::CommonName("a@example.com")],
        Some(("carol", "x509:cn:a@example.com")),
    );
    // Of several people it is nobody's, also where one of them is alone with something else.
    check(&directory, &[cn, Listing::Uri("https://example.com/b")], None);
    check(&directory, &[Listing::CommonName("both")], None);
    check(&directory, &[cn, Listing::CommonName("both")], None);
}

/// What is not listed any more ends what it began.
#[test]
fn who_somebody_with_a_certificate_still_is() {
    let directory = Directory::new(&[certified("alice", &["cn:alice", "cn:a"])]);
    let subject = directory.by_certificate(&[Listing::CommonName("alice")]).unwrap();
    assert_eq!(directory.still(&subject), Some(subject.clone()));
    for now in [
        vec![certified("alice", &["cn:a"])],
        vec![certified("bob", &["cn:alice"])],
        vec![certified("alice", &["cn:alice"]), certified("bob", &["cn:alice"])],
        vec![person("alice", &[])],
    ] {
        assert_eq!(Directory::new(&now).still(&subject), None, "{now:?}");
    }
}
