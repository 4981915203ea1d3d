//! Captured conversations, mutated: a seed makes a run, and a run that fails says its seed.
//!
//! Coverage guides nothing here; knowing where messages begin and where lengths stand does. `make
//! fuzz` runs it for long, `SALLYPORT_FUZZ_RUNS` says how long; cargo-fuzz has the same entry
//! points, in `fuzz/`.

mod mutate;
#[path = "../../../enforce/src/tests/fuzz/runs.rs"]
mod runs;

use mutate::{messages, mutated};
pub(super) use runs::Chance;
use runs::corpus;

use crate::fuzzing;

/// How many runs a plain test makes in each direction.
const RUNS: u64 = 20_000;

fn fuzz(direction: &str, entry: fn(&[u8])) {
    let seeds: Vec<_> = corpus(direction).iter().map(|bytes| messages(bytes)).collect();
    runs::fuzz(direction, RUNS, entry, |chance| {
        let mut input = mutated(&seeds, chance);
        if direction == "target" {
            input.insert(0, chance.byte());
        }
        input
    });
}

#[test]
fn captures_pass_as_they_are() {
    for bytes in corpus("client") {
        fuzzing::client(&bytes);
    }
    for bytes in corpus("target") {
        for choice in 0..4 {
            fuzzing::target(&[&[choice], &bytes[..]].concat());
        }
    }
}

#[test]
fn bytes_of_clients() {
    fuzz("client", fuzzing::client);
}

#[test]
fn bytes_of_databases() {
    fuzz("target", fuzzing::target);
}
