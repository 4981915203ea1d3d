//! API tokens: for whom, how long, how many.

use zeroize::Zeroizing;

use super::{at, name, new_key, person};
use crate::directory::{Directory, Subject};
use crate::tokens::{
    AdminToken, BadAdminToken, Principal, TOKEN_LIFETIME, TOKENS, TOKENS_PER_PERSON, Tokens,
    TooManyTokens, authenticate,
};

fn random(number: usize) -> Zeroizing<[u8; 32]> {
    let mut bytes = [7; 32];
    bytes[24..].copy_from_slice(&u64::try_from(number).unwrap().to_le_bytes());
    Zeroizing::new(bytes)
}

fn one_person(text: &str) -> (Directory, Subject) {
    let key = new_key();
    let directory = Directory::new(&[person(text, &[&key])]);
    let subject = directory.by_key(key.public_key()).unwrap();
    (directory, subject)
}

#[test]
fn a_token_speaks_for_its_person_for_a_while() {
    let (directory, alice) = one_person("alice");
    let tokens = Tokens::new(TOKEN_LIFETIME);
    let first = tokens.issue(&random(1), alice.clone(), at(100)).unwrap();
    let second = tokens.issue(&random(2), alice.clone(), at(100)).unwrap();
    assert!(first.reveal().starts_with("spt_") && first.reveal().len() == 47);
    assert_ne!(first.reveal(), second.reveal());
    assert!(!format!("{first:?}").contains(first.reveal()));
    let who = |text: &str, now| tokens.subject(text, &directory, at(now));
    assert_eq!(who(first.reveal(), 100), Some(alice.clone()));
    let end = 100 + TOKEN_LIFETIME.as_secs();
    assert_eq!(who(first.reveal(), end - 1), Some(alice.clone()));
    assert_eq!(who(first.reveal(), end), None);
    for wrong in ["", "spt_", &first.reveal()[..46], &format!("{}x", first.reveal())] {
        assert_eq!(who(wrong, 100), None, "{wrong:?}");
    }
    assert_eq!(who(&"x".repeat(1_000_000), 100), None);

    assert!(tokens.revoke(first.reveal()) && !tokens.revoke(first.reveal()));
    assert_eq!(who(first.reveal(), 100), None);
    assert_eq!(who(second.reveal(), 100), Some(alice));
    assert_eq!(tokens.revoke_all_of(&name("bob")), 0);
    assert_eq!(tokens.revoke_all_of(&name("alice")), 1);
    assert_eq!(who(second.reveal(), 100), None);
}

#[test]
fn a_token_ends_with_the_person_or_the_key() {
    let key = new_key();
    let mut alice = person("alice", &[&key]);
    let directory = Directory::new(std::slice::from_ref(&alice));
    let tokens = Tokens::new(TOKEN_LIFETIME);
    let subject = directory.by_key(key.public_key()).unwrap();
    let token = tokens.issue(&random(1), subject, at(0)).unwrap();
    alice.groups = vec![name("guests")];
    let later = Directory::new(std::slice::from_ref(&alice));
    let subject = tokens.subject(token.reveal(), &later, at(1)).unwrap();
    assert_eq!(subject.groups, [name("guests")]);
    alice.ssh_keys.clear();
    assert_eq!(tokens.subject(token.reveal(), &Directory::new(&[alice]), at(1)), None);
    assert_eq!(tokens.subject(token.reveal(), &Directory::default(), at(1)), None);
}

#[test]
fn so_many_for_each_person_and_in_all() {
    let (directory, alice) = one_person("alice");
    let tokens = Tokens::new(TOKEN_LIFETIME);
    let given: Vec<_> = (0..=TOKENS_PER_PERSON)
        .map(|n| tokens.issue(&random(n), alice.clone(), at(0)).unwrap())
        .collect();
    let who = |n: usize| tokens.subject(given[n].reveal(), &directory, at(0));
    assert_eq!(who(0), None, "the oldest ended");
    assert!(who(1).is_some() && who(TOKENS_PER_PERSON).is_some());

    let other = |n: usize| Subject { person: name(&format!("p{n}")), ..alice.clone() };
    for n in 0..TOKENS - TOKENS_PER_PERSON {
        assert!(tokens.issue(&random(1_000 + n), other(n), at(0)).is_ok(), "{n}");
    }
    assert_eq!(tokens.issue(&random(9_999), other(9_999), at(0)).err(), Some(TooManyTokens));
    // Who has as many as they may have still gets one, in the place of their oldest.
    assert!(tokens.issue(&random(9_998), alice.clone(), at(0)).is_ok());
    assert_eq!(who(1), None);
    let end = TOKEN_LIFETIME.as_secs();
    assert!(tokens.issue(&random(9_999), other(9_999), at(end)).is_ok());
}

#[test]
fn the_administrator() {
    let (admin, token) = AdminToken::generate(&random(1));
    assert!(token.reveal().starts_with("spa_"));
    let from_file = |text: &str| AdminToken::from_file_text(&Zeroizing::new(text.to_owned()));
    let read = from_file(&format!("{}\n", token.reveal())).unwrap();
    let (directory, alice) = one_person("alice");
    let tokens = Tokens::new(TOKEN_LIFETIME);
    let hers = tokens.issue(&random(1), alice.clone(), at(0)).unwrap();
    let who = |text: &str| authenticate(text, &read, &tokens, &directory, at(0));
    assert!(admin.matches(token.reveal()));
    assert_eq!(who(token.reveal()), Some(Principal::Admin));
    assert_eq!(who(hers.reveal()), Some(Principal::Person(alice)));
    for wrong in ["", "admin", &token.reveal()[..46], &format!("{}\n", token.reveal())] {
        assert_eq!(who(wrong), None, "{wrong:?}");
    }
    let bad = ["", "\n", "short", &"x".repeat(257), &"two lines\n".repeat(9), &"ä".repeat(40)];
    for text in bad {
        assert_eq!(from_file(text).err(), Some(BadAdminToken), "{text:?}");
    }
}
