//! A million rows of ten texts of 32 bytes, selected and copied: megabytes a second, and what the
//! path's own processor time is for a gigabyte.

use anyhow::{Result, ensure};
use bench::{MB, rate, row, timed};
use chaos_tests::live::wire::{Message, bind, execute, parse, query, sync};

use crate::rig::{Rig, Way};
use crate::{drain, median, number};

fn works() -> [(&'static str, Vec<Message>); 3] {
    let select = "select * from wide";
    let binary = vec![parse("", select), bind("", "", &[], true), execute("", 0), sync()];
    [
        ("SELECT, text", vec![query(select)]),
        ("SELECT, binary", binary),
        ("COPY, text", vec![query("copy wide to stdout")]),
    ]
}

pub(crate) fn measure(rig: &Rig) -> Result<()> {
    let rounds = number("SALLYPORT_BENCH_ROUNDS", 3);
    row(
        "Default: no mask; columns: two of ten masked; masked: every detector. Ratios are those to \
         direct within a round.\n",
    )?;
    row("| work | path | MB/s | of direct | CPU s per GB |")?;
    row("|---|---|---|---|---|")?;
    let ways = [&rig.direct, &rig.bouncer, &rig.durable, &rig.columns, &rig.masked];
    for (name, ask) in works() {
        let mut speeds: [Vec<f64>; 5] = Default::default();
        let mut costs: [Vec<f64>; 5] = Default::default();
        for round in 0..rounds {
            for turn in 0..ways.len() {
                let at = (turn + round) % ways.len();
                let (speed, cost) = once(ways[at], &ask)?;
                speeds[at].push(speed);
                costs[at].push(cost);
            }
        }
        for (at, way) in ways.into_iter().enumerate() {
            let ratios =
                speeds[at].iter().zip(&speeds[0]).map(|(through, direct)| through / direct);
            let (ratio, cost) = (median(ratios.collect()), median(costs[at].clone()));
            let cost = if way.process.is_some() { format!("{cost:.2}") } else { String::new() };
            let speed = median(speeds[at].clone());
            row(&format!("| {name} | {} | {speed:.0} | {ratio:.2} | {cost} |", way.name))?;
        }
    }
    Ok(())
}

fn once(way: &Way, ask: &[Message]) -> Result<(f64, f64)> {
    let mut wire = drain::connect(way)?;
    let before = way.worked()?;
    let ((bytes, rows), took) = timed(|| drain::count(&mut wire, ask))?;
    let worked = way.worked()?.saturating_sub(before);
    ensure!(rows as usize >= number("SALLYPORT_BENCH_ROWS", 1_000_000), "only {rows} rows");
    drain::leave(&mut wire)?;
    let megabytes = bytes as f64 / MB;
    Ok((rate(megabytes, took), worked.as_secs_f64() / (megabytes / 1000.0)))
}
