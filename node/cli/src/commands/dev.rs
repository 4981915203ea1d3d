//! `sallyport dev`: one node with everything in it.

use std::path::PathBuf;

use clap::Args;
use node_daemon::{RawDev, Start};

use super::serve::{self, LOG};
use crate::failure::{Failure, Outcome};

/// Run one node with everything in it: a cluster of one.
///
/// It writes DIR/ready.json when it accepts connections. SIGTERM or Ctrl-C lets live sessions end;
/// a second one ends them at once.
#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// The data directory; made when it is not there, readable by its owner alone
    #[arg(long, default_value = "./.sallyport")]
    dir: PathBuf,
    /// People to apply at the start; without it they stay as they are
    #[arg(long, value_name = "FILE")]
    people: Option<PathBuf>,
    /// Targets to apply at the start; without it they stay as they are
    #[arg(long, value_name = "FILE")]
    targets: Option<PathBuf>,
    /// The policy to apply at the start; without it the last one stays in force
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Where SSH listens; port 0 picks a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:2222")]
    ssh: String,
    /// Where PostgreSQL listens; port 0 picks a free one; it is not served without this
    #[arg(long, value_name = "HOST:PORT")]
    postgres: Option<String>,
    /// Who vouches for the certificates that people log in to PostgreSQL with, in PEM
    #[arg(long, value_name = "FILE")]
    client_ca: Option<PathBuf>,
    /// Where the API listens; port 0 picks a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8443")]
    api: String,
    /// The node's name; the record names it, and it is never given to another node
    #[arg(long, default_value = "gw-1")]
    name: String,
    /// The cluster's name
    #[arg(long, default_value = "dev")]
    cluster: String,
    /// The most that live records may take; then nothing runs until sealed ones are archived
    #[arg(long, value_name = "BYTES", default_value_t = 8 * 1024 * 1024 * 1024)]
    journal_quota: u64,
    /// How long live sessions get to end when the node is stopped
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    drain: u64,
    /// What is logged on standard error, e.g. `info` or `warn,node_ssh=debug`
    #[arg(long, value_name = "FILTER", default_value = LOG)]
    log: String,
}

/// Runs the node until it is told to stop.
pub(crate) fn run(dev: Dev) -> Outcome {
    let config = node_daemon::check(RawDev {
        dir: Some(dev.dir),
        people: dev.people,
        targets: dev.targets,
        policy: dev.policy,
        ssh: Some(dev.ssh),
        postgres: dev.postgres,
        client_ca: dev.client_ca,
        api: Some(dev.api),
        name: Some(dev.name),
        cluster: Some(dev.cluster),
        journal_quota: Some(dev.journal_quota),
        drain: Some(dev.drain),
    })
    .map_err(|error| Failure::Usage(error.to_string()))?;
    serve::run(config, Start::Found, &dev.log)
}
