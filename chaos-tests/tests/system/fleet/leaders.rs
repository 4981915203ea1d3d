//! The leader is killed again and again: the next write is accepted within five seconds.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::invariants::acknowledged_once::Acknowledged;
use chaos_tests::live::fleet::{BYSTANDER, on_fleet};
use chaos_tests::live::since_boot;
use rand::seq::IndexedRandom as _;

use super::{in_the_end, rounds};

/// What is promised, from the kill to the answer.
const BOUND: Duration = Duration::from_secs(5);

#[test]
fn the_next_write_is_accepted_within_five_seconds() -> Result<()> {
    on_fleet(|fleet| {
        let mut took = Vec::new();
        for round in 1..=rounds("SALLYPORT_CHAOS_LEADERS", 3) {
            let leader = fleet.leader().with_context(|| format!("round {round}"))?;
            let survivors = fleet.others(&[&leader]);
            let through = survivors.choose(&mut rand::rng()).context("a survivor")?;
            fleet.gateway(&leader).kill()?;
            let killed = since_boot();
            let reason = format!("round {round}");
            let lock = ["lock", "set", "--person", BYSTANDER, "--for", "1s", "--reason", &reason];
            in_the_end("a write is accepted", || fleet.ask("admin", through, &lock).0)?;
            let after = since_boot() - killed;
            ensure!(after <= BOUND, "round {round}: {after:?} after {leader} was killed");
            took.push(after);
            fleet.gateway(&leader).start().with_context(|| format!("round {round}"))?;
            // Two of three must be there for the next one to be killed.
            fleet.comes_back().with_context(|| format!("round {round}"))?;
        }
        took.sort();
        let (median, most) = (took[took.len() / 2], took[took.len() - 1]);
        println!("{} leaders killed; next write after {median:?}, at most {most:?}", took.len());
        fleet.judge(&Acknowledged::default()).map(drop)
    })
}
