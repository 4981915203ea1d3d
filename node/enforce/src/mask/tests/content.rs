//! Content that passes as it is or not at all: whatever piece of a secret is asked for.

use bytes::Bytes;

use super::*;
use crate::mask::{AROUND_BYTES, Piece, content};
use crate::policy::Uploads;

/// What is found when a part of a text is asked for, with what lies around it.
fn found(text: &[u8], from: usize, to: usize) -> Vec<String> {
    let before = &text[from.saturating_sub(AROUND_BYTES)..from];
    let after = &text[to..text.len().min(to + AROUND_BYTES)];
    let message = Bytes::from([b"head", &text[from..to]].concat());
    let plan = by_default();
    match content(&plan, &Piece { message: message.clone(), from: 4, before, after }) {
        Ok(whole) => {
            assert_eq!(whole.bytes(), &message);
            Vec::new()
        }
        Err(found) => found.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn every_piece_of_a_secret_is_withheld_and_nothing_else() {
    let secret = format!("{}_{}", concat!("gh", "p"), "a1B2c3D4e5F6".repeat(3));
    let text = format!("{}\n{secret}\n{}", "x".repeat(700), "y".repeat(700));
    let (begins, ends) = (701, 701 + secret.len());
    for at in begins - 310..ends + 10 {
        for length in [1, 7, 300] {
            let to = text.len().min(at + length);
            let touches = at < ends && to > begins;
            let expected: &[&str] = if touches { &["github-token"] } else { &[] };
            // Of the public prefix alone nothing is withheld.
            let of_prefix = touches && to <= begins + 4;
            let found = found(text.as_bytes(), at, to);
            assert!(found == expected || of_prefix && found.is_empty(), "{at}..{to}: {found:?}");
        }
    }
}

/// The longest known value, also in hexadecimal, of which any byte is asked for.
#[test]
fn a_long_known_value_is_withheld_byte_by_byte() {
    let value: Vec<u8> = alnum(640).into_bytes();
    let plan = plan(&[], &[known("vault", &value)]);
    let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
    for form in [value.clone(), hex.into_bytes()] {
        let text = [&[b' '; 5000][..], &form, &[b' '; 5000]].concat();
        for at in (5000..5000 + form.len()).step_by(97) {
            let (before, after) = (&text[at - AROUND_BYTES..at], &text[at + 1..][..AROUND_BYTES]);
            let message = Bytes::copy_from_slice(&text[at..=at]);
            let piece = Piece { message, from: 0, before, after };
            assert!(content(&plan, &piece).is_err(), "byte {at} of {}", text.len());
        }
    }
}

#[test]
fn what_is_found_by_chance_in_no_text_is_let_through() {
    let text = b"pwd=Xk29fjW0qLm2z8".to_vec();
    assert_eq!(found(&text, 0, text.len()), ["key-value"]);
    let binary = [&text[..], &[0]].concat();
    assert!(found(&binary, 0, binary.len()).is_empty());
    let secret = format!("\0{}_{}\0", concat!("gh", "p"), "a1B2c3D4e5F6".repeat(3));
    assert_eq!(found(secret.as_bytes(), 0, secret.len()), ["github-token"]);
}

/// What may not be sent to a target is what masks say so of: not what is masked by default, and not
/// the gateway's own secrets, which a client that has one knows already.
#[test]
fn what_may_not_be_sent_is_what_masks_name() {
    let mail = "ann@example.com";
    let token = format!("{}_{}", concat!("gh", "p"), "a1B2c3D4e5F6".repeat(3));
    let value = alnum(40);
    let text = format!("{mail} {token} {value}\n");
    let found = |plan: &Arc<MaskPlan>| {
        let message = Bytes::from(text.clone());
        let piece = Piece { message, from: 0, before: b"", after: b"" };
        content(plan, &piece).map(drop).map_err(|found| found.concat())
    };
    let personal =
        || rule("mails", vec![Detect::Detector("email".to_owned())], Action::KeepLast(4));
    let barred = MaskRule { uploads: Uploads::Block, ..personal() };
    let guarded = plan(std::slice::from_ref(&barred), &[known("vault", value.as_bytes())]);
    let uploads = guarded.uploads().expect("a mask asks for it");
    assert_eq!(found(uploads), Err("email".to_owned()));
    assert!(uploads.uploads().is_none());
    assert!(plan(&[personal()], &[]).uploads().is_none());
    // One that is switched off for what is shown says nothing of what is sent.
    let off = rule("off", vec![Detect::Detector("email".to_owned())], Action::None);
    let both = plan(&[off, barred], &[]);
    assert_eq!(found(both.uploads().expect("the second asks for it")), Err("email".to_owned()));
}
