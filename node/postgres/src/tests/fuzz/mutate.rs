//! Makes a stream of bytes of captured messages, which is wrong in a few places.

use super::runs::{Chance, change, shuffled};

/// One message: its kind and its body.
pub(super) type Message = (u8, Vec<u8>);

/// The longest input, in bytes.
const INPUT_BYTES: usize = 16 * 1024;
/// Numbers that code gets wrong, of four bytes and of two, and texts that a masker looks at.
const WORDS: &[&[u8]] = &[
    b"\0\0\0\0",
    b"\0\0\0\x01",
    b"\0\0\0\x03",
    b"\0\0\0\x04",
    b"\0\0\x7f\xff",
    b"\0\0\xff\xff",
    b"\0\x01\0\0",
    b"\x7f\xff\xff\xff",
    b"\x80\0\0\0",
    b"\xff\xff\xff\xff",
    b"\0\0",
    b"\0\x01",
    b"\x7f\xff",
    b"\xff\xff",
    b"ann@example.com",
    b"4111 1111 1111 1111",
    b"password=hunter22",
    b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    b"10.1.2.3",
    b"-----BEGIN PRIVATE KEY-----\nAA",
];
/// What messages are called.
const KINDS: &[u8] = b"QPBEDCSHXFdcfpRTtZ123nIsGHWAN\0";

/// Takes a capture apart; what is no whole message at its end is left out.
pub(super) fn messages(bytes: &[u8]) -> Vec<Message> {
    let mut messages = Vec::new();
    let mut rest = bytes;
    while let Some((head, behind)) = rest.split_first_chunk::<5>() {
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let length = usize::try_from(length).expect("a capture is right").saturating_sub(4);
        let Some((body, behind)) = behind.split_at_checked(length) else { break };
        messages.push((head[0], body.to_vec()));
        rest = behind;
    }
    messages
}

/// Some messages of the captures, mutated.
pub(super) fn mutated(seeds: &[Vec<Message>], chance: &mut Chance) -> Vec<u8> {
    let mut input = shuffled(seeds, chance);
    for _ in 0..chance.below(3) {
        rename(&mut input, chance);
    }
    for _ in 0..chance.below(8) {
        if let Some(at) = (!input.is_empty()).then(|| chance.below(input.len())) {
            change(&mut input[at].1, WORDS, chance);
        }
    }
    let mut bytes = Vec::new();
    for (kind, body) in &input {
        bytes.push(*kind);
        let length = u32::try_from(body.len() + 4).expect("short");
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(body);
    }
    // Now and then lengths are wrong too.
    if chance.below(4) == 0 {
        change(&mut bytes, WORDS, chance);
    }
    bytes.truncate(INPUT_BYTES);
    bytes
}

/// Changes what a message is called, or adds the one that ends what failed.
fn rename(input: &mut Vec<Message>, chance: &mut Chance) {
    if input.is_empty() {
        return;
    }
    let at = chance.below(input.len());
    match chance.below(2) {
        0 => input[at].0 = KINDS[chance.below(KINDS.len())],
        _ => input.insert(at, (b'S', Vec::new())),
    }
}
