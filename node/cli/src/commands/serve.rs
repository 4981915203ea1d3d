//! `sallyport serve`, `cluster init` and `cluster restore`: one node of a fleet, and how a fleet
//! begins.

use std::path::PathBuf;

use clap::Args;
use node_daemon::{Config, Ready, Start};
use serde_json::json;

use crate::arguments::Listing;
use crate::failure::{Failure, Outcome};
use crate::output::{one, print};

/// The filter of logs when none is said.
pub(crate) const LOG: &str = "info,openraft=warn";

/// Run one node of a fleet.
///
/// It writes `ready.json` into its data directory when it accepts connections. SIGTERM or Ctrl-C
/// gives leadership away and lets live sessions end; a second one ends them at once.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The node's configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The one-time token that lets a new node join; ignored once it has joined
    #[arg(long, value_name = "FILE")]
    join_file: Option<PathBuf>,
    /// What is logged on standard error, e.g. `info` or `warn,node_ssh=debug`
    #[arg(long, value_name = "FILTER", default_value = LOG)]
    log: String,
}

/// Create a cluster on its first node, say where the tokens are, and exit.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The first node's configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    listing: Listing,
}

/// Make a backup into a new cluster of one.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The configuration of the node that the cluster begins with anew
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The backup
    #[arg(long, value_name = "FILE")]
    backup: PathBuf,
    /// The private half of the key that it is encrypted to (`cluster backup-key`)
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    listing: Listing,
}

/// Runs the node until it is told to stop.
pub(crate) fn serve(serve: Serve) -> Outcome {
    let config = read(&serve.config)?;
    let start = serve.join_file.map_or(Start::Member, Start::Join);
    run(config, start, &serve.log)
}

/// Creates the cluster.
pub(crate) async fn init(init: &Init) -> Outcome {
    let config = read(&init.config)?;
    let founded = node_daemon::found(&config).await;
    let founded = founded.map_err(|error| Failure::new(error.code(), error))?;
    one(init.listing.output, &founded)
}

/// Begins a cluster anew from a backup.
pub(crate) async fn restore(restore: &Restore) -> Outcome {
    let config = read(&restore.config)?;
    let restored = node_daemon::restore(&config, &restore.backup, &restore.key).await;
    let cluster = restored.map_err(|error| Failure::new(error.code(), error))?;
    one(restore.listing.output, &json!({ "cluster": cluster }))
}

fn read(path: &std::path::Path) -> Outcome<Config> {
    node_daemon::read(path).map_err(|error| Failure::new(error.code(), error))
}

/// Runs a node, and says when it accepts connections.
pub(crate) fn run(config: Config, start: Start, log: &str) -> Outcome {
    node_daemon::logging(log).map_err(|error| Failure::Usage(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let announce = |ready: &Ready| {
        // A node whose standard output is closed serves all the same.
        drop(print(&announcement(ready)));
    };
    let ran = runtime.block_on(node_daemon::run(config, start, announce));
    ran.map_err(|error| Failure::new(error.code(), error))
}

fn announcement(ready: &Ready) -> String {
    let mut lines = vec![
        format!("Sallyport node {} of cluster {} is ready.", ready.node, ready.cluster),
        format!("  API          {}", ready.api),
        format!("  CA           {}", ready.ca.display()),
        format!("  host key     {}", ready.host_key),
    ];
    if let Some(token) = &ready.admin_token {
        lines.push(format!("  admin token  {}", token.display()));
    }
    if let Some(cluster) = &ready.listens_to_nodes {
        lines.push(format!("  other nodes  {cluster}"));
    }
    if let Some(ssh) = &ready.ssh {
        lines.insert(1, format!("  SSH          {ssh}"));
        if let Some((host, port)) = ssh.rsplit_once(':') {
            let host = host.trim_matches(['[', ']']);
            lines.push(format!("Try: ssh -p {port} LOGIN@TARGET@{host} COMMAND"));
        }
    }
    lines.extend(ready.warnings.iter().map(|warning| format!("warning: {warning}")));
    lines.push(String::new());
    lines.join("\n")
}
