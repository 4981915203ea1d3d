//! Captured conversations, mutated: a seed makes a run, and a run that fails says its seed.
//!
//! Coverage guides nothing here; knowing where messages begin and where lengths stand does. `make
//! fuzz` runs it for long, `SALLYPORT_FUZZ_RUNS` says how long; cargo-fuzz has the same entry
//! points, in `fuzz/`.

mod mutate;

use std::path::Path;

pub(super) use mutate::Chance;
use mutate::{messages, mutated};

use crate::fuzzing;

/// How many runs a plain test makes in each direction.
const RUNS: u64 = 20_000;
/// How much memory the process may ever have had, with everything that tests hold.
const MEMORY_KILOBYTES: u64 = 512 * 1024;

fn corpus(direction: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(direction);
    let entries = std::fs::read_dir(folder).expect("captures are beside the sources");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).expect("readable")).collect()
}

fn runs() -> u64 {
    let asked = std::env::var("SALLYPORT_FUZZ_RUNS").ok();
    asked.map_or(RUNS, |text| text.parse().expect("SALLYPORT_FUZZ_RUNS is a number"))
}

/// The most memory that this process ever had, in kB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.split_whitespace().next().and_then(|text| text.parse().ok()).expect("a number")
}

fn fuzz(direction: &str, entry: fn(&[u8])) {
    let corpus = corpus(direction);
    assert!(corpus.len() >= 7, "only {} captures", corpus.len());
    let seeds: Vec<_> = corpus.iter().map(|bytes| messages(bytes)).collect();
    let mut longest = 0;
    for seed in 0..runs() {
        let mut chance = Chance::of(seed);
        let mut input = mutated(&seeds, &mut chance);
        if direction == "target" {
            input.insert(0, chance.byte());
        }
        longest = longest.max(input.len());
        let run = std::panic::catch_unwind(|| entry(&input));
        assert!(run.is_ok(), "seed {seed} of {direction}: {input:?}");
    }
    let peak = peak();
    assert!(peak < MEMORY_KILOBYTES, "{peak} kB");
    let runs = runs();
    eprintln!("{direction}: {runs} runs, inputs up to {longest} bytes, at most {peak} kB resident");
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
