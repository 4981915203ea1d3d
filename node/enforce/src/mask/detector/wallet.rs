//! Addresses of wallets: Bitcoin's in Base58Check and in Bech32 (BIP-173, BIP-350), Ethereum's by
//! their form alone.

use ring::digest;

use super::alphabet::ALNUM;
use super::check::{BECH32, BECH32M, bech32};
use super::entry::{Confidence, DetectorInfo};
use super::{Machine, Progress};
use crate::mask::plan::Class;
use crate::mask::text::Text;

pub(super) const INFO: DetectorInfo = DetectorInfo {
    name: "crypto-wallet",
    class: Some(Class::Financial),
    only_by_name: false,
    description: "addresses of Bitcoin (check digits) and Ethereum (form) wallets",
    confidence: Confidence::High,
    examples: &[
        "to «1A1zP1eP5QGefi2DMPTf·TL5SLmv7DivfNa»",
        "to «bc1qw508d6qejxtdg4y5r3za·rvary0c5xw7kv8f3t4»",
    ],
    others: &["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"],
};

/// Longest address. Bytes.
const MAX: usize = 62;
/// Bytes of an address in Base58Check, and of the check in it.
const DECODED: usize = 25;
const CHECK: usize = 4;

/// A word that may be an address.
pub(in crate::mask) struct Wallet {
    begin: u64,
    position: u64,
    doubtful: bool,
}

impl Wallet {
    /// The word that begins at `begin`, if it may be one as far as it is known.
    pub(in crate::mask) fn at(text: &Text, begin: u64) -> Option<Self> {
        let rest = text.rest(begin);
        let own = match rest {
            [b'1' | b'3', ..] | [b'b', b'c', b'1', ..] | [b'0', b'x', ..] => true,
            // Too little is known.
            [b'b'] | [b'b', b'c'] | [b'0'] => true,
            _ => false,
        };
        own.then_some(Self { begin, position: begin, doubtful: false })
    }

    fn judge(&mut self, word: &[u8]) -> bool {
        if let Some(digits) = word.strip_prefix(b"0x") {
            self.doubtful = true;
            return digits.len() == 40 && digits.iter().all(u8::is_ascii_hexdigit);
        }
        if let Some(data) = word.strip_prefix(b"bc1") {
            let kind = if data.starts_with(b"q") { BECH32 } else { BECH32M };
            return (39..=59).contains(&data.len()) && bech32(b"bc", data) == Some(kind);
        }
        base58(word).is_some_and(|bytes| {
            let (value, check) = bytes.split_at(DECODED - CHECK);
            let once = digest::digest(&digest::SHA256, value);
            let twice = digest::digest(&digest::SHA256, once.as_ref());
            matches!(value[0], 0 | 5) && twice.as_ref().starts_with(check)
        })
    }
}

fn base58(word: &[u8]) -> Option<[u8; DECODED]> {
    const DIGITS: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    if !(25..=35).contains(&word.len()) {
        return None;
    }
    let mut bytes = [0; DECODED];
    for letter in word {
        let mut carry = DIGITS.iter().position(|digit| digit == letter)?;
        for byte in bytes.iter_mut().rev() {
            carry += usize::from(*byte) * DIGITS.len();
            *byte = (carry % 256) as u8;
            carry /= 256;
        }
        if carry > 0 {
            return None;
        }
    }
    Some(bytes)
}

impl Machine for Wallet {
    fn advance(&mut self, text: &Text, ended: bool) -> Progress {
        let rest = text.rest(self.begin);
        let run = ALNUM.run(&rest[..rest.len().min(MAX + 1)]);
        self.position = self.begin + run as u64;
        if run == rest.len() && run <= MAX && !ended {
            return Progress::Open(None);
        }
        let apart = !rest.get(run).is_some_and(|next| matches!(next, b'_' | b'-' | b'/' | b'+'));
        let word = &rest[..run];
        let own = run <= MAX && apart && self.judge(word);
        Progress::Done(own.then_some((self.begin, self.position)))
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn hold(&self) -> u64 {
        self.begin
    }

    fn open(&self) -> Option<u64> {
        None
    }

    fn exclusive_from(&self) -> Option<u64> {
        None
    }

    fn is_doubtful(&self) -> bool {
        self.doubtful
    }
}
