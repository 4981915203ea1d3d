//! The replicated stream: events published out of a journal a second, beside plain messages of the
//! same bytes to the same stream in the same run; and what `durability: replicated` costs an event.

mod ours;
mod raw;
mod servers;

use std::time::Duration;

use anyhow::{Result, anyhow};
use bench::{heading, percentiles, rate, row};
use proto::ids::{Chain, Name};
use proto::reading::Durability;
use store_jetstream::record_subject;

use ours::Node;
use servers::{Kind, Running};

/// Servers as `deploy/nats` has them, and one alone.
const KINDS: [Kind; 3] = [
    Kind { name: "three, sync always", count: 3, always: true },
    Kind { name: "one, sync always", count: 1, always: true },
    Kind { name: "one, sync after 2 m", count: 1, always: false },
];
/// How often each is measured; the ratio is the median of those within a round.
const ROUNDS: usize = 3;
/// Events of a round, by whether servers sync always.
const EVENTS: [u64; 2] = [40_000, 20_000];
/// How many plain messages are on their way at once; the best of these counts.
const IN_FLIGHT: [usize; 3] = [64, 256, 1024];
/// Plain messages of a round when a server alone syncs each: it takes few a second.
const SLOW: usize = 2_000;
/// How long each row of durabilities is measured.
const PERIOD: Duration = Duration::from_secs(3);

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run())
}

async fn run() -> Result<()> {
    let cluster = name("bench")?;
    let asked: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let kinds = KINDS.iter().filter(|kind| {
        asked.is_empty() || asked.iter().any(|word| kind.name.contains(word.as_str()))
    });
    heading("The stream: events published a second")?;
    row("| servers | out of the journal | plain messages | in flight | ratio, median |")?;
    row("|---|---|---|---|---|")?;
    let mut durabilities = Vec::new();
    for kind in kinds {
        let running = Running::start(*kind, &cluster).await?;
        publishing(*kind, &running, &cluster).await?;
        durabilities.extend(replicated(*kind, &running, &cluster).await?);
    }
    heading("durability: replicated, beside local")?;
    row("| servers | writers | local/s | p50 | replicated/s | p50 | local / replicated |")?;
    row("|---|---|---|---|---|---|---|")?;
    durabilities.iter().try_for_each(|line| row(line))
}

async fn publishing(kind: Kind, running: &Running, cluster: &Name) -> Result<()> {
    let count = EVENTS[usize::from(kind.always)];
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let node = name(&format!("gw-{round}"))?;
        let mut ours = Node::new(kind, running, cluster, node)?;
        let bytes = ours.fill(count).await?;
        let published = ours.publish(count).await?;
        drop(ours);
        let mut best = (0.0, 0);
        for in_flight in IN_FLIGHT {
            let other = Chain::Node(name(&format!("raw-{round}-{in_flight}"))?);
            let subject = record_subject(cluster, &other);
            let slow = kind.always && kind.count == 1;
            let bytes = if slow { &bytes[..SLOW.min(bytes.len())] } else { &bytes[..] };
            let took = raw::publish(&running.servers, &subject, bytes, in_flight).await?;
            let plain = rate(bytes.len() as f64, took);
            if plain > best.0 {
                best = (plain, in_flight);
            }
        }
        rounds.push((published / best.0, published, best));
    }
    rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (ratio, published, (plain, in_flight)) = rounds[ROUNDS / 2];
    let kind = kind.name;
    row(&format!("| {kind} | {published:.0} | {plain:.0} | {in_flight} | {ratio:.2} |"))
}

async fn replicated(kind: Kind, running: &Running, cluster: &Name) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for writers in [1, 64] {
        let mut node = Node::new(kind, running, cluster, name(&format!("writers-{writers}"))?)?;
        node.follow()?;
        node.acknowledged(0).await?;
        let mut of = Vec::new();
        for durability in [Durability::Local, Durability::Replicated] {
            let took = node.append(writers, PERIOD, durability).await?;
            // What the stream has not caught up with belongs to this row, not to the next one.
            node.caught_up().await?;
            let count = took.len() as f64;
            of.push((rate(count, PERIOD), percentiles(took).0));
        }
        let (local, local_p50, replicated, p50) = (of[0].0, of[0].1, of[1].0, of[1].1);
        lines.push(format!(
            "| {} | {writers} | {local:.0} | {local_p50:.1?} | {replicated:.0} | {p50:.1?} | {:.1} |",
            kind.name,
            local / replicated
        ));
    }
    Ok(lines)
}

fn name(text: &str) -> Result<Name> {
    text.parse().map_err(|error| anyhow!("{error}"))
}
