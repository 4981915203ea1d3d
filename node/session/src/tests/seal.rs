//! Sealed texts open where they belong, and nowhere else; old ones still do.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hpke::Serializable as _;
use proto::event::TEXT_PART_BYTES;
use proto::ids::SessionId;

use crate::seal::AuditKey;

fn session(number: u8) -> SessionId {
    SessionId::from_text(&format!("gw-1-1-{number}"))
}

#[test]
fn sealed_text_opens_only_where_it_belongs() {
    let key = AuditKey::generate();
    let text = vec![b'x'; TEXT_PART_BYTES + 1];
    let sealed = key.public().sealer().seal(&session(1), 3, &text).expect("it seals");
    assert_eq!(sealed.len(), 2);
    let first = key.open(&session(1), 3, 0, &sealed[0]).expect("its own place");
    assert_eq!(first[..], text[..TEXT_PART_BYTES]);
    assert_eq!(key.open(&session(1), 3, 1, &sealed[1]).expect("its own place")[..], *b"x");
    assert!(key.open(&session(2), 3, 0, &sealed[0]).is_err(), "another session");
    assert!(key.open(&session(1), 4, 0, &sealed[0]).is_err(), "another command");
    assert!(key.open(&session(1), 3, 1, &sealed[0]).is_err(), "another part");
    assert!(AuditKey::generate().open(&session(1), 3, 0, &sealed[0]).is_err(), "another key");
    let kept = AuditKey::from_bytes(&key.to_bytes()).expect("32 bytes");
    assert!(kept.open(&session(1), 3, 0, &sealed[0]).is_ok(), "the key survives its file");
}

#[test]
fn a_chain_of_texts_opens_in_any_order_and_begins_anew() {
    let (key, session) = (AuditKey::generate(), session(1));
    let mut sealer = key.public().sealer();
    let text = |number: u64| format!("select {number}");
    let seal = |number| sealer.seal(&session, number, text(number).as_bytes()).expect("it seals");
    let sealed: Vec<_> = (0..300).map(seal).map(|mut parts| parts.remove(0)).collect();
    for number in [299, 0, 255, 256, 1] {
        let at = usize::try_from(number).expect("few");
        let opened = key.open(&session, number, 0, &sealed[at]).expect("its own place");
        assert_eq!(opened[..], *text(number).as_bytes(), "{number}");
    }
    let bytes = |at: usize| STANDARD.decode(&sealed[at]["c1.".len()..]).expect("base64");
    let heads: Vec<_> = (0..300).map(|at| bytes(at)[..34].to_vec()).collect();
    let mut distinct = heads.clone();
    distinct.sort();
    distinct.dedup();
    // One key seals two texts only where they have the same place in the same chain.
    assert_eq!(distinct.len(), heads.len());
    assert_eq!(heads[0][..32], heads[255][..32], "one chain");
    assert_ne!(heads[255][..32], heads[256][..32], "the next one");
}

#[test]
fn a_text_that_was_changed_does_not_open() {
    let (key, session) = (AuditKey::generate(), session(1));
    let mut sealer = key.public().sealer();
    let sealed = sealer.seal(&session, 1, b"drop table t").expect("it seals").remove(0);
    let bytes = STANDARD.decode(&sealed["c1.".len()..]).expect("base64");
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let changed = format!("c1.{}", STANDARD.encode(changed));
        assert!(key.open(&session, 1, 0, &changed).is_err(), "byte {at}");
    }
    for end in 0..bytes.len() {
        let cut = format!("c1.{}", STANDARD.encode(&bytes[..end]));
        assert!(key.open(&session, 1, 0, &cut).is_err(), "cut at {end}");
    }
    assert!(key.open(&session, 1, 0, &sealed["c1.".len()..]).is_err(), "without its mark");
}

/// Records of the versions before are readable for ever.
#[test]
fn what_was_sealed_by_itself_still_opens() {
    type Kem = hpke::kem::X25519HkdfSha256;
    let key = AuditKey::from_bytes(&[7; 32]).expect("a key");
    let private = <<Kem as hpke::Kem>::PrivateKey as hpke::Deserializable>::from_bytes(&[7; 32]);
    let public = <Kem as hpke::Kem>::sk_to_pk(&private.expect("a key"));
    let (encapsulated, ciphertext) =
        hpke::single_shot_seal::<hpke::aead::ChaCha20Poly1305, hpke::kdf::HkdfSha256, Kem>(
            &hpke::OpModeS::Base,
            &public,
            b"io.sallyport sealed command v1",
            b"uname -a",
            b"gw-1-1-1/3/0",
        )
        .expect("it seals");
    let sealed = STANDARD.encode([&encapsulated.to_bytes()[..], &ciphertext[..]].concat());
    assert_eq!(key.open(&session(1), 3, 0, &sealed).expect("its own place")[..], *b"uname -a");
    assert!(key.open(&session(1), 4, 0, &sealed).is_err(), "another command");
}
