//! Sets of bytes that bodies of tokens are made of.

/// A set of bytes.
pub(in crate::mask) struct Alphabet([bool; 256]);

impl Alphabet {
    pub(in crate::mask) fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }

    /// How many bytes at the beginning of `bytes` are of the set.
    pub(in crate::mask) fn run(&self, bytes: &[u8]) -> usize {
        bytes.iter().position(|byte| !self.has(*byte)).unwrap_or(bytes.len())
    }

    const fn with(mut self, first: u8, last: u8) -> Self {
        let mut byte = first;
        while byte <= last {
            self.0[byte as usize] = true;
            byte += 1;
        }
        self
    }

    const fn without(mut self, bytes: &[u8]) -> Self {
        let mut index = 0;
        while index < bytes.len() {
            self.0[bytes[index] as usize] = false;
            index += 1;
        }
        self
    }

    /// Adds all bytes beyond ASCII.
    const fn beyond_ascii(mut self) -> Self {
        let mut byte = 0x80;
        while byte < self.0.len() {
            self.0[byte] = true;
            byte += 1;
        }
        self
    }

    const fn and(mut self, bytes: &[u8]) -> Self {
        let mut index = 0;
        while index < bytes.len() {
            self.0[bytes[index] as usize] = true;
            index += 1;
        }
        self
    }
}

const NOTHING: Alphabet = Alphabet([false; 256]);

pub(in crate::mask) static ALNUM: Alphabet =
    NOTHING.with(b'0', b'9').with(b'A', b'Z').with(b'a', b'z');
/// Letters, digits, `_` and `-`: base64url, and what most tokens are made of.
pub(in crate::mask) static WORD: Alphabet =
    NOTHING.with(b'0', b'9').with(b'A', b'Z').with(b'a', b'z').and(b"_-");
/// What long runs are made of, as blocks know them.
pub(in crate::mask) static RUN: Alphabet =
    NOTHING.with(b'0', b'9').with(b'A', b'Z').with(b'a', b'z').and(b"_-+/");
pub(in crate::mask) static BASE64: Alphabet =
    NOTHING.with(b'0', b'9').with(b'A', b'Z').with(b'a', b'z').and(b"+/=");
/// Base64 in either of its alphabets.
pub(in crate::mask) static ANY_BASE64: Alphabet =
    NOTHING.with(b'0', b'9').with(b'A', b'Z').with(b'a', b'z').and(b"+/=_-");
pub(in crate::mask) static UPPER: Alphabet = NOTHING.with(b'0', b'9').with(b'A', b'Z');
pub(in crate::mask) static LOWER: Alphabet = NOTHING.with(b'0', b'9').with(b'a', b'z');
pub(in crate::mask) static HEX: Alphabet =
    NOTHING.with(b'0', b'9').with(b'a', b'f').with(b'A', b'F');
/// What passwords hashed by crypt(3) are written in, with the parameters before them.
pub(in crate::mask) static CRYPT: Alphabet =
    NOTHING.with(b'0', b'9').with(b'A', b'Z').with(b'a', b'z').and(b"./$=,+:-");
/// What may stand in a local part of an address.
pub(in crate::mask) static LOCAL: Alphabet =
    NOTHING.with(b'0', b'9').with(b'A', b'Z').with(b'a', b'z').and(b"._%+-");
/// What neither ends the value of a key nor escapes what follows.
pub(in crate::mask) static PLAIN: Alphabet =
    NOTHING.with(b'!', b'~').beyond_ascii().without(b"\"'`;&,)\\");
/// What paths of links are made of.
pub(in crate::mask) static LINK: Alphabet =
    NOTHING.with(b'0', b'9').with(b'A', b'Z').with(b'a', b'z').and(b"_-.~/@%+");
/// What may stand in a domain.
pub(in crate::mask) static DOMAIN: Alphabet =
    NOTHING.with(b'0', b'9').with(b'A', b'Z').with(b'a', b'z').and(b".-");
