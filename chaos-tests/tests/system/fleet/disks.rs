//! A node's disk is full: it runs nothing that it cannot record, the others go on, and with room it
//! comes back.

use std::time::Duration;

use anyhow::{Result, ensure};
use chaos_tests::invariants::acknowledged_once::Acknowledged;
use chaos_tests::invariants::history::Outcome;
use chaos_tests::live::fleet::{BYSTANDER, on_fleet};
use chaos_tests::live::{LONG, SHORT, marker, until};

/// How long one command may take until it is refused or served.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_full_disk_denies_and_recovers() -> Result<()> {
    on_fleet(|fleet| {
        let mut acknowledged = Acknowledged::default();
        let full = "gw-3";
        fleet.fill_disk(full)?;
        // What was set aside before may still be used up; each command brings the end nearer.
        let refused = until("it refuses", LONG, || {
            if !fleet.gateway(full).runs()? {
                return Ok(Some("it ended".to_owned()));
            }
            let marker = marker();
            let command = format!("seq 200000; echo {marker}");
            let ended = fleet.ssh("alice", full).run_with(&command, Vec::new(), PATIENCE)?;
            if ended.text().ends_with(&format!("{marker}\n")) {
                acknowledged.markers.insert(marker);
                return Ok(None);
            }
            Ok(Some(ended.errors))
        })?;
        let named = refused.contains("SP-14") || refused.contains("SP-1004");
        // Or its replica met the full disk first: then the process ends, a moment later.
        let ends = || Ok((!fleet.gateway(full).runs()?).then_some(()));
        let ended = named || until("it ends", SHORT, ends).is_ok();
        ensure!(ended, "it refuses, but does not say why: {refused}");
        for node in fleet.others(&[full]) {
            let lock = ["lock", "set", "--person", BYSTANDER, "--for", "1s", "--reason", "a look"];
            let word = fleet.ask("admin", &node, &lock).0;
            ensure!(word.outcome == Outcome::Done(()), "{node}: {word:?}");
            let ended = fleet.ssh("alice", &node).run("echo on")?;
            ensure!(ended.text() == "on\n", "{node}: {ended:?}");
        }
        fleet.free_disk(full)?;
        // A node that met a write error does not go on by itself: it must be started again.
        if fleet.gateway(full).runs()? {
            fleet.gateway(full).kill()?;
        }
        fleet.gateway(full).start()?;
        fleet.comes_back()?;
        fleet.judge(&acknowledged).map(drop)
    })
}
