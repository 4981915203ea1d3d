//! Kept conversations, mutated, before both readers of what a session's channel carries: terminals
//! and file transfers.
//!
//! `make fuzz` runs it for long, `SALLYPORT_FUZZ_RUNS` says how long; cargo-fuzz has the same entry
//! points, in `fuzz/`.

#[path = "../../../enforce/src/tests/fuzz/runs.rs"]
mod runs;

use runs::{Chance, change, corpus, fuzz, shuffled};

use crate::fuzzing;

/// How many packets a transfer begins with.
const GREETING: usize = 3;
/// One event, or one packet: what it is or whose, and its bytes.
type Part = (u8, Vec<u8>);

/// What is fuzzed, and how.
struct Target {
    name: &'static str,
    entry: fn(&[u8]),
    /// How many runs a plain test makes.
    runs: u64,
    words: &'static [&'static [u8]],
    /// Bytes of the length of a part.
    length_bytes: usize,
    /// The longest input, in bytes.
    input_bytes: usize,
    /// How often one part comes at most, one time in many.
    crowd: usize,
}

const TERMINAL: Target = Target {
    name: "terminal",
    entry: fuzzing::terminal,
    runs: 1_000,
    words: KEYS,
    length_bytes: 2,
    input_bytes: 4 * 1024,
    crowd: 8,
};

/// A crowd is more than any limit allows.
const SFTP: Target = Target {
    name: "sftp",
    entry: fuzzing::sftp,
    runs: 2_000,
    words: FIELDS,
    length_bytes: 4,
    input_bytes: 128 * 1024,
    crowd: 1_500,
};

/// Keys, and what moves a screen.
const KEYS: &[&[u8]] = &[
    b"\r",
    b"\n",
    b"\x0f",
    b"\x04",
    b"\x03",
    b"\x15",
    b"\x7f",
    b"\x08",
    b"\t",
    b"\x12",
    b"\x17",
    b" ",
    b"\x1b[A",
    b"\x1b[D",
    b"\x1b[200~",
    b"\x1b[201~",
    b"ls",
    b"$ ",
    b"# ",
    b"Password: ",
    b"\r\n",
    b"\r\n$ ",
    b"\x1b[?1049h",
    b"\x1b[?1049l",
    b"\x1b[?47h",
    b"\x1b[?47l",
    b"\x1b[?1049l\x1b[?1049h",
    b"\x1bc",
    b"\x1b[2J",
    b"\x1b[H",
    b"\x1b[K",
    b"\x1b[2K",
    b"\x1b[999;999H",
    b"\x1b[L",
    b"\x1b[M",
    b"\x1b[3;5r",
    b"\x1b7",
    b"\x1b8",
    b"\x1bM",
    b"\x1b[7m",
    b"\x1b]0;title\x07",
    b"\x1b[99999999C",
    b"(reverse-i-search)`x': y",
    b"\xc3\xa9",
    b"\xe4\xb8\xad",
    b"\xcc\x81",
    b"\xff",
    b"\0",
];

/// Numbers, names and paths of packets.
const FIELDS: &[&[u8]] = &[
    b"\0\0\0\0",
    b"\0\0\0\x01",
    b"\0\0\0\x03",
    b"\x7f\xff\xff\xff",
    b"\x80\0\0\0",
    b"\xff\xff\xff\xff",
    b"\0\x03\xff\xff",
    b"\0\x04\0\0",
    b"\0\x04\0\x01",
    b"\0\0\0\0\0\0\0\0",
    b"\0\0\0\0\0\0\x10\0",
    b"\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\0\0\0\x04\0\0\0\x01",
    b"\0\0\0\x04\0\0\0\0",
    b"\0\0\0\x08/blocked",
    b"\0\0\0\x02..",
    b"\0\0\0\x02/.",
    b"\0\0\0\x15fsync@openssh.com",
    b"\0\0\0\x18posix-rename@openssh.com",
    b"\0\0\0\tcopy-data",
    b"\x03",
    b"\x04",
    b"\x05",
    b"\x06",
    b"\x0b",
    b"\x0c",
    b"\x12",
    b"\x65",
    b"\x66",
    b"\x67",
    b"\x68",
    b"\xc8",
    b"\xc9",
];

/// Takes events apart: their kind, and a length of so many bytes before their own.
fn parts(bytes: &[u8], length_bytes: usize) -> Vec<Part> {
    let (mut parts, mut rest) = (Vec::new(), bytes);
    while let Some((kind, behind)) = rest.split_first() {
        let (length, behind) = behind.split_at(length_bytes);
        let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        let (body, behind) = behind.split_at(length);
        parts.push((*kind, body.to_vec()));
        rest = behind;
    }
    parts
}

/// Puts them together again.
fn whole(parts: &[Part], length_bytes: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, body) in parts {
        bytes.push(*kind);
        let length = u32::try_from(body.len()).expect("short").to_be_bytes();
        bytes.extend_from_slice(&length[4 - length_bytes..]);
        bytes.extend_from_slice(body);
    }
    bytes
}

/// One of them very often, each with another number where a packet has one.
fn crowd(input: &mut Vec<Part>, most: usize, chance: &mut Chance) {
    if input.is_empty() {
        return;
    }
    let one = input[chance.below(input.len())].clone();
    for number in 0..u32::try_from(chance.below(most)).expect("few") {
        let (kind, mut body) = one.clone();
        if let Some(place) = body.get_mut(1..5) {
            place.copy_from_slice(&(number + 1_000).to_be_bytes());
        }
        input.push((kind, body));
    }
}

impl Target {
    /// Parts of kept inputs, mutated, behind two bytes that choose.
    fn mutated(&self, inputs: &[Vec<Part>], chance: &mut Chance) -> Vec<u8> {
        let mut input = shuffled(inputs, chance);
        // What does not begin as it must ends at once.
        if chance.below(16) > 0 {
            let begins = &inputs[chance.below(inputs.len())];
            drop(input.splice(..0, begins[..GREETING.min(begins.len())].iter().cloned()));
        }
        for _ in 0..chance.below(4) {
            if let Some(at) = (!input.is_empty()).then(|| chance.below(input.len())) {
                change(&mut input[at].1, self.words, chance);
            }
        }
        if chance.below(64) == 0 {
            crowd(&mut input, self.crowd, chance);
        }
        let mut bytes = whole(&input, self.length_bytes);
        // Now and then lengths and kinds are wrong too.
        if chance.below(4) == 0 {
            change(&mut bytes, self.words, chance);
        }
        bytes.truncate(self.input_bytes);
        let choices = [chance.byte(), chance.byte()];
        drop(bytes.splice(..0, choices));
        bytes
    }

    fn run(&self) {
        let corpus = corpus(self.name);
        let inputs: Vec<_> = corpus.iter().map(|bytes| parts(bytes, self.length_bytes)).collect();
        for bytes in &corpus {
            for choice in 0..8 {
                (self.entry)(&[&[choice, 7], &bytes[..]].concat());
            }
        }
        fuzz(self.name, self.runs, self.entry, |chance| self.mutated(&inputs, chance));
    }
}

#[test]
fn keys_and_screens() {
    TERMINAL.run();
}

#[test]
fn packets_of_both_sides() {
    SFTP.run();
}
