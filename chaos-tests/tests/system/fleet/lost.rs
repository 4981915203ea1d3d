//! A node is lost while commands are held on all of them.

use std::time::Duration;

use anyhow::{Result, ensure};
use chaos_tests::invariants::acknowledged_once::Acknowledged;
use chaos_tests::live::fleet::{HELD, REQUESTERS, T, on_fleet};

use super::{in_the_end, marked, ran_once, refused};

/// How many commands are held.
const HELD_COMMANDS: usize = 10;

/// How long after its last word a node is taken for lost, by a leader that may be new.
const LOST_AFTER: Duration = Duration::from_secs(3 * T.as_secs() + 10);

#[test]
fn the_leader_dies_while_commands_are_held_on_all_nodes() -> Result<()> {
    on_fleet(|fleet| {
        let names = fleet.names();
        let mut held = Vec::new();
        for number in 0..HELD_COMMANDS {
            let (node, marked) = (names[number % names.len()].clone(), marked(HELD));
            let person = REQUESTERS[number % REQUESTERS.len()];
            let waiting = fleet.hold(person, &node, &marked.command)?;
            held.push((node, marked, waiting));
        }
        let dead = fleet.leader()?;
        fleet.gateway(&dead).kill()?;
        let survivors = fleet.others(&[&dead]);
        let (lost, alive): (Vec<_>, Vec<_>) =
            held.into_iter().partition(|(node, ..)| *node == dead);
        ensure!(!lost.is_empty() && alive.len() > lost.len());
        for (number, (node, marked, mut waiting)) in alive.into_iter().enumerate() {
            let through = &survivors[number % survivors.len()];
            let what = format!("{} of {node} is approved through {through}", marked.command);
            in_the_end(&what, || fleet.approve("bob", through, waiting.approval))?;
            ran_once(fleet, &mut waiting, &marked)?;
        }
        for (_, _, waiting) in &lost {
            fleet.stands(&survivors[0], waiting.approval, "withdrawn: node lost", LOST_AFTER)?;
            refused(&fleet.approve("bob", &survivors[1], waiting.approval), "SP-1514")?;
        }
        // It comes back, and still they can never be spent.
        fleet.gateway(&dead).start()?;
        for (_, marked, waiting) in lost {
            refused(&fleet.approve("carol", &survivors[0], waiting.approval), "SP-1514")?;
            refused(&fleet.approve("carol", &dead, waiting.approval), "SP-1514")?;
            ensure!(fleet.runs(&marked.marker)? == 0, "{} ran", marked.command);
        }
        fleet.judge(&Acknowledged::default()).map(drop)
    })
}
