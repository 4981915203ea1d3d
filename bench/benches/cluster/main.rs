//! The cluster beside etcd, in one run: durable changes a second and their latency, sessions
//! opened a second, the time from the leader's death to the next accepted write; and the time from
//! a lock on one node to the end of a session on another.
//!
//! Every figure is taken in rounds in which all that is compared has its turn, so that what else
//! the machine does disturbs all of it alike; only ratios of one run mean anything.

mod etcd;
mod failover;
mod kv;
mod load;
mod locks;
mod meet;
mod node;
mod order;
mod ours;
mod rates;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use bench::heading;
use tempfile::TempDir;

/// What the product allocates with as well.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--node").skip(1);
    if let Some(folder) = arguments.next() {
        return runtime()?.block_on(node::run(PathBuf::from(folder)));
    }
    let folder = TempDir::with_prefix("sallyport-bench-cluster-")?;
    let runtime = runtime()?;
    heading("Cluster: durable changes a second, beside etcd")?;
    runtime.block_on(rates::measure(folder.path()))?;
    heading("Cluster: from the leader's death to the next accepted write")?;
    runtime.block_on(failover::measure(folder.path()))?;
    drop(runtime);
    heading("Cluster: from `lock set` on one node to the end of a session on another")?;
    locks::measure()
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.context("a runtime")
}

/// A number of rounds from the environment.
fn rounds(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}
