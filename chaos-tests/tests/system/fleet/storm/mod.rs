//! A storm: random faults, one after another and several at a time, while people run commands,
//! hold, approve and deny, change the policy, lock and lift. Then all faults end, all must heal,
//! and every oracle is asked. The seed is printed; it repeats the faults, though not the moments.

mod faults;
mod history;
mod people;

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::live::fleet::{Fleet, on_fleet};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use self::history::History;
use super::rounds;

/// How long faults are done in one round.
const STORM: Duration = Duration::from_secs(8);

/// After how many rounds a new fleet is taken: reading the record takes longer the longer it is.
const ROUNDS_OF_A_FLEET: usize = 5;

#[test]
fn a_storm_of_faults() -> Result<()> {
    let seed = rounds("SALLYPORT_CHAOS_SEED", rand::random::<u32>() as usize) as u64;
    let (all, mut done) = (rounds("SALLYPORT_CHAOS_STORMS", 1), 0);
    println!("SALLYPORT_CHAOS_SEED={seed}, {all} rounds");
    let mut random = StdRng::seed_from_u64(seed);
    while done < all {
        let until = all.min(done + ROUNDS_OF_A_FLEET);
        on_fleet(|fleet| {
            // Every second fleet has clocks that can be moved.
            let clocks = random.random_bool(0.5);
            for node in fleet.names().iter().filter(|_| clocks) {
                fleet.fake_clock(node)?;
                fleet.comes_back()?;
            }
            let history = History::begin(fleet)?;
            for round in done..until {
                let told = || format!("SALLYPORT_CHAOS_SEED={seed}, round {round}");
                one_round(fleet, &history, &mut random, clocks).with_context(told)?;
            }
            fleet.judge(&history.acknowledged()).with_context(|| format!("seed {seed}"))?;
            println!("{}", history.summary());
            fleet.use_up();
            Ok(())
        })?;
        done = until;
    }
    Ok(())
}

fn one_round(fleet: &Fleet, history: &History, random: &mut StdRng, clocks: bool) -> Result<()> {
    history.go();
    let faults = thread::scope(|scope| {
        // Also when the storm itself fails: otherwise nobody would ever leave.
        let _leave = history.leave_after();
        people::come(scope, fleet, history, random);
        faults::storm(fleet, random, STORM, clocks)
    });
    let faults = faults?;
    fleet.comes_back().with_context(|| format!("after {faults:?}"))?;
    history.look_at_the_end(fleet)?;
    let found = history.violations();
    ensure!(found.is_empty(), "after {faults:?}\n{}", found.join("\n"));
    Ok(())
}
