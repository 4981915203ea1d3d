//! Operations a second and their latency, for one member and for three, in rounds.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use bench::{percentiles, row};

use crate::etcd::Etcd;
use crate::order::{Load, Work};
use crate::ours::Ours;
use crate::rounds;

const WARM_MS: u64 = 300;
const MEASURED_MS: u64 = 1500;

/// What is measured: a name, what our clients do, and how many there are of them. etcd's put.
const CELLS: [(&str, Work, usize); 5] = [
    ("changes", Work::Changes, 1),
    ("changes", Work::Changes, 16),
    ("changes", Work::Changes, 256),
    ("session opens", Work::Opens, 64),
    ("session opens, each closed beside", Work::OpensThatClose, 64),
];

/// What all rounds of one row gave.
#[derive(Default)]
struct Row {
    ours: Vec<Vec<u32>>,
    theirs: Vec<Vec<u32>>,
}

pub(crate) async fn measure(folder: &Path) -> Result<()> {
    let mut clusters = Vec::new();
    for size in [1, 3] {
        clusters.push((size, Ours::start(folder, size)?, Etcd::start(folder, size).await?));
    }
    let rounds = rounds("SALLYPORT_BENCH_ROUNDS", 5);
    let mut rows: Vec<Row> = Vec::new();
    rows.resize_with(CELLS.len() * clusters.len(), Row::default);
    for round in 0..rounds {
        for (at, (_, work, clients)) in CELLS.into_iter().enumerate() {
            let load = Load { work, clients, warm_ms: WARM_MS, measured_ms: MEASURED_MS };
            for (size, (_, ours, etcd)) in clusters.iter_mut().enumerate() {
                let row = &mut rows[size * CELLS.len() + at];
                // Who is first changes, in case one leaves work behind for the other.
                if round % 2 == 0 {
                    row.ours.push(ours.load(load)?);
                }
                row.theirs.push(etcd.load(load).await?);
                if round % 2 == 1 {
                    row.ours.push(ours.load(load)?);
                }
            }
        }
    }
    row(&format!("Medians of {rounds} rounds; the ratio's least and most beside.\n"))?;
    row(
        "| members | what | clients | Sallyport/s | p50 | p99 | etcd puts/s | p50 | p99 | ratio |",
    )?;
    row("|---|---|---|---|---|---|---|---|---|---|")?;
    for (number, told) in rows.into_iter().enumerate() {
        let (size, (what, _, clients)) =
            (clusters[number / CELLS.len()].0, CELLS[number % CELLS.len()]);
        tell(&format!("| {size} | {what} | {clients} "), told)?;
    }
    Ok(())
}

fn tell(begins: &str, told: Row) -> Result<()> {
    let mut ratios: Vec<_> = told.ours.iter().zip(&told.theirs).map(ratio).collect();
    ratios.sort_by(f64::total_cmp);
    let (least, middle, most) = (ratios[0], ratios[ratios.len() / 2], ratios[ratios.len() - 1]);
    let (ours, theirs) = (Told::of(told.ours), Told::of(told.theirs));
    row(&format!(
        "{begins}| {:.0} | {:.1?} | {:.1?} | {:.0} | {:.1?} | {:.1?} | {middle:.2} ({least:.2}-{most:.2}) |",
        ours.rate, ours.p50, ours.p99, theirs.rate, theirs.p50, theirs.p99
    ))
}

fn ratio((ours, theirs): (&Vec<u32>, &Vec<u32>)) -> f64 {
    ours.len() as f64 / (theirs.len() as f64).max(1.0)
}

struct Told {
    rate: f64,
    p50: Duration,
    p99: Duration,
}

impl Told {
    fn of(rounds: Vec<Vec<u32>>) -> Self {
        let mut counts: Vec<_> = rounds.iter().map(Vec::len).collect();
        counts.sort_unstable();
        let rate = counts[counts.len() / 2] as f64 * 1000.0 / MEASURED_MS as f64;
        let all = rounds.into_iter().flatten().map(|took| Duration::from_micros(took.into()));
        let (p50, p99) = percentiles(all.collect());
        Self { rate, p50, p99 }
    }
}
