//! Locks and lost contact end what runs, within what promise 7 says.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::live::fleet::{Fleet, T, on_fleet};
use chaos_tests::live::{SHORT, Talk, since_boot, until};
use serde_json::Value;

use super::{NOTICED, done, in_the_end, rounds};

/// A command that goes on saying something.
const BEATS: &str = "while echo beat; do sleep 0.05; done";

fn beats(fleet: &Fleet, node: &str) -> Result<Talk> {
    let mut beats = fleet.ssh("eve", node).talk(BEATS)?;
    beats.said("it beats", SHORT, |output, _| output.contains("beat").then_some(()))?;
    Ok(beats)
}

/// Locks eve through a node; gives the lock's id.
fn lock(fleet: &Fleet, through: &str) -> Result<String> {
    let lock = ["lock", "set", "--person", "eve", "--reason", "she left", "--output", "json"];
    let (word, text) = fleet.ask("ed", through, &lock);
    done(&word)?;
    let json: Value = serde_json::from_str(&text).with_context(|| text.clone())?;
    let row = json.get(0).unwrap_or(&json);
    Ok(row["id"].as_u64().with_context(|| text.clone())?.to_string())
}

fn lift(fleet: &Fleet, through: &str, id: &str) -> Result<()> {
    let lift = ["lock", "lift", id, "--reason", "she is back"];
    in_the_end("it is lifted", || fleet.ask("ed", through, &lift).0)?;
    for node in fleet.names() {
        until("eve may again", T, || {
            Ok((fleet.ssh("eve", &node).run("true")?.status == Some(0)).then_some(()))
        })?;
    }
    Ok(())
}

/// When the last beat was heard.
fn last_beat(beats: &Talk) -> Duration {
    beats.heard().last().map(|said| said.at).unwrap_or_default()
}

#[test]
fn a_lock_ends_a_live_command_on_another_node_within_t() -> Result<()> {
    on_fleet(|fleet| {
        let (names, mut most) = (fleet.names(), Duration::ZERO);
        let rounds = rounds("SALLYPORT_CHAOS_LOCKS", 3);
        for round in 0..rounds {
            let (on, through) = (&names[round % 3], &names[(round + 1 + round / 3 % 2) % 3]);
            let mut beats = beats(fleet, on)?;
            let asked = since_boot();
            let id = lock(fleet, through)?;
            let locked = since_boot();
            let (status, ended) = beats.wait(T * 3)?;
            let (took, last) = (ended.saturating_sub(locked), last_beat(&beats));
            ensure!(took <= T, "round {round}: it ended after {took:?}");
            ensure!(last <= locked + T, "round {round}: it was heard {:?} after", last - locked);
            ensure!(!status.success() && beats.errors().contains("SP-1007"), "{}", beats.errors());
            for node in &names {
                let refused = fleet.ssh("eve", node).run("true")?;
                ensure!(refused.status == Some(126), "{node}: {refused:?}");
                ensure!(refused.errors.contains("SP-1007"), "{node}: {refused:?}");
            }
            lift(fleet, on, &id)?;
            most = most.max(ended.saturating_sub(asked));
        }
        println!("{rounds} locks; a command ended at most {most:?} after the lock was asked for");
        Ok(())
    })
}

#[test]
fn a_lock_that_a_node_cannot_hear_of_ends_its_sessions_within_two_t() -> Result<()> {
    on_fleet(|fleet| {
        for round in 0..rounds("SALLYPORT_CHAOS_LOCKS", 2).div_ceil(2) {
            let leader = fleet.leader()?;
            // Once the leader is alone, once a follower.
            let alone = if round % 2 == 0 { leader } else { fleet.others(&[&leader])[0].clone() };
            let others = fleet.others(&[&alone]);
            let names: Vec<_> = others.iter().map(String::as_str).collect();
            let mut beats = beats(fleet, &alone)?;
            fleet.network.cut(&[&alone], &names)?;
            // The last contact was no later.
            let cut = since_boot();
            let id = until("the others lock", SHORT, || Ok(lock(fleet, &others[0]).ok()))?;
            let (_, ended) = beats.wait(T * 4)?;
            let (last, after) = (last_beat(&beats), ended.saturating_sub(cut));
            ensure!(after <= T * 2 + NOTICED, "round {round}: it ended {after:?} after contact");
            ensure!(
                last <= cut + T + NOTICED,
                "round {round}: heard {:?} after contact",
                last - cut
            );
            ensure!(beats.errors().contains("SP-1008"), "{}", beats.errors());
            let refused = fleet.ssh("eve", &alone).run("true")?;
            ensure!(refused.status != Some(0), "it opens something without contact");
            fleet.network.heal()?;
            fleet.comes_back()?;
            lift(fleet, &others[0], &id)?;
        }
        Ok(())
    })
}
