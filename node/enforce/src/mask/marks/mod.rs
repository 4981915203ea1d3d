//! Where something may begin: prefixes, literals, separators of keys, and shapes of numbers.
//!
//! Each is found by what is rare in it: a joint before so many token bytes, a separator, the
//! lengths of groups of digits. So most of a stream is looked at 64 bytes at a time only.

mod beginnings;
mod forms;
mod frames;
mod keys;
mod literals;
mod numbers;
mod running;
mod scanner;
mod sweep;

#[cfg(test)]
mod tests;

use beginnings::Beginnings;
use frames::Frames;
use keys::Keys;
use literals::Literals;
use numbers::Numbers;

use super::detector::{FAMILIES, Shape, is_joint};

pub(super) use scanner::MarkScanner;

/// A detector's beginning that was found, and what to do with what follows.
#[derive(Clone, Copy)]
struct Start {
    prefix: &'static [u8],
    shape: &'static Shape,
    treatment: u16,
    /// Its number among all, by which beginnings of the same kind are told.
    kind: u16,
}

/// All beginnings of the detectors that are on. Shared by streams.
pub(super) struct Marks {
    /// Prefixes that end in a joint.
    joined: Beginnings,
    /// Short prefixes that must be the first bytes of a run.
    first: Vec<Start>,
    /// What these begin with.
    first_bytes: [bool; 256],
    literals: Option<Literals>,
    keys: Keys,
    frames: Frames,
    numbers: Numbers,
    jwt: Option<u16>,
    pem: Option<u16>,
    url: Option<u16>,
    email: Option<u16>,
    telegram: Option<u16>,
}

impl Marks {
    /// `treatment` gives a detector's treatment by name.
    pub(super) fn compile(treatment: &dyn Fn(&str) -> Option<u16>) -> Self {
        let (mut joined, mut first, mut literals) = (Vec::new(), Vec::new(), Vec::new());
        let mut kind = 0;
        for tokens in FAMILIES.iter().copied().flatten() {
            let Some(treatment) = treatment(tokens.name) else { continue };
            for &(prefix, shape) in tokens.starts {
                let prefix = prefix.as_bytes();
                let start = Start { prefix, shape, treatment, kind };
                kind += 1;
                match prefix.last() {
                    Some(&last) if is_joint(last) => joined.push(start),
                    _ if prefix.len() < literals::SHORTEST => first.push(start),
                    _ => literals.push(start),
                }
            }
        }
        let mut first_bytes = [false; 256];
        first.iter().for_each(|start| first_bytes[usize::from(start.prefix[0])] = true);
        Self {
            joined: Beginnings::new(joined),
            first,
            first_bytes,
            literals: Literals::new(literals),
            keys: Keys::new(treatment),
            frames: Frames::new(treatment),
            numbers: Numbers::new(treatment),
            jwt: treatment("jwt"),
            pem: treatment("private-key"),
            url: treatment("url-password"),
            email: treatment("email"),
            telegram: treatment("telegram-token"),
        }
    }
}
