//! A node stands still and goes on as if no time had passed, or dies again while it recovers.

use std::time::Duration;

use anyhow::{Result, ensure};
use chaos_tests::invariants::acknowledged_once::Acknowledged;
use chaos_tests::invariants::forbidden_after_t::{self, Allowed, Forbidden};
use chaos_tests::live::fleet::{ALLOWED, HELD, T, on_fleet};
use chaos_tests::live::{SHORT, since_boot, until};
use rand::RngExt as _;

use super::{in_the_end, marked, rounds};

/// Clients that come while the node stands still: the kernel takes their connections.
const CLIENTS: usize = 3;

#[test]
fn a_leader_that_stood_still_allows_nothing_stale() -> Result<()> {
    let stall = Duration::from_secs(rounds("SALLYPORT_CHAOS_STALL", 7) as u64);
    on_fleet(|fleet| {
        let leader = fleet.leader()?;
        let others = fleet.others(&[&leader]);
        let held = marked(HELD);
        let mut waiting = fleet.hold("alice", &leader, &held.command)?;
        fleet.gateway(&leader).pause()?;
        let paused = since_boot();
        let (mut clients, mut markers) = (Vec::new(), Vec::new());
        for _ in 0..CLIENTS {
            let marked = marked(ALLOWED);
            clients.push(fleet.ssh("eve", &leader).talk(&marked.command)?);
            markers.push(marked.marker);
        }
        let lock = ["lock", "set", "--person", "eve", "--for", "2m", "--reason", "she left"];
        in_the_end("the others lock", || fleet.ask("ed", &others[0], &lock).0)?;
        let committed = since_boot();
        in_the_end("the others approve", || fleet.approve("bob", &others[1], waiting.approval))?;
        // Nothing is awaited but that time passes: this is the stall.
        let over = (paused + stall).max(committed + T);
        until("the stall is over", stall * 2, || Ok((since_boot() > over).then_some(())))?;
        fleet.gateway(&leader).resume()?;
        for client in &mut clients {
            let (status, _) = client.wait(SHORT)?;
            ensure!(!status.success(), "a locked person was served: {}", client.output());
        }
        waiting.ends()?;
        let forbidden = Forbidden { subject: "person eve".into(), committed, lifted: None };
        let of_eve = |command: &str| markers.iter().any(|marker| command.contains(marker));
        let ran = fleet.target.log()?.into_iter().filter(|ran| of_eve(&ran.command));
        let allowed: Vec<_> = ran
            .map(|ran| Allowed {
                what: ran.command,
                subjects: vec!["person eve".into()],
                at: ran.at,
            })
            .collect();
        let stale = forbidden_after_t::violations(&[forbidden], &allowed, T);
        ensure!(stale.is_empty(), "{stale:?}");
        ensure!(fleet.runs(&held.marker)? <= 1, "{} ran twice", held.command);
        lift_all(fleet, &others[0])?;
        fleet.judge(&Acknowledged::default()).map(drop)
    })
}

/// Lifts every lock.
fn lift_all(fleet: &chaos_tests::live::fleet::Fleet, through: &str) -> Result<()> {
    let listed = fleet.administer(through, &["lock", "list", "--output", "jsonl"])?;
    for line in listed.lines() {
        let row: serde_json::Value = serde_json::from_str(line)?;
        let id = row["id"].to_string();
        let lift = ["lock", "lift", &id, "--reason", "the test is over"];
        in_the_end("it is lifted", || fleet.ask("ed", through, &lift).0)?;
    }
    Ok(())
}

#[test]
fn killed_again_while_it_recovers() -> Result<()> {
    on_fleet(|fleet| {
        let mut acknowledged = Acknowledged::default();
        for round in 0..rounds("SALLYPORT_CHAOS_RECOVERIES", 3) {
            let names = fleet.names();
            let node = &names[round % names.len()];
            let marked = marked(ALLOWED);
            let ended = fleet.ssh("alice", node).run(&marked.command)?;
            ensure!(ended.status == Some(0), "{ended:?}");
            acknowledged.markers.insert(marked.marker);
            fleet.gateway(node).kill()?;
            // At a random moment of its start it dies again.
            let moment = Duration::from_millis(rand::rng().random_range(0..400));
            fleet.gateway(node).launch(None)?;
            let begun = since_boot();
            until("the moment", SHORT, || Ok((since_boot() > begun + moment).then_some(())))?;
            fleet.gateway(node).kill()?;
            fleet.gateway(node).start()?;
        }
        fleet.comes_back()?;
        fleet.judge(&acknowledged).map(drop)
    })
}
