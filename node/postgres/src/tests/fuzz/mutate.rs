//! Makes a stream of bytes of captured messages, which is wrong in a few places.

/// One message: its kind and its body.
pub(super) type Message = (u8, Vec<u8>);

/// The longest input, in bytes.
const INPUT_BYTES: usize = 16 * 1024;
/// Numbers that code gets wrong.
const NUMBERS: [u32; 10] =
    [0, 1, 3, 4, 0x7fff, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
/// Texts that a masker looks at.
const TEXTS: [&[u8]; 6] = [
    b"ann@example.com",
    b"4111 1111 1111 1111",
    b"password=hunter22",
    b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    b"10.1.2.3",
    b"-----BEGIN PRIVATE KEY-----\nAA",
];
/// What messages are called.
const KINDS: &[u8] = b"QPBEDCSHXFdcfpRTtZ123nIsGHWAN\0";

/// Chance that is the same for the same seed (SplitMix64).
pub(in crate::tests) struct Chance(u64);

impl Chance {
    pub(in crate::tests) fn of(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below a limit, which is not zero.
    pub(in crate::tests) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("below a usize")
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn of_list<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }
}

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
    let mut input: Vec<Message> = Vec::new();
    for _ in 0..=chance.below(3) {
        let seed = &seeds[chance.below(seeds.len())];
        if seed.is_empty() {
            continue;
        }
        let from = chance.below(seed.len());
        let count = 1 + chance.below(seed.len() - from);
        input.extend_from_slice(&seed[from..from + count]);
    }
    for _ in 0..chance.below(6) {
        shuffle(&mut input, chance);
    }
    for _ in 0..chance.below(8) {
        if let Some(at) = (!input.is_empty()).then(|| chance.below(input.len())) {
            change(&mut input[at].1, chance);
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
        change(&mut bytes, chance);
    }
    bytes.truncate(INPUT_BYTES);
    bytes
}

/// Changes which messages there are.
fn shuffle(input: &mut Vec<Message>, chance: &mut Chance) {
    if input.is_empty() {
        return;
    }
    let (one, other) = (chance.below(input.len()), chance.below(input.len()));
    match chance.below(5) {
        0 => input.swap(one, other),
        1 => input.insert(one, input[other].clone()),
        2 => {
            input.remove(one);
        }
        3 => input[one].0 = KINDS[chance.below(KINDS.len())],
        _ => input.insert(one, (b'S', Vec::new())),
    }
}

/// Changes what is in one.
fn change(body: &mut Vec<u8>, chance: &mut Chance) {
    let at = chance.below(body.len() + 1);
    match chance.below(8) {
        0 => body.truncate(at),
        1 => body.insert(at, chance.byte()),
        2 if at < body.len() => {
            body.remove(at);
        }
        3 if at < body.len() => body[at] ^= 1 << chance.below(8),
        4 => put(body, at, &NUMBERS[chance.below(NUMBERS.len())].to_be_bytes()),
        5 => put(body, at, &NUMBERS[chance.below(NUMBERS.len())].to_be_bytes()[2..]),
        6 => {
            let text = chance.of_list(&TEXTS);
            drop(body.splice(at..at, text.iter().copied()));
        }
        _ => {
            // A part once more.
            let part = body[at..(at + chance.below(64)).min(body.len())].to_vec();
            drop(body.splice(at..at, part));
        }
    }
}

/// Writes over what is there.
fn put(body: &mut [u8], at: usize, bytes: &[u8]) {
    for (byte, new) in body.iter_mut().skip(at).zip(bytes) {
        *byte = *new;
    }
}
