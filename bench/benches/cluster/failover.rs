//! The leader is killed, and one of the others is asked at once for a change: how long that takes.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bench::row;

use crate::etcd::Etcd;
use crate::order::{Order, Said};
use crate::ours::Ours;
use crate::rounds;

/// Of how many members the leader is killed.
const MEMBERS: usize = 3;

pub(crate) async fn measure(folder: &Path) -> Result<()> {
    let folder = folder.join("failover");
    let mut ours = Ours::start(&folder, MEMBERS)?;
    let mut etcd = Etcd::start(&folder, MEMBERS).await?;
    let (mut we, mut they) = (Vec::new(), Vec::new());
    for round in 0..rounds("SALLYPORT_BENCH_FAILOVERS", 10) {
        we.push(of_ours(&mut ours, round)?);
        they.push(of_etcd(&mut etcd, round).await?);
    }
    row("| leaders killed | Sallyport: median | most | etcd: median | most | ratio of medians |")?;
    row("|---|---|---|---|---|---|")?;
    let ((a, b), (c, d)) = (median_and_most(&mut we), median_and_most(&mut they));
    let (count, ratio) = (we.len(), a.as_secs_f64() / c.as_secs_f64());
    row(&format!("| {count} | {a:.2?} | {b:.2?} | {c:.2?} | {d:.2?} | {ratio:.2} |"))
}

pub(crate) fn median_and_most(all: &mut [Duration]) -> (Duration, Duration) {
    all.sort_unstable();
    let most = all.last().copied().unwrap_or_default();
    (all.get(all.len() / 2).copied().unwrap_or_default(), most)
}

fn of_ours(ours: &mut Ours, round: usize) -> Result<Duration> {
    let leader = ours.leader()?;
    let through = (leader + 1 + round % 2) % MEMBERS;
    ours.nodes[leader].kill()?;
    let killed = Instant::now();
    ours.nodes[through].order(Order::Change)?;
    let said = ours.nodes[through].said()?;
    ensure!(matches!(said, Said::Changed), "a node said {said:?}");
    let took = killed.elapsed();
    ours.nodes[leader].restart()?;
    ours.nodes[leader].is_ready()?;
    Ok(took)
}

async fn of_etcd(etcd: &mut Etcd, round: usize) -> Result<Duration> {
    let leader = etcd.leader().await?;
    let through = (leader + 1 + round % 2) % MEMBERS;
    etcd.members[leader].kill()?;
    let killed = Instant::now();
    etcd.change(through).await?;
    let took = killed.elapsed();
    etcd.members[leader].restart()?;
    etcd.serves().await?;
    Ok(took)
}
