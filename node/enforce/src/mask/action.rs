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
        Action::KeepFirst(_) => "keep_first",
        Action::Hash => "hash",
        Action::Token(_) => "token",
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

/// The same, but for the first byte.
pub(super) fn star_from(bytes: &mut [u8], first: u8) {
    star(bytes);
    if let Some(byte) = bytes.first_mut().filter(|byte| **byte == b'*') {
        *byte = first;
    }
}

/// Applies the treatment's action to one whole value.
pub(super) fn apply(treatment: &Treatment, key: &MaskKey, bytes: &[u8], out: &mut Vec<u8>) {
    match &treatment.action {
        // `None` never reaches a treatment; if it did, masking is the safe answer.
        Action::None | Action::Redact => stars(bytes, out),
        Action::KeepLast(count) => keep(End::Last, *count, treatment.class, bytes, out),
        Action::KeepFirst(count) => keep(End::First, *count, treatment.class, bytes, out),
        Action::Hash => {
            let value = canonical(treatment.class, bytes);
            pseudonym(key, &[treatment.detector.as_bytes(), &[0], &value], out);
        }
        // No detector's name begins with this byte.
        Action::Token(domain) => {
            // Not by what the detector takes it for: a column's value has no class.
            let numbers = treatment.class.filter(|class| *class == Class::Financial);
            let value = canonical(numbers.or(Some(Class::Personal)), bytes);
            pseudonym(key, &[&[1], domain.as_bytes(), &[0], &value], out);
        }
        Action::Constant(constant) => out.extend_from_slice(constant.as_bytes()),
        Action::Null => {}
    }
}

/// Which end of a value is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    First,
    Last,
}

/// Keeps `count` characters at an end that are not separators; all go if there are no more.
fn keep(end: End, count: u8, class: Option<Class>, bytes: &[u8], out: &mut Vec<u8>) {
    // In a password a dash is a character like any other.
    let separated = matches!(class, Some(Class::Personal | Class::Financial | Class::Network));
    let separator = |b: u8| separated && matches!(b, b' ' | b'-' | b'.' | b'@');
    // A character begins at every byte that is no UTF-8 continuation.
    let begins = |b: u8| b & 0xC0 != 0x80 && !separator(b);
    let characters = bytes.iter().filter(|&&b| begins(b)).count();
    let hidden = match (characters.checked_sub(count.into()), end) {
        (None | Some(0), _) => 0..characters,
        (Some(rest), End::Last) => 0..rest,
        (Some(_), End::First) => count.into()..characters,
    };
    let mut next = 0;
    // What stands before the first character goes with it.
    let mut hiding = true;
    for &byte in bytes {
        if begins(byte) {
            hiding = hidden.contains(&next);
            next += 1;
        }
        let shown = separator(byte) || !hiding || matches!(byte, b'\n' | b'\r');
        out.push(if shown { byte } else { b'*' });
    }
}

/// HMAC-SHA256 of the key over all parts, its first 80 bits in lower-case base32.
fn pseudonym(key: &MaskKey, parts: &[&[u8]], out: &mut Vec<u8>) {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
    let mut context = hmac::Context::with_key(&key);
    parts.iter().for_each(|part| context.update(part));
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

/// The form in which equal values are equal: numbers of cards and accounts without separators,
/// addresses in lower case.
fn canonical(class: Option<Class>, bytes: &[u8]) -> zeroize::Zeroizing<Vec<u8>> {
    zeroize::Zeroizing::new(match class {
        Some(Class::Financial) => {
            let letters = bytes.iter().filter(|byte| byte.is_ascii_alphanumeric());
            letters.map(u8::to_ascii_lowercase).collect()
        }
        Some(Class::Personal) => bytes.to_ascii_lowercase(),
        _ => bytes.to_vec(),
    })
}
