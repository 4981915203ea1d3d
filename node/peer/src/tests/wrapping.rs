//! Secrets under the cluster's key.

use proto::ids::Name;
use proto::peer::Secret;

use super::name;
use crate::wrap::{About, WRAPPED_LIMIT, WrapError, unwrap, wrap, wrap_with};

const KEY: [u8; 32] = [7; 32];

fn about<'a>(cluster: &'a Name, secret: &'a Name) -> About<'a> {
    About { cluster, secret, generation: 1 }
}

#[test]
fn a_secret_comes_back_under_its_key_and_name_alone() {
    let (prod, other) = (name("prod"), name("test"));
    let (audit, mask) = (name("audit-key"), name("mask-key"));
    let key = Secret::new(KEY);
    let wrapped = wrap(&key, about(&prod, &audit), b"very secret").unwrap();
    assert!(!wrapped.windows(4).any(|window| window == b"very"));
    let secret = unwrap(&key, about(&prod, &audit), &wrapped).unwrap();
    assert_eq!(secret.as_slice(), b"very secret");

    let not = |secret: &Name| Err(WrapError::NotThis(secret.clone()));
    let wrong_key = Secret::new([8; 32]);
    assert_eq!(unwrap(&wrong_key, about(&prod, &audit), &wrapped), not(&audit));
    assert_eq!(unwrap(&key, about(&prod, &mask), &wrapped), not(&mask), "moved to another name");
    assert_eq!(unwrap(&key, about(&other, &audit), &wrapped), not(&audit), "another cluster");
    let later = About { generation: 2, ..about(&prod, &audit) };
    assert_eq!(unwrap(&key, later, &wrapped), not(&audit), "another generation");
}

#[test]
fn every_changed_byte_and_every_cut_is_noticed() {
    let (prod, audit) = (name("prod"), name("audit-key"));
    let key = Secret::new(KEY);
    let wrapped = wrap(&key, about(&prod, &audit), b"very secret").unwrap();
    for index in 0..wrapped.len() {
        let mut changed = wrapped.clone();
        changed[index] ^= 1;
        let expected = match index {
            0 => WrapError::Version(0),
            _ => WrapError::NotThis(audit.clone()),
        };
        assert_eq!(unwrap(&key, about(&prod, &audit), &changed), Err(expected), "byte {index}");
        assert!(unwrap(&key, about(&prod, &audit), &wrapped[..index]).is_err(), "cut to {index}");
    }
}

#[test]
fn what_was_wrapped_once_is_unwrapped_for_ever() {
    let (prod, audit) = (name("prod"), name("audit-key"));
    let key = Secret::new(KEY);
    let now = wrap_with([9; 12], &key, about(&prod, &audit), b"very secret").unwrap();
    let golden = include_bytes!("../../golden/wrapped.v1.bin");
    assert_eq!(now, golden);
    let secret = unwrap(&key, about(&prod, &audit), golden).unwrap();
    assert_eq!(secret.as_slice(), b"very secret");
}

#[test]
fn no_two_wrappings_are_alike() {
    let (prod, audit) = (name("prod"), name("audit-key"));
    let key = Secret::new(KEY);
    let wrap = || wrap(&key, about(&prod, &audit), b"very secret").unwrap();
    assert_ne!(wrap(), wrap());
}

#[test]
fn a_secret_has_a_limit() {
    let (prod, audit) = (name("prod"), name("audit-key"));
    let key = Secret::new(KEY);
    assert!(wrap(&key, about(&prod, &audit), &vec![0; WRAPPED_LIMIT]).is_ok());
    let over = vec![0; WRAPPED_LIMIT + 1];
    let refused = Err(WrapError::TooLong(WRAPPED_LIMIT + 1));
    assert_eq!(wrap(&key, about(&prod, &audit), &over), refused);
}
