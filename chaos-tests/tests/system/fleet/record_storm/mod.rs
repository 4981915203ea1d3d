//! The record under faults: people run mixed commands while gateways, the broker and the database
//! are killed, and the broker's disk is wiped, cut and put back. Then all faults end, and every
//! event must be in the stream by its chain, epoch and place, and in the views, exactly once.
//!
//! The seed is printed; it repeats the faults, though not the moments. `quota` is the stream that
//! stays away until a journal is full.

mod faults;
mod judged;
mod people;
mod places;
mod quota;
mod views;

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chaos_tests::live::fleet::{Fleet, Made, on_made_fleet};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use self::faults::Fault;
use self::judged::judge;
use self::people::{People, Seen};
use super::rounds;

/// How long faults are done in one round.
const STORM: Duration = Duration::from_secs(6);

/// After how many rounds a new fleet is taken: reading the record takes longer the longer it is.
const ROUNDS_OF_A_FLEET: usize = 5;

/// What policies say of the record: nothing, or that commands wait for the stream.
const RECORDS: &[&str] = &[
    "",
    "records:\n  - { name: all, when: {}, durability: replicated, when_stream_down: local }\n",
    "records:\n  - { name: all, when: {}, durability: replicated, when_stream_down: refuse }\n",
];

#[test]
fn every_event_is_in_the_stream_and_in_the_views_once() -> Result<()> {
    let seed = rounds("SALLYPORT_CHAOS_SEED", rand::random::<u32>() as usize) as u64;
    let (all, mut done) = (rounds("SALLYPORT_CHAOS_RECORD_STORMS", 1), 0);
    println!("SALLYPORT_CHAOS_SEED={seed}, {all} rounds of the record's storm");
    let mut random = StdRng::seed_from_u64(seed);
    while done < all {
        let until = all.min(done + ROUNDS_OF_A_FLEET);
        let made = Made { streamed: true, viewed: true, ..Made::of(3) };
        on_made_fleet(made, |fleet| {
            let people = People::begin(fleet)?;
            for round in done..until {
                let told = || format!("SALLYPORT_CHAOS_SEED={seed}, round {round}");
                let faults = one_round(fleet, &people, &mut random).with_context(told)?;
                let last = round + 1 == until;
                let judged = judge(fleet, &people, last).with_context(told);
                println!("{faults:?}: {}", judged.with_context(|| format!("{faults:?}"))?);
            }
            println!("{}", people.summary());
            Ok(())
        })?;
        done = until;
    }
    Ok(())
}

fn one_round(fleet: &Fleet, people: &People<'_>, random: &mut StdRng) -> Result<Vec<Fault>> {
    let records = RECORDS.choose(random).copied().unwrap_or_default();
    let policy = format!("{}{records}", fleet.policy(&format!("for {records:?}")));
    fleet.apply("gw-1", "policy", &policy)?;
    let seed = random.random();
    let faults = thread::scope(|scope| {
        // Also when the storm itself fails: otherwise nobody would ever leave.
        let _leave = people.come(scope, seed);
        faults::storm(fleet, random, STORM)
    })?;
    fleet.comes_back().with_context(|| format!("after {faults:?}"))?;
    Ok(faults)
}

/// What was seen so far, for whoever judges.
fn seen<T>(people: &People<'_>, look: impl FnOnce(&Seen) -> T) -> T {
    look(&people.seen())
}
