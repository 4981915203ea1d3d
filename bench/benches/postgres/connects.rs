//! New connections a second: one after the other, each logs in, asks once and leaves.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bench::row;
use chaos_tests::live::wire::query;

use crate::rig::{Rig, Way};
use crate::{drain, median, number};

pub(crate) fn measure(rig: &Rig) -> Result<()> {
    let rounds = number("SALLYPORT_BENCH_ROUNDS", 3);
    row("One client; milliseconds from the first byte to the first answer. Ratio to PgBouncer.\n")?;
    row("| path | connections/s | ms | ratio |")?;
    row("|---|---|---|---|")?;
    let ways = [&rig.direct, &rig.bouncer, &rig.durable];
    let mut took: [Vec<f64>; 3] = Default::default();
    for round in 0..rounds {
        for turn in 0..ways.len() {
            let at = (turn + round) % ways.len();
            took[at].push(once(ways[at])?);
        }
    }
    for (at, way) in ways.into_iter().enumerate() {
        let ratios = took[at].iter().zip(&took[1]).map(|(one, bouncer)| one / bouncer);
        let (ratio, millis) = (median(ratios.collect()), median(took[at].clone()));
        row(&format!("| {} | {:.0} | {millis:.2} | {ratio:.2} |", way.name, 1000.0 / millis))?;
    }
    Ok(())
}

/// Milliseconds for one connection.
fn once(way: &Way) -> Result<f64> {
    let lasting = Duration::from_secs(number("SALLYPORT_BENCH_SECONDS", 3) as u64);
    let (begun, mut count) = (Instant::now(), 0);
    while begun.elapsed() < lasting {
        let mut wire = drain::connect(way)?;
        let said = wire.ask(&[query("select 1")])?;
        ensure!(said.contains("D[1]"), "{}: {said}", way.name);
        drain::leave(&mut wire)?;
        count += 1;
    }
    Ok(begun.elapsed().as_secs_f64() * 1000.0 / f64::from(count))
}
