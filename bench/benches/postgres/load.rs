//! Transactions a second, as pgbench counts them: each path has its turn in each round.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use bench::row;

use crate::rig::{DATABASE, Rig, Way};
use crate::{median, number, wanted};

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
    ("-S pipelined (statements)", Work::Pipeline),
    ("TPC-B-like prepared", Work::TpcB),
];
const CLIENTS: [usize; 4] = [1, 8, 16, 64];

/// What one path did in one round.
#[derive(Clone, Copy)]
struct Done {
    rate: f64,
    /// The path's own processor time for each transaction, in microseconds.
    cost: f64,
}

pub(crate) fn measure(rig: &Rig) -> Result<()> {
    let rounds = number("SALLYPORT_BENCH_ROUNDS", 3);
    let seconds = number("SALLYPORT_BENCH_SECONDS", 3);
    row(&format!(
        "Medians of {rounds} rounds of {seconds} s: transactions a second, their ratio to \
         PgBouncer's within a round, microseconds of the path's own processor time for each.\n"
    ))?;
    row("| work | clients | path | a second | ratio | µs |")?;
    row("|---|---|---|---|---|---|")?;
    let ways = [&rig.direct, &rig.bouncer, &rig.queued, &rig.durable, &rig.masked];
    let ways: Vec<_> = ways.into_iter().filter(|way| wanted("WAYS", way.name)).collect();
    for (name, work) in WORKS.into_iter().filter(|(name, _)| wanted("WORKS", name)) {
        for clients in CLIENTS.into_iter().filter(|count| wanted("CLIENTS", &count.to_string())) {
            let done = rounds_of(&ways, work, clients, (rounds, seconds))?;
            let bouncer = ways.iter().position(|way| way.name == rig.bouncer.name);
            for (at, way) in ways.iter().enumerate() {
                let rates = median(done[at].iter().map(|done| done.rate).collect());
                let costs = median(done[at].iter().map(|done| done.cost).collect());
                let ratio = bouncer.map_or(f64::NAN, |bouncer| {
                    let pairs = done[at].iter().zip(&done[bouncer]);
                    median(pairs.map(|(ours, theirs)| ours.rate / theirs.rate).collect())
                });
                let path = way.name;
                row(&format!(
                    "| {name} | {clients} | {path} | {rates:.0} | {ratio:.2} | {costs:.0} |"
                ))?;
            }
        }
    }
    Ok(())
}

fn rounds_of(
    ways: &[&Way],
    work: Work,
    clients: usize,
    (rounds, seconds): (usize, usize),
) -> Result<Vec<Vec<Done>>> {
    let mut done = vec![Vec::new(); ways.len()];
    for round in 0..rounds {
        for turn in 0..ways.len() {
            // Who is first changes.
            let at = (turn + round) % ways.len();
            let before = ways[at].worked()?;
            let rate = run(ways[at], work, clients, seconds)?;
            let worked = ways[at].worked()?.saturating_sub(before);
            let cost = worked.as_secs_f64() * 1e6 / (rate * seconds as f64);
            done[at].push(Done { rate, cost });
        }
    }
    Ok(done)
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
