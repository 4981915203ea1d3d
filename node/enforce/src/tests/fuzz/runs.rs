//! What all fuzzing has in common: a seed makes a run, and a run that fails says its seed.
//!
//! `node/ssh` and `node/postgres` use this file too. It knows no format: who uses it takes kept
//! inputs apart, says which words are worth trying, and puts parts together again.

use std::path::Path;
use std::time::{Duration, Instant};

/// How much memory the process may ever have had, with everything that tests hold.
const MEMORY_KILOBYTES: u64 = 512 * 1024;
/// How long one run may take: far longer than any does, however busy the machine is.
const RUN: Duration = Duration::from_secs(20);
/// The fewest inputs of a corpus.
const INPUTS: usize = 7;

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

    pub(in crate::tests) fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

/// The kept inputs of a target.
pub(in crate::tests) fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = std::fs::read_dir(folder).expect("inputs are beside the sources");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    assert!(files.len() >= INPUTS, "only {} inputs", files.len());
    files.iter().map(|file| std::fs::read(file).expect("readable")).collect()
}

/// Some parts of kept inputs, in another order.
pub(in crate::tests) fn shuffled<Part: Clone>(
    inputs: &[Vec<Part>],
    chance: &mut Chance,
) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for _ in 0..=chance.below(3) {
        let input = &inputs[chance.below(inputs.len())];
        if input.is_empty() {
            continue;
        }
        let from = chance.below(input.len());
        let count = 1 + chance.below(input.len() - from);
        parts.extend_from_slice(&input[from..from + count]);
    }
    for _ in 0..chance.below(6) {
        if parts.is_empty() {
            break;
        }
        let (one, other) = (chance.below(parts.len()), chance.below(parts.len()));
        match chance.below(3) {
            0 => parts.swap(one, other),
            1 => parts.insert(one, parts[other].clone()),
            _ => drop(parts.remove(one)),
        }
    }
    parts
}

/// Changes bytes in one place; `words` are what is worth writing there.
pub(in crate::tests) fn change(bytes: &mut Vec<u8>, words: &[&[u8]], chance: &mut Chance) {
    let at = chance.below(bytes.len() + 1);
    let word = words[chance.below(words.len())];
    match chance.below(8) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, chance.byte()),
        2 if at < bytes.len() => drop(bytes.remove(at)),
        3 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
        4 | 5 => {
            let end = (at + word.len()).min(bytes.len());
            drop(bytes.splice(at..end, word.iter().copied()));
        }
        6 => {
            // A part once more.
            let part = bytes[at..(at + chance.below(64)).min(bytes.len())].to_vec();
            drop(bytes.splice(at..at, part));
        }
        _ => drop(bytes.splice(at..at, word.iter().copied())),
    }
}

/// Runs a target: as often as is asked for, or `plain` times.
pub(in crate::tests) fn fuzz(
    target: &str,
    plain: u64,
    entry: fn(&[u8]),
    make: impl Fn(&mut Chance) -> Vec<u8>,
) {
    let asked = std::env::var("SALLYPORT_FUZZ_RUNS").ok();
    let runs = asked.map_or(plain, |text| text.parse().expect("SALLYPORT_FUZZ_RUNS is a number"));
    let (mut longest, mut slowest) = (0, Duration::ZERO);
    for seed in 0..runs {
        let input = make(&mut Chance::of(seed));
        longest = longest.max(input.len());
        let begun = Instant::now();
        let run = std::panic::catch_unwind(|| entry(&input));
        let taken = begun.elapsed();
        slowest = slowest.max(taken);
        assert!(run.is_ok() && taken < RUN, "seed {seed} of {target}, {taken:?}: {input:?}");
    }
    let peak = peak();
    assert!(peak < MEMORY_KILOBYTES, "{peak} kB");
    eprintln!(
        "{target}: {runs} runs, inputs up to {longest} bytes, the slowest {slowest:?}, at most \
         {peak} kB resident"
    );
}

/// The most memory that this process ever had, in kB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.split_whitespace().next().and_then(|text| text.parse().ok()).expect("a number")
}
