//! Worlds by the dozen, and that a seed is all that they depend on.

use std::sync::atomic::{AtomicU64, Ordering};

use super::options::Options;
use super::run::{Ended, run};

/// Worlds in an ordinary run.
const SEEDS: u64 = 4;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[track_caller]
fn check(ended: &Ended) {
    let Ended { options, violations, notes, .. } = ended;
    assert!(
        violations.is_empty(),
        "SALLYPORT_WORLD_SEED={} goes wrong: {}\nin {options:#?}\nthis happened:\n{}",
        options.seed,
        violations.join("\n"),
        notes.join("\n"),
    );
}

/// Lives through worlds, on as many threads as there are processors.
fn live_through(seeds: std::ops::RangeInclusive<u64>) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicU64::new(*seeds.start());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let seed = next.fetch_add(1, Ordering::Relaxed)
                    && seeds.contains(&seed)
                {
                    check(&run(Options::drawn(seed)));
                }
            });
        }
    });
}

#[test]
fn every_world_is_safe_and_heals() {
    match number("SALLYPORT_WORLD_SEED") {
        Some(seed) => live_through(seed..=seed),
        None => live_through(1..=number("SALLYPORT_WORLD_SEEDS").unwrap_or(SEEDS)),
    }
}

#[test]
fn a_seed_makes_the_same_world_again() {
    let (one, again) = (run(Options::drawn(7)), run(Options::drawn(7)));
    assert_eq!((one.trace, one.applied), (again.trace, again.applied));
    assert_eq!(one.notes, again.notes);
    let other = run(Options::drawn(8));
    assert_ne!(one.trace, other.trace);
}
