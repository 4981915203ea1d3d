//! Clocks that are an hour off, or stand still: what expires does so after its time, neither
//! earlier nor much later, and does not come back to life.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::invariants::acknowledged_once::Acknowledged;
use chaos_tests::live::fleet::{ClockFault, EXPIRES, Fleet, HELD_SHORTLY, on_fleet};
use chaos_tests::live::{SHORT, since_boot, until};

use super::{marked, never_ran, refused, rounds};

const HOUR: i64 = 3600;

/// How much later than its time a request may end: failover of the leader is among it.
const LATE: Duration = Duration::from_secs(8);

/// What a request that nobody rules on lives, asked through a node; it stays dead afterwards.
fn expires_in_time(fleet: &Fleet, node: &str) -> Result<u64> {
    let marked = marked(HELD_SHORTLY);
    let mut waiting = fleet.hold("alice", node, &marked.command)?;
    let asked = since_boot();
    never_ran(fleet, &mut waiting, &marked, "SP-1208")?;
    let (took, wanted) = (since_boot() - asked, Duration::from_secs(EXPIRES));
    // It was asked shortly before its client was told.
    let early = Duration::from_secs(1);
    ensure!(took + early >= wanted && took <= wanted + LATE, "on {node} it ended after {took:?}");
    Ok(waiting.approval)
}

#[test]
fn clocks_that_are_off_do_not_move_what_expires() -> Result<()> {
    on_fleet(|fleet| {
        fleet.use_up();
        for node in fleet.names() {
            fleet.fake_clock(&node)?;
            fleet.comes_back()?;
        }
        let faults = [ClockFault::Off(HOUR), ClockFault::Off(-HOUR), ClockFault::Frozen];
        for (number, fault) in faults.into_iter().enumerate() {
            let leader = fleet.leader()?;
            let follower = fleet.others(&[&leader])[0].clone();
            // The leader, a follower, the leader; or both each time.
            let nodes = [&leader, &follower, &leader].into_iter().skip(number % 2);
            for node in nodes.take(rounds("SALLYPORT_CHAOS_CLOCKS", 1)) {
                fleet.set_clock(node, fault)?;
                let dead = expires_in_time(fleet, node).with_context(|| format!("{fault:?}"))?;
                fleet.set_clock(node, ClockFault::None)?;
                for through in fleet.names() {
                    refused(&fleet.approve("bob", &through, dead), "SP-1514")?;
                }
            }
        }
        fleet.judge(&Acknowledged::default()).map(drop)
    })
}

#[test]
fn a_leader_whose_clock_is_off_gives_up_leading() -> Result<()> {
    on_fleet(|fleet| {
        fleet.use_up();
        for node in fleet.names() {
            fleet.fake_clock(&node)?;
            fleet.comes_back()?;
        }
        let leader = fleet.leader()?;
        let others = fleet.others(&[&leader]);
        fleet.set_clock(&leader, ClockFault::Off(HOUR))?;
        let names: Vec<_> = others.iter().map(String::as_str).collect();
        let next = fleet.leader_among(&names).context("another one leads")?;
        // And does not come back to it while it is off.
        let begun = since_boot();
        until("some seconds", SHORT, || {
            let now = fleet.status(&next)?.leader;
            ensure!(now.as_ref() != Some(&leader), "{leader} leads with a wrong clock");
            Ok((since_boot() > begun + Duration::from_secs(3)).then_some(()))
        })
    })
}
