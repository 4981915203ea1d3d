//! Backups open with their key and no other, and only as they were made.

use crate::seal::backup::{BackupError, BackupKey, NotAKey, Recipient};

#[test]
fn a_backup_opens_with_its_key_alone() {
    let (key, other) = (BackupKey::fresh(), BackupKey::fresh());
    let recipient: Recipient = key.recipient().to_string().parse().expect("a key");
    assert_eq!(recipient.digest(), key.recipient().digest());
    let sealed = recipient.seal(b"the state of a cluster").expect("a backup");
    let opened = key.open(&sealed).expect("it opens");
    assert_eq!(opened.as_slice(), b"the state of a cluster");
    let kept: BackupKey = key.to_text().parse().expect("a key from its file");
    assert!(kept.open(&sealed).is_ok());
    assert_eq!(other.open(&sealed).err(), Some(BackupError::CannotOpen));
    assert_ne!(recipient.seal(b"the state of a cluster").expect("a backup"), sealed);
}

#[test]
fn no_bit_of_it_can_be_changed() {
    let key = BackupKey::fresh();
    let sealed = key.recipient().seal(b"state").expect("a backup");
    for place in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        assert!(key.open(&changed).is_err(), "byte {place}");
        assert!(key.open(&sealed[..place]).is_err(), "{place} bytes");
    }
    assert_eq!(key.open(b"something else").err(), Some(BackupError::NotOne));
}

#[test]
fn what_is_no_key() {
    for text in ["", "AAAA", "not base64!", &"A".repeat(64)] {
        assert_eq!(text.parse::<Recipient>().err(), Some(NotAKey), "{text:?}");
        assert_eq!(text.parse::<BackupKey>().err(), Some(NotAKey), "{text:?}");
    }
}
