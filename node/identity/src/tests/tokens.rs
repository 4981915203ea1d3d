//! API tokens: for whom, how long, on which nodes, and what ends them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proto::time::Utc;
use zeroize::Zeroizing;

use super::{name, new_key, person};
use crate::directory::{Directory, Subject};
use crate::tokens::{
    AdminToken, BadAdminToken, ENDED_PER_PERSON, Principal, TOKEN_BYTES, TOKEN_LIFETIME, TokenKey,
    Tokens, authenticate,
};

fn random(number: usize) -> Zeroizing<[u8; 32]> {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&u64::try_from(number).unwrap().to_le_bytes());
    Zeroizing::new(bytes)
}

/// One node of the cluster with this key.
fn node(cluster: u8) -> Tokens {
    Tokens::new(TokenKey::new(&Zeroizing::new([cluster; 32])), TOKEN_LIFETIME)
}

fn at(seconds: u64) -> Utc {
    Utc(i64::try_from(seconds * 1_000_000).unwrap())
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
    let tokens = node(1);
    let first = tokens.issue(&random(1), &alice, at(100));
    let second = tokens.issue(&random(2), &alice, at(100));
    assert!(first.reveal().starts_with("spt_") && first.reveal().len() <= TOKEN_BYTES);
    assert_ne!(first.reveal(), second.reveal());
    assert!(!format!("{first:?} {tokens:?}").contains(first.reveal()));
    let who = |text: &str, now| tokens.subject(text, &directory, at(now));
    assert_eq!(who(first.reveal(), 100), Some(alice.clone()));
    let end = 100 + TOKEN_LIFETIME.as_secs();
    assert_eq!(who(first.reveal(), end - 1), Some(alice.clone()));
    assert_eq!(who(first.reveal(), end), None);
    for wrong in ["", "spt_", "spt_AAAA", &first.reveal()[..46], &format!("{}x", first.reveal())] {
        assert_eq!(who(wrong, 100), None, "{wrong:?}");
    }
    assert_eq!(who(&"x".repeat(1_000_000), 100), None);
    let longest = name(&"a".repeat(64));
    let longest = tokens.issue(&random(3), &Subject { person: longest, ..alice }, at(0));
    assert!(longest.reveal().len() <= TOKEN_BYTES, "{}", longest.reveal().len());
}

#[test]
fn every_node_of_a_cluster_knows_it_and_no_other_does() {
    let (directory, alice) = one_person("alice");
    let (here, there, elsewhere) = (node(1), node(1), node(2));
    let token = here.issue(&random(1), &alice, at(100));
    assert_eq!(there.subject(token.reveal(), &directory, at(101)), Some(alice));
    assert_eq!(elsewhere.subject(token.reveal(), &directory, at(101)), None);
    // A logout is of one node: the others learn nothing of it.
    assert!(!elsewhere.revoke(token.reveal(), at(101)));
    assert!(here.revoke(token.reveal(), at(101)) && !here.revoke(token.reveal(), at(102)));
    assert_eq!(here.subject(token.reveal(), &directory, at(102)), None);
    assert!(there.subject(token.reveal(), &directory, at(102)).is_some());
    assert!(!there.revoke(token.reveal(), at(100 + TOKEN_LIFETIME.as_secs())), "it is over");
}

#[test]
fn no_byte_of_it_can_be_changed() {
    let (directory, alice) = one_person("alice");
    let tokens = node(1);
    let token = tokens.issue(&random(1), &alice, at(100));
    let bytes = URL_SAFE_NO_PAD.decode(&token.reveal()[4..]).unwrap();
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[place] ^= 1 << bit;
            let text = format!("spt_{}", URL_SAFE_NO_PAD.encode(&changed));
            assert_eq!(tokens.subject(&text, &directory, at(100)), None, "byte {place} bit {bit}");
        }
    }
    for length in 0..bytes.len() {
        let text = format!("spt_{}", URL_SAFE_NO_PAD.encode(&bytes[..length]));
        assert_eq!(tokens.subject(&text, &directory, at(100)), None, "{length} bytes");
    }
    // The same bytes under another spelling are no token.
    let padded = format!("{}=", token.reveal());
    assert_eq!(tokens.subject(&padded, &directory, at(100)), None);
}

#[test]
fn a_token_ends_with_the_person_or_the_key() {
    let key = new_key();
    let mut alice = person("alice", &[&key]);
    let directory = Directory::new(std::slice::from_ref(&alice));
    let tokens = node(1);
    let subject = directory.by_key(key.public_key()).unwrap();
    let token = tokens.issue(&random(1), &subject, at(0));
    alice.groups = vec![name("guests")];
    let later = Directory::new(std::slice::from_ref(&alice));
    let subject = tokens.subject(token.reveal(), &later, at(1)).unwrap();
    assert_eq!(subject.groups, [name("guests")]);
    // Whoever takes the name over with another key does not get the token with it.
    let other = Directory::new(&[person("alice", &[&new_key()])]);
    assert_eq!(tokens.subject(token.reveal(), &other, at(1)), None);
    alice.ssh_keys.clear();
    assert_eq!(tokens.subject(token.reveal(), &Directory::new(&[alice]), at(1)), None);
    assert_eq!(tokens.subject(token.reveal(), &Directory::default(), at(1)), None);
}

#[test]
fn what_is_forgotten_of_a_person_has_ended() {
    let key = new_key();
    let bobs = new_key();
    let directory = Directory::new(&[person("alice", &[&key]), person("bob", &[&bobs])]);
    let (alice, bob) = (directory.by_key(key.public_key()), directory.by_key(bobs.public_key()));
    let (alice, bob) = (alice.unwrap(), bob.unwrap());
    let tokens = node(1);
    let still = |token: &crate::Token, now| tokens.subject(token.reveal(), &directory, now);
    let old = tokens.issue(&random(9_999), &alice, at(0));
    let bobs = tokens.issue(&random(9_998), &bob, at(0));
    let given: Vec<_> = (0..=ENDED_PER_PERSON)
        .map(|n| tokens.issue(&random(n), &alice, at(1 + n as u64)))
        .collect();
    for token in &given[..ENDED_PER_PERSON] {
        assert!(tokens.revoke(token.reveal(), at(60)));
    }
    assert!(still(&old, at(60)).is_some(), "so many are remembered one by one");
    assert!(tokens.revoke(given[ENDED_PER_PERSON].reveal(), at(60)));
    for token in &given {
        assert_eq!(still(token, at(60)), None);
    }
    assert_eq!(still(&old, at(60)), None, "older than what was forgotten");
    assert!(still(&bobs, at(60)).is_some(), "nobody ends what is another's");
    assert!(still(&tokens.issue(&random(10_000), &alice, at(60)), at(60)).is_some());
}

#[test]
fn all_tokens_of_a_person() {
    let (directory, alice) = one_person("alice");
    let tokens = node(1);
    let before = tokens.issue(&random(1), &alice, at(10));
    tokens.revoke_all_of(&name("bob"), at(10));
    assert!(tokens.subject(before.reveal(), &directory, at(10)).is_some());
    tokens.revoke_all_of(&name("alice"), at(10));
    assert_eq!(tokens.subject(before.reveal(), &directory, at(10)), None);
    let after = tokens.issue(&random(2), &alice, at(11));
    assert!(tokens.subject(after.reveal(), &directory, at(11)).is_some());
}

#[test]
fn the_administrator() {
    let (admin, token) = AdminToken::generate(&random(1));
    assert!(token.reveal().starts_with("spa_"));
    let from_file = |text: &str| AdminToken::from_file_text(&Zeroizing::new(text.to_owned()));
    let read = from_file(&format!("{}\n", token.reveal())).unwrap();
    assert_eq!(read.digest(), admin.digest());
    let kept = AdminToken::from_digest(admin.digest());
    let (directory, alice) = one_person("alice");
    let tokens = node(1);
    let hers = tokens.issue(&random(1), &alice, at(0));
    let who = |text: &str| authenticate(text, &kept, &tokens, &directory, at(0));
    assert!(admin.matches(token.reveal()));
    assert_eq!(who(token.reveal()), Some(Principal::Admin));
    assert_eq!(who(hers.reveal()), Some(Principal::Person(alice)));
    for wrong in ["", "admin", &token.reveal()[..46], &format!("{}\n", token.reveal())] {
        assert_eq!(who(wrong), None, "{wrong:?}");
    }
    let too_long = "x".repeat(TOKEN_BYTES + 1);
    let bad = ["", "\n", "short", &too_long, &"two lines\n".repeat(9), &"ä".repeat(40)];
    for text in bad {
        assert_eq!(from_file(text).err(), Some(BadAdminToken), "{text:?}");
    }
}
