//! The network falls apart in all the ways it can.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::invariants::acknowledged_once::Acknowledged;
use chaos_tests::invariants::history::Outcome;
use chaos_tests::live::fleet::{ALLOWED, BYSTANDER, Fleet, HELD, T, on_fleet};
use chaos_tests::live::{SHORT, since_boot, until};
use rand::RngExt as _;

use super::{in_the_end, marked, rounds};

/// How long a fault without a majority is looked at.
const LOOKED_AT: Duration = Duration::from_secs(2 * T.as_secs());

/// The next write is accepted within this of the leader being cut off.
const FAILOVER: Duration = Duration::from_secs(5);

const WRITE: [&str; 8] =
    ["lock", "set", "--person", BYSTANDER, "--for", "1s", "--reason", "a look"];

#[test]
fn a_leader_that_is_alone_decides_nothing() -> Result<()> {
    on_fleet(|fleet| {
        let alone = fleet.leader()?;
        let others = fleet.others(&[&alone]);
        let names: Vec<_> = others.iter().map(String::as_str).collect();
        fleet.network.cut(&[&alone], &names)?;
        let cut = since_boot();
        in_the_end("the others write", || fleet.ask("admin", &others[0], &WRITE).0)?;
        let took = since_boot() - cut;
        ensure!(took <= FAILOVER, "the others wrote after {took:?}");
        let word = fleet.ask("admin", &alone, &WRITE).0;
        ensure!(word.outcome != Outcome::Done(()) && word.code.is_some(), "{word:?}");
        until("T is over", SHORT, || Ok((since_boot() > cut + T).then_some(())))?;
        let marked = marked(ALLOWED);
        let ended = fleet.ssh("alice", &alone).run(&marked.command)?;
        // No contact, or no majority: it is said why nothing opens.
        let named = ended.errors.contains("SP-1008") || ended.errors.contains("SP-1508");
        ensure!(ended.status != Some(0) && named, "{ended:?}");
        ensure!(fleet.runs(&marked.marker)? == 0, "it ran without contact");
        fleet.comes_back()?;
        fleet.judge(&Acknowledged::default()).map(drop)
    })
}

#[test]
fn one_way_drops_heal() -> Result<()> {
    on_fleet(|fleet| {
        let mut acknowledged = Acknowledged::default();
        for deaf in [true, false] {
            let leader = fleet.leader()?;
            let follower = fleet.others(&[&leader])[0].clone();
            let (from, to) = if deaf { (&leader, &follower) } else { (&follower, &leader) };
            fleet.network.cut_one_way(&[from], &[to])?;
            let begun = since_boot();
            while since_boot() < begun + LOOKED_AT {
                for node in fleet.names() {
                    let marked = marked(ALLOWED);
                    let ended = fleet.ssh("alice", &node).run(&marked.command)?;
                    if ended.status == Some(0) {
                        acknowledged.markers.insert(marked.marker);
                    }
                }
            }
            fleet.comes_back()?;
        }
        fleet.judge(&acknowledged).map(drop)
    })
}

#[test]
fn in_a_ring_without_a_majority_nothing_is_decided() -> Result<()> {
    on_fleet(|fleet| {
        // Each hears only the one before it: nobody gets an answer to what it asks.
        for (from, to) in [("gw-2", "gw-1"), ("gw-3", "gw-2"), ("gw-1", "gw-3")] {
            fleet.network.cut_one_way(&[from], &[to])?;
        }
        let cut = since_boot();
        until("T is over", SHORT, || Ok((since_boot() > cut + T).then_some(())))?;
        // All at once: each takes as long as a node tries.
        let nodes = fleet.names();
        thread::scope(|scope| {
            let asked = nodes.iter().map(|node| scope.spawn(|| decides_nothing(fleet, node)));
            let asked: Vec<_> = asked.collect();
            asked.into_iter().try_for_each(|asked| asked.join().expect("no panic"))
        })?;
        fleet.comes_back()?;
        fleet.judge(&Acknowledged::default()).map(drop)
    })
}

fn decides_nothing(fleet: &Fleet, node: &str) -> Result<()> {
    let word = fleet.ask("admin", node, &WRITE).0;
    ensure!(word.outcome != Outcome::Done(()) && word.code.is_some(), "{node}: {word:?}");
    let marked = marked(ALLOWED);
    let ended = fleet.ssh("alice", node).run(&marked.command)?;
    ensure!(ended.status != Some(0), "{node} served without contact");
    ensure!(fleet.runs(&marked.marker)? == 0);
    Ok(())
}

#[test]
fn flapping_ways_lose_nothing_that_was_acknowledged() -> Result<()> {
    on_fleet(|fleet| {
        let mut acknowledged = Acknowledged::default();
        for _ in 0..rounds("SALLYPORT_CHAOS_FLAPS", 4) {
            let names = fleet.names();
            let alone = &names[rand::rng().random_range(0..names.len())];
            let others = fleet.others(&[alone]);
            let others: Vec<_> = others.iter().map(String::as_str).collect();
            fleet.network.cut(&[alone], &others)?;
            look(fleet, &mut acknowledged.markers)?;
            fleet.network.heal()?;
            look(fleet, &mut acknowledged.markers)?;
        }
        fleet.comes_back()?;
        fleet.judge(&acknowledged).map(drop)
    })
}

/// Runs a command through some node for a moment.
fn look(fleet: &Fleet, seen: &mut BTreeSet<String>) -> Result<()> {
    let names = fleet.names();
    let begun = since_boot();
    let moment = Duration::from_millis(rand::rng().random_range(50..1200));
    while since_boot() < begun + moment {
        let marked = marked(ALLOWED);
        let node = &names[rand::rng().random_range(0..names.len())];
        if fleet.ssh("alice", node).run(&marked.command)?.status == Some(0) {
            seen.insert(marked.marker);
        }
    }
    Ok(())
}

#[test]
fn an_approval_is_spent_once_however_the_ways_fall() -> Result<()> {
    on_fleet(|fleet| {
        let mut held = Vec::new();
        for round in 0..rounds("SALLYPORT_CHAOS_SPENT", 3) {
            let names = fleet.names();
            let node = names[round % names.len()].clone();
            let (marked, others) = (marked(HELD), fleet.others(&[&node]));
            let waiting = fleet.hold("alice", &node, &marked.command)?;
            let moment = Duration::from_millis(rand::rng().random_range(0..250));
            // Two approve on two nodes while the way to the one that holds it is cut.
            thread::scope(|scope| -> Result<()> {
                for (person, through) in ["bob", "carol"].iter().zip([&others[0], &node]) {
                    scope.spawn(|| fleet.approve(person, through, waiting.approval));
                }
                let begun = since_boot();
                until("the moment", SHORT, || Ok((since_boot() > begun + moment).then_some(())))?;
                let others: Vec<_> = others.iter().map(String::as_str).collect();
                fleet.network.cut(&[&node], &others)?;
                let cut = since_boot();
                until("a while", SHORT, || Ok((since_boot() > cut + T / 2).then_some(())))?;
                fleet.network.heal()
            })?;
            held.push((marked, waiting));
            fleet.comes_back()?;
        }
        for (marked, mut waiting) in held {
            // Approved or not, it ends: run once, or never.
            for person in ["bob", "carol"] {
                let word = fleet.approve(person, "gw-1", waiting.approval);
                ensure!(word.outcome != Outcome::Unknown, "all is well again: {word:?}");
            }
            let (status, output, errors) = waiting.ends().context("it is decided in the end")?;
            let runs = fleet.runs(&marked.marker)?;
            let served = status == Some(0);
            ensure!(runs <= 1 && (runs == 1 || !served), "{runs} runs: {output:?}, {errors:?}");
        }
        fleet.judge(&Acknowledged::default()).map(drop)
    })
}
