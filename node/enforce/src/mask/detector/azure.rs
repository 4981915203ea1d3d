//! Azure's keys: base64 with a signature at a fixed place, which says what they are for, behind
//! bytes of which nothing is public.
//!
//! They would have to be held from their first byte, as any word. So the first twenty digits are
//! let go, which leaves a key of 256 bits more than 128 that nobody sees; and only what is as
//! irregular as random digits is held behind them.

use super::alphabet::BASE64;
use super::entry::{Confidence, DetectorInfo};
use super::{Machine, Progress};
use crate::mask::plan::Class;
use crate::mask::text::Text;

pub(super) const INFO: DetectorInfo = DetectorInfo {
    name: "azure-key",
    class: Some(Class::Secrets),
    only_by_name: false,
    description: "Azure keys with a signature: storage, Cosmos DB, service bus, DevOps and others",
    confidence: Confidence::High,
    examples: &[
        "key W0Vjs5cAVRxkq2nVPzLu«GbD7XwTg1Yh8MfKe4RsQa9ZtNcB3JpHyUm6EoWiC5xFvSdLk2TqAr7Gz\
         ·+AStB4nKxQ==»",
        "key W0Vjs5cAVRxkq2nVPzLu«GbD7XwTg1Yh8M·+ASbB4nKxQ=»",
    ],
    others: &[
        "key W0Vjs5cAVRxkq2nVPzLuGbD7XwTg1Yh8MfASbB4nKxQ=",
        "com.example.AbstractTransactionalServiceFactoryBeanOfSomethingLong",
    ],
};

/// Where a signature stands, the signatures that may stand there, digits before the padding, and
/// the padding.
struct Kind {
    at: usize,
    signatures: &'static [[u8; 4]],
    digits: usize,
    padding: &'static [u8],
}

const KINDS: &[Kind] = &[
    // 64 bytes: storage, Cosmos DB, batch, machine learning, API management.
    Kind {
        at: 76,
        signatures: &[*b"+ASt", *b"ACDb", *b"+ABa", *b"+AMC", *b"APIM"],
        digits: 86,
        padding: b"==",
    },
    // 32 bytes: service bus, event hubs, relay, IoT, event grid, cache.
    Kind {
        at: 33,
        signatures: &[*b"+ASb", *b"+AEh", *b"+ARm", *b"AIoT", *b"AZEG", *b"AzCa"],
        digits: 43,
        padding: b"=",
    },
    // 39 and 40 bytes: search, container registry, functions.
    Kind { at: 42, signatures: &[*b"AzSe", *b"+ACR"], digits: 52, padding: b"" },
    Kind { at: 44, signatures: &[*b"AzFu"], digits: 54, padding: b"==" },
    // What they have in common since 2023, and DevOps.
    Kind { at: 52, signatures: &[*b"JQQJ"], digits: 84, padding: b"" },
    Kind { at: 76, signatures: &[*b"AZDO"], digits: 84, padding: b"" },
];

/// So many digits are let go. Bytes.
const SHOWN: usize = 20;
/// Of these so many are of another kind than the one before: one in 300 random texts has fewer.
const CHANGES_MIN: usize = 7;
/// A key with what must be known behind it. Bytes.
const MAX: usize = 89;

/// The length of the key that `bytes` begin with, if they do.
fn length(bytes: &[u8]) -> Option<usize> {
    let kind = KINDS.iter().find(|kind| {
        // What ends it tells most runs from keys, and is looked at first.
        let ends = match (kind.padding, bytes.get(kind.digits)) {
            (b"", next) => next.is_none_or(|next| !BASE64.has(*next)),
            (_, next) => next == Some(&b'='),
        };
        if !ends {
            return false;
        }
        let signature = bytes.get(kind.at..).and_then(<[u8]>::first_chunk);
        signature.is_some_and(|own| kind.signatures.contains(own))
    })?;
    let end = kind.digits + kind.padding.len();
    // A run of tokens holds no `=`; what began where less was known may.
    let whole =
        BASE64.run(&bytes[..bytes.len().min(MAX)]) == end && !bytes[..kind.digits].contains(&b'=');
    let padded = bytes[kind.digits..].starts_with(kind.padding);
    (whole && padded && is_irregular(&bytes[..SHOWN])).then_some(end)
}

/// Capitals and small letters, and changes between these, digits and signs as chance makes them.
fn is_irregular(bytes: &[u8]) -> bool {
    let (mut kinds, mut changes, mut last) = (0, 0, None);
    for byte in bytes {
        let kind = KIND_OF[usize::from(*byte)];
        changes += usize::from(last.is_some_and(|last| last != kind));
        (kinds, last) = (kinds | kind, Some(kind));
    }
    kinds & LETTERS == LETTERS && changes >= CHANGES_MIN
}

const CAPITAL: u8 = 1;
const SMALL: u8 = 2;
const LETTERS: u8 = CAPITAL | SMALL;

/// The kind of each byte.
static KIND_OF: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < kinds.len() {
        kinds[byte] = match byte as u8 {
            b'A'..=b'Z' => CAPITAL,
            b'a'..=b'z' => SMALL,
            b'0'..=b'9' => 4,
            _ => 8,
        };
        byte += 1;
    }
    kinds
};

/// A run of digits that may be a key.
pub(in crate::mask) struct Azure {
    begin: u64,
    position: u64,
}

impl Azure {
    /// So many token bytes are in a row at least.
    pub(in crate::mask) const RUN_MIN: u32 = 43;

    /// The run that begins at `begin`, if it may be one as far as it is known.
    pub(in crate::mask) fn at(text: &Text, begin: u64) -> Option<Self> {
        let rest = text.rest(begin);
        let may = match rest.first_chunk::<MAX>() {
            Some(whole) => length(whole).is_some(),
            None => rest.get(..SHOWN).is_some_and(is_irregular),
        };
        may.then_some(Self { begin, position: begin })
    }

    /// Whether nothing can be said of the run at `begin` before more of it is known.
    pub(in crate::mask) fn is_unknown(text: &Text, begin: u64) -> bool {
        let rest = text.rest(begin);
        rest.len() < SHOWN && BASE64.run(rest) == rest.len()
    }
}

impl Machine for Azure {
    fn advance(&mut self, text: &Text, ended: bool) -> Progress {
        let rest = text.rest(self.begin);
        let rest = &rest[..rest.len().min(MAX)];
        let read = usize::try_from(self.position - self.begin).unwrap_or(MAX);
        self.position += BASE64.run(&rest[read.min(rest.len())..]) as u64;
        if self.position == text.end() && rest.len() < MAX && !ended {
            return Progress::Open(None);
        }
        let span = |end: usize| (self.begin + SHOWN as u64, self.begin + end as u64);
        Progress::Done(length(rest).map(span))
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn hold(&self) -> u64 {
        self.position.min(self.begin + SHOWN as u64)
    }

    fn open(&self) -> Option<u64> {
        None
    }

    fn exclusive_from(&self) -> Option<u64> {
        None
    }
}
