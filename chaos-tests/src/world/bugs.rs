//! Each planted bug is found: an oracle that never fails proves nothing.

use consensus_state::planted::{Bug, plant};

use super::options::{Fault, Options};
use super::run::run;

/// A bug is found within so many worlds.
const SEEDS: u64 = 60;

/// A world in which a bug has its chance.
fn world(bug: Bug, seed: u64) -> Options {
    let mut options = Options::drawn(seed);
    let needed: &[Fault] = match bug {
        Bug::SnapshotWithoutLocks | Bug::SnapshotWithoutReplies => &[Fault::Crash, Fault::Trap],
        Bug::AnsweredBeforeSync | Bug::ForgottenVotes => {
            &[Fault::Crash, Fault::Trap, Fault::Partition]
        }
        Bug::StaleReads => &[Fault::Partition, Fault::OneWay],
        Bug::LonelyContact => &[Fault::Partition, Fault::OneWay],
        Bug::TimeGoesBack => &[Fault::Clock, Fault::Crash, Fault::StepDown],
        _ => &[],
    };
    if bug == Bug::LonelyContact {
        // Somebody must be alone for longer than T.
        options.contact_ms = 1000;
    }
    let missing = needed.iter().filter(|fault| !options.faults.contains(fault));
    let missing: Vec<_> = missing.copied().collect();
    options.faults.extend(missing);
    options
}

/// The first world in which a bug is found, and how.
fn found(bug: Bug) -> Option<(u64, String)> {
    (1..=SEEDS).find_map(|seed| {
        let options = world(bug, seed);
        // The switch is this thread's, and a world stays on its thread.
        plant(Some(bug));
        let ended = std::panic::catch_unwind(move || run(options));
        plant(None);
        match ended {
            // What stops at a bug has found it.
            Err(_) => Some((seed, "it panicked".to_owned())),
            Ok(ended) => ended.violations.into_iter().next().map(|what| (seed, what)),
        }
    })
}

#[test]
fn every_planted_bug_is_found_in_some_world() {
    let mut missed = Vec::new();
    let mut report = String::new();
    std::thread::scope(|scope| {
        let (even, odd): (Vec<_>, Vec<_>) =
            Bug::ALL.iter().copied().enumerate().partition(|(at, _)| at % 2 == 0);
        let search = |bugs: Vec<(usize, Bug)>| {
            move || bugs.into_iter().map(|(_, bug)| (bug, found(bug))).collect::<Vec<_>>()
        };
        let searches = [scope.spawn(search(even)), scope.spawn(search(odd))];
        for (bug, found) in searches.into_iter().flat_map(|one| one.join().expect("it ends")) {
            match found {
                Some((seed, what)) => {
                    let what: String = what.lines().next().unwrap_or_default().into();
                    report.push_str(&format!("{bug:?}: seed {seed}: {what}\n"));
                }
                None => missed.push(bug),
            }
        }
    });
    assert!(missed.is_empty(), "nobody noticed {missed:?} within {SEEDS} worlds; but\n{report}");
}
