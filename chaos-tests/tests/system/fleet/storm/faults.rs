//! The faults of a storm.

use std::time::Duration;

use anyhow::Result;
use chaos_tests::live::fleet::{ClockFault, Fleet};
use chaos_tests::live::{LONG, since_boot, until};
use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

/// How long one fault stays, in milliseconds.
const STAYS_MS: std::ops::Range<u64> = 100..3000;

/// How far a clock is moved, in seconds.
const HOUR: i64 = 3600;

/// Something that is done to the fleet.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// Both ways between one and all others.
    Alone(String),
    /// One way between two.
    OneWay(String, String),
    /// Both ways between two; the third hears both.
    Apart(String, String),
    /// Each hears only one.
    Ring,
    /// It stands still.
    Paused(String),
    /// It is killed, and started again.
    Killed(String),
    /// It is stopped in good order, and started again.
    Stopped(String),
    /// Its clock is wrong.
    Clock(String, i64),
    /// Its disk is full.
    Full(String),
}

/// Does faults for a while; gives which ones.
pub(super) fn storm(
    fleet: &Fleet,
    random: &mut StdRng,
    lasts: Duration,
    clocks: bool,
) -> Result<Vec<Fault>> {
    let (begun, mut faults) = (since_boot(), Vec::new());
    while since_boot() < begun + lasts {
        // Often two at a time, of which the second may undo a part of the first.
        for _ in 0..random.random_range(1..=2) {
            let fault = draw(fleet, random, clocks)?;
            begin(fleet, &fault)?;
            faults.push(fault);
        }
        rest(Duration::from_millis(random.random_range(STAYS_MS)))?;
        end(fleet, &faults)?;
        rest(Duration::from_millis(random.random_range(STAYS_MS) / 2))?;
    }
    Ok(faults)
}

/// Lets time pass: that is what is waited for.
fn rest(time: Duration) -> Result<()> {
    let begun = since_boot();
    until("time passes", LONG, || Ok((since_boot() > begun + time).then_some(())))
}

fn draw(fleet: &Fleet, random: &mut StdRng, clocks: bool) -> Result<Fault> {
    let names = fleet.names();
    let mut pick = || names.choose(random).cloned().unwrap_or_default();
    let (one, other) = (pick(), pick());
    // The leader is the most interesting one.
    let leader = fleet.status(&other).ok().and_then(|status| status.leader);
    let one = if random.random_bool(0.4) { leader.unwrap_or(one) } else { one };
    Ok(match random.random_range(0..20) {
        0..4 => Fault::Alone(one),
        4..6 => Fault::OneWay(one, other),
        6..8 => Fault::Apart(one, other),
        8 => Fault::Ring,
        9..13 => Fault::Paused(one),
        13..16 => Fault::Killed(one),
        16 => Fault::Stopped(one),
        17 | 18 if clocks => Fault::Clock(one, [HOUR, -HOUR][random.random_range(0..2)]),
        19 => names.last().map_or(Fault::Ring, |last| Fault::Full(last.clone())),
        _ => Fault::Alone(one),
    })
}

fn begin(fleet: &Fleet, fault: &Fault) -> Result<()> {
    let names = fleet.names();
    let all: Vec<_> = names.iter().map(String::as_str).collect();
    let network = &fleet.network;
    match fault {
        Fault::Alone(one) => network.cut(&[one], &all),
        Fault::OneWay(one, other) => network.cut_one_way(&[one], &[other]),
        Fault::Apart(one, other) => network.cut(&[one], &[other]),
        Fault::Ring => {
            let next = all.iter().cycle().skip(1);
            let mut pairs = all.iter().zip(next);
            pairs.try_for_each(|(one, next)| network.cut_one_way(&[next], &[one]))
        }
        Fault::Paused(one) => running(fleet, one, |one| one.pause()),
        Fault::Killed(one) => running(fleet, one, |one| one.kill()),
        Fault::Stopped(one) => running(fleet, one, |one| {
            // One that stands still cannot end in good order.
            one.resume()?;
            one.terminate()
        }),
        Fault::Clock(one, seconds) => fleet.set_clock(one, ClockFault::Off(*seconds)),
        Fault::Full(one) => fleet.fill_disk(one),
    }
}

/// Does something to a node, if it runs.
fn running(
    fleet: &Fleet,
    name: &str,
    fault: impl FnOnce(&chaos_tests::live::fleet::Gateway) -> Result<()>,
) -> Result<()> {
    let gateway = fleet.gateway(name);
    if gateway.runs()? { fault(gateway) } else { Ok(()) }
}

fn end(fleet: &Fleet, faults: &[Fault]) -> Result<()> {
    for fault in faults {
        match fault {
            // Whatever did not end by itself by now is ended.
            Fault::Stopped(one) => running(fleet, one, |one| one.kill())?,
            // A node that met a write error does not go on by itself.
            Fault::Full(one) => running(fleet, one, |one| one.kill())?,
            _ => {}
        }
    }
    fleet.heal()
}
