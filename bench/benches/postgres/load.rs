//! Transactions a second, as pgbench counts them: each path has its turn in each round.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use bench::row;

use crate::rig::{DATABASE, Rig, Way};
use crate::{median, number};

/// Statements of one pipeline.
const PIPELINED: usize = 10;

/// What pgbench does.
#[derive(Clone, Copy)]
enum Work {
    /// `-S`: one row by its key.
    Select(&'static str),
    /// `-S`, ten in a pipeline.
    Pipeline,
    /// Its own mixture of reads and writes, in a transaction.
    TpcB,
}

const WORKS: [(&str, Work); 4] = [
    ("-S simple", Work::Select("simple")),
    ("-S prepared", Work::Select("prepared")),
    ("-S pipelined, statements", Work::Pipeline),
    ("TPC-B-like prepared", Work::TpcB),
];
const CLIENTS: [usize; 4] = [1, 8, 16, 64];

pub(crate) fn measure(rig: &Rig) -> Result<()> {
    let rounds = number("SALLYPORT_BENCH_ROUNDS", 3);
    let seconds = number("SALLYPORT_BENCH_SECONDS", 3);
    row(&format!(
        "Medians of {rounds} rounds of {seconds} s; ratios to PgBouncer within a round.\n"
    ))?;
    row(
        "| work | clients | direct | pgbouncer | queued | ratio | default | ratio | masked | ratio |",
    )?;
    row("|---|---|---|---|---|---|---|---|---|---|")?;
    for (name, work) in WORKS {
        for clients in CLIENTS {
            let line = one(rig, work, clients, rounds, seconds)?;
            row(&format!("| {name} | {clients} | {line} |"))?;
        }
    }
    Ok(())
}

fn one(rig: &Rig, work: Work, clients: usize, rounds: usize, seconds: usize) -> Result<String> {
    let ways = [&rig.direct, &rig.bouncer, &rig.queued, &rig.durable, &rig.masked];
    let mut rates: [Vec<f64>; 5] = Default::default();
    for round in 0..rounds {
        for turn in 0..ways.len() {
            // Who is first changes.
            let at = (turn + round) % ways.len();
            rates[at].push(run(ways[at], work, clients, seconds)?);
        }
    }
    let mut cells = Vec::new();
    for (at, measured) in rates.iter().enumerate() {
        cells.push(format!("{:.0}", median(measured.clone())));
        if at >= 2 {
            let ratios = measured.iter().zip(&rates[1]).map(|(ours, theirs)| ours / theirs);
            cells.push(format!("{:.2}", median(ratios.collect())));
        }
    }
    Ok(cells.join(" | "))
}

/// Runs pgbench; what it did a second.
fn run(way: &Way, work: Work, clients: usize, seconds: usize) -> Result<f64> {
    let mut command = Command::new("pgbench");
    let jobs = clients.min(2).to_string();
    command.args(["-n", "-c", &clients.to_string(), "-j", &jobs, "-T", &seconds.to_string()]);
    command.args(["-h", &way.host, "-p", &way.port.to_string(), "-U", way.user, DATABASE]);
    command.env("PGPASSWORD", way.password).env("PGSSLMODE", "disable");
    let mut factor = 1.0;
    let mut script = None;
    match work {
        Work::Select(mode) => {
            command.args(["-S", "-M", mode]);
        }
        Work::TpcB => {
            command.args(["-M", "prepared"]);
        }
        Work::Pipeline => {
            let file = pipeline()?;
            command.args(["-M", "prepared", "-f"]).arg(file.path());
            script = Some(file);
            factor = PIPELINED as f64;
        }
    }
    let ended = command.output().context("pgbench")?;
    drop(script);
    let said = String::from_utf8_lossy(&ended.stdout);
    let errors = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.success(), "{} {clients}: {errors}", way.name);
    let rate = said.lines().find_map(|line| line.strip_prefix("tps = "));
    let rate = rate.and_then(|rest| rest.split(' ').next()).context("pgbench says a rate")?;
    let rate: f64 = rate.parse()?;
    ensure!(rate > 0.0, "{}: pgbench did nothing: {said}", way.name);
    Ok(rate * factor)
}

fn pipeline() -> Result<tempfile::NamedTempFile> {
    let select = "\\set aid random(1, 100000 * :scale)\n";
    let statement = "SELECT abalance FROM pgbench_accounts WHERE aid = :aid;\n";
    let text = format!(
        "\\set scale 10\n{select}\\startpipeline\n{}\\endpipeline\n",
        statement.repeat(PIPELINED)
    );
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), text)?;
    Ok(file)
}
