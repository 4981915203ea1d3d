//! What a thousand idle connections hold in memory, in the process that serves them.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use bench::row;
use chaos_tests::live::wire::query;

use crate::rig::{Rig, Way};
use crate::{drain, number};

pub(crate) fn measure(rig: &Rig) -> Result<()> {
    let count = number("SALLYPORT_BENCH_IDLE", 1000);
    row("Resident memory of the path's own process; each connection has asked once.\n")?;
    row("| path | connections | before | after | each |")?;
    row("|---|---|---|---|---|")?;
    for way in [&rig.bouncer, &rig.durable] {
        let before = resident(way)?;
        let mut held = Vec::new();
        // A pool of sessions has as many places as its server lets it.
        let count = if way.name == "pgbouncer" { count.min(180) } else { count };
        for _ in 0..count {
            let mut wire = drain::connect(way)?;
            let said = wire.ask(&[query("select 1")])?;
            ensure!(said.contains("D[1]"), "{}: {said}", way.name);
            held.push(wire);
        }
        let after = resident(way)?;
        let each = after.saturating_sub(before) as f64 / count as f64;
        row(&format!(
            "| {} | {count} | {:.1} MB | {:.1} MB | {each:.1} kB |",
            way.name,
            before as f64 / 1000.0,
            after as f64 / 1000.0
        ))?;
    }
    Ok(())
}

/// In kB.
fn resident(way: &Way) -> Result<u64> {
    let process = way.process.context("the path has a process")?;
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next());
    Ok(kilobytes.context("VmRSS")?.parse()?)
}
