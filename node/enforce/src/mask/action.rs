//! What becomes of found bytes. No byte of a secret may come out, but those that an action keeps.

use ring::hmac;

use super::compile::Treatment;
use super::plan::{Action, Class, MaskKey};

/// Length of a pseudonym before base32: 80 bits.
const PSEUDONYM_BYTES: usize = 10;
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The name of an action in findings.
pub(super) fn name(action: &Action) -> &'static str {
    match action {
        Action::None => "none",
        Action::Redact => "redact",
        Action::KeepLast(_) => "keep_last",
        Action::Hash => "hash",
        Action::Constant(_) => "constant",
        Action::Null => "null",
    }
}

/// One `*` per byte. Line breaks stay: they are no secret, and screens and parsers need them.
pub(super) fn stars(bytes: &[u8], out: &mut Vec<u8>) {
    let from = out.len();
    out.extend_from_slice(bytes);
    star(&mut out[from..]);
}

/// The same, in place.
pub(super) fn star(bytes: &mut [u8]) {
    for byte in bytes {
        *byte = if matches!(*byte, b'\n' | b'\r') { *byte } else { b'*' };
    }
}

/// Applies the treatment's action to one whole value.
pub(super) fn apply(treatment: &Treatment, key: &MaskKey, bytes: &[u8], out: &mut Vec<u8>) {
    match &treatment.action {
        // `None` never reaches a treatment; if it did, masking is the safe answer.
        Action::None | Action::Redact => stars(bytes, out),
        Action::KeepLast(count) => keep_last(bytes, usize::from(*count), treatment.class, out),
        Action::Hash => pseudonym(treatment, key, bytes, out),
        Action::Constant(constant) => out.extend_from_slice(constant.as_bytes()),
        Action::Null => {}
    }
}

/// Keeps the last `count` characters that are not separators; all go if there are no more.
fn keep_last(bytes: &[u8], count: usize, class: Option<Class>, out: &mut Vec<u8>) {
    // In a password a dash is a character like any other.
    let separated = matches!(class, Some(Class::Personal | Class::Financial | Class::Network));
    let separator = |b: u8| separated && matches!(b, b' ' | b'-' | b'.' | b'@');
    // A character begins at every byte that is no UTF-8 continuation.
    let begins = |b: u8| b & 0xC0 != 0x80 && !separator(b);
    let characters = bytes.iter().filter(|&&b| begins(b)).count();
    let mut to_hide = if characters > count { characters - count } else { characters };
    let mut hiding = true;
    for &byte in bytes {
        if begins(byte) {
            hiding = to_hide > 0;
            to_hide = to_hide.saturating_sub(1);
        }
        let shown = separator(byte) || !hiding || matches!(byte, b'\n' | b'\r');
        out.push(if shown { byte } else { b'*' });
    }
}

/// HMAC-SHA256(key, detector ‖ 0 ‖ canonical value), its first 80 bits in lower-case base32.
fn pseudonym(treatment: &Treatment, key: &MaskKey, bytes: &[u8], out: &mut Vec<u8>) {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
    let mut context = hmac::Context::with_key(&key);
    context.update(treatment.detector.as_bytes());
    context.update(&[0]);
    context.update(&canonical(treatment.class, bytes));
    let tag = context.sign();
    let mut bits: u32 = 0;
    let mut held = 0;
    for &byte in &tag.as_ref()[..PSEUDONYM_BYTES] {
        bits = (bits << 8) | u32::from(byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            out.push(BASE32[(bits >> held) as usize & 31]);
        }
        bits &= (1 << held) - 1;
    }
}

/// The form in which equal values are equal: card numbers without separators, addresses in lower
/// case.
fn canonical(class: Option<Class>, bytes: &[u8]) -> zeroize::Zeroizing<Vec<u8>> {
    zeroize::Zeroizing::new(match class {
        Some(Class::Financial) => bytes.iter().copied().filter(u8::is_ascii_digit).collect(),
        Some(Class::Personal) => bytes.to_ascii_lowercase(),
        _ => bytes.to_vec(),
    })
}
