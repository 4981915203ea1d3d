//! Signed notes and checkpoints, as others write them and as we do.

use proto::ids::{Chain, Digest, Epoch};
use ring::signature::Ed25519KeyPair;

use super::world::name;
use crate::checkpoint::{Checkpoint, origin};
use crate::keys::{Keys, Signed};
use crate::note::{Key, Note, Signature, public};

/// The example of the format's reference implementation.
const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const SAID: &str = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n\
                    \n\
                    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

pub(super) fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

pub(super) fn key(node: &str, seed: u8) -> Key {
    let origin = origin(&name("acme"), &Chain::Node(name(node)));
    Key::new(&origin, public(&pair(seed))).unwrap()
}

fn checkpoint(size: u64) -> Checkpoint {
    let (chain, epoch) = (Chain::Node(name("gw-1")), Epoch(3));
    let (root, head) = (Digest([7; 32]), Digest([8; 32]));
    Checkpoint { cluster: name("acme"), chain, size, root, head, epoch, base: 0 }
}

fn signed(text: &str, by: &[(&str, u8)]) -> Note {
    let signatures = by
        .iter()
        .map(|(node, seed)| Signature::make(key(node, *seed).name(), &pair(*seed), text).unwrap());
    Note { text: text.to_owned(), signatures: signatures.collect() }
}

#[test]
fn the_reference_note_is_read_and_written_again() {
    let (key, note): (Key, Note) = (PETER.parse().unwrap(), SAID.parse().unwrap());
    assert_eq!((key.to_string().as_str(), note.to_string().as_str()), (PETER, SAID));
    assert_eq!(note.signers([&key]), Ok(vec![&key]));
    let other = Note { text: note.text.replace("answer", "anwser"), ..note };
    assert_eq!(other.signers([&key]), Err(&key));
}

#[test]
fn a_checkpoint_is_a_few_lines() {
    let text = checkpoint(900).to_string();
    assert_eq!(
        text,
        "sallyport/acme/gw-1\n900\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\nhead CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=\nepoch 3\n"
    );
    assert_eq!(text.parse(), Ok(checkpoint(900)));
    let begun_later = Checkpoint { base: 7, ..checkpoint(9) };
    assert_eq!(begun_later.to_string().parse(), Ok(begun_later));
}

#[track_caller]
fn check_no_checkpoint(change: (&str, &str)) {
    let text = checkpoint(900).to_string();
    assert!(text.contains(change.0));
    let changed = text.replacen(change.0, change.1, 1);
    assert!(changed.parse::<Checkpoint>().is_err(), "{changed:?}");
}

#[test]
fn what_is_no_checkpoint() {
    check_no_checkpoint(("sallyport/", "example.com/"));
    check_no_checkpoint(("acme/", "acme"));
    check_no_checkpoint(("\n900", "\n0900"));
    check_no_checkpoint(("\n900", "\n+900"));
    check_no_checkpoint(("\n900", "\n-1"));
    check_no_checkpoint(("BwcH", ""));
    check_no_checkpoint(("epoch 3\n", "epoch 3"));
    check_no_checkpoint(("epoch 3\n", "\nepoch 3\n"));
    check_no_checkpoint(("head CA", "head C"));
    check_no_checkpoint(("head ", "tail "));
    check_no_checkpoint(("epoch 3\n", "epoch three\n"));
}

#[track_caller]
fn check_no_note(text: &str) {
    assert!(text.parse::<Note>().is_err(), "{text:?}");
}

#[test]
fn what_is_no_note() {
    check_no_note("");
    check_no_note("text\n");
    check_no_note("text\n\n");
    check_no_note(&SAID.replace("\u{2014} ", "- "));
    check_no_note(SAID.trim_end());
    check_no_note(&SAID.replace("PeterNeumann", "Peter+Neumann"));
    check_no_note(&SAID.replace("x08go/", "x08go!"));
    check_no_note(&SAID.replace("problem,", "problem\r"));
    check_no_note(&format!("{}{SAID}", "a".repeat(crate::note::NOTE_LIMIT)));
    assert!(PETER.replace("c74f20a3", "c74f20a4").parse::<Key>().is_err());
    assert!(PETER.replace("+AR", "+BR").parse::<Key>().is_err());
    assert!(Key::new("two words", [0; 32]).is_none());
}

#[test]
fn whose_signatures_count() {
    let text = checkpoint(1).to_string();
    let keys = Keys {
        members: vec![key("gw-1", 1), key("gw-2", 2), key("gw-3", 3)],
        former: vec![key("gw-4", 4)],
    };
    assert_eq!(keys.to_string().parse().as_ref(), Ok(&keys));
    assert_eq!(keys.majority(), 2);
    let own = key("gw-1", 1).name().to_owned();
    let said = |by: &[(&str, u8)], asked| keys.check(&signed(&text, by), asked);
    assert_eq!(said(&[("gw-1", 1), ("gw-2", 2)], None), Signed::By(2));
    assert_eq!(said(&[("gw-1", 1), ("gw-1", 1)], None), Signed::By(1), "nobody counts twice");
    assert_eq!(said(&[("gw-1", 1), ("gw-4", 4)], None), Signed::By(1), "nor who left");
    let former = key("gw-4", 4).name().to_owned();
    assert_eq!(said(&[("gw-4", 4)], Some(&former)), Signed::By(1));
    assert_eq!(
        said(&[("gw-2", 2)], Some(&own)),
        Signed::ByAnotherKey(key("gw-2", 2).name().into())
    );
    assert_eq!(said(&[("gw-1", 9)], None), Signed::ByAnotherKey(own.clone()));
    assert_eq!(said(&[("gw-9", 9)], None), Signed::ByStrangers);
    let mut forged = signed(&text, &[("gw-1", 1)]);
    forged.signatures[0].bytes[0] ^= 1;
    assert_eq!(keys.check(&forged, None), Signed::Badly(own));
}
