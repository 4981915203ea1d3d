//! `cluster`: the nodes that are one gateway together.

mod add;
mod backup;
mod status;

use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;
use proto::api::{JoinTokenGiven, NodeRow};
use proto::ids::Name;
use serde_json::json;

use super::serve;
use crate::arguments::{Gateway, Listing};
use crate::client::Client;
use crate::failure::Outcome;
use crate::output;
use crate::private::write_private;
use crate::spans::span;

/// The nodes that are one gateway together.
#[derive(Debug, Subcommand)]
pub(crate) enum Cluster {
    /// Create a cluster on its first node, say where its tokens are, and exit
    Init(serve::Init),
    /// Make a backup into a new cluster of one, in a new data directory, and exit
    ///
    /// Whoever still runs for the old cluster is cut off from it: its epochs and Raft ids are never
    /// given again. The other nodes join anew.
    Restore(serve::Restore),
    /// Show the nodes and what is wrong; exit status 1 when something is
    Status {
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
    },
    /// Make a token by which one node may join, once
    JoinToken {
        /// Into which file, which must not be there; standard output without it
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        gateway: Gateway,
    },
    /// Make a join file for a node, and wait until the node votes
    Add {
        /// The node's name, as its own configuration says it
        node: Name,
        /// Into which file, which must not be there
        #[arg(long, value_name = "FILE")]
        join_file: PathBuf,
        /// How long to wait for the node
        #[arg(long, value_name = "TIME", default_value = "15m", value_parser = span)]
        wait: Duration,
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
    },
    /// Take a node out, for ever: it can only come back as a new one
    Remove {
        /// The node
        node: Name,
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
    },
    /// Write the control plane into a file: policies, people, targets, approvals, locks, secrets
    ///
    /// It is encrypted to a key whose private half no node has (`cluster backup-key`). The events
    /// are not in it: `events export` writes those.
    Backup {
        /// The public key that it is encrypted to
        #[arg(long, value_name = "KEY")]
        recipient: String,
        /// Into which file, which must not be there
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        gateway: Gateway,
    },
    /// Make a key for backups: the private half into a file, the public one on standard output
    BackupKey {
        /// Into which file, which must not be there
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// Runs one of them.
pub(crate) async fn run(cluster: Cluster) -> Outcome {
    match cluster {
        Cluster::Init(init) => serve::init(&init).await,
        Cluster::Restore(restore) => serve::restore(&restore).await,
        Cluster::Status { gateway, listing } => status::run(&Client::new(&gateway)?, listing).await,
        Cluster::JoinToken { out, gateway } => {
            let given = join_token(&Client::new(&gateway)?).await?;
            match out {
                None => output::print(&given.join_file),
                Some(path) => write_private(&path, given.join_file.as_bytes()),
            }
        }
        Cluster::Add { node, join_file, wait, gateway, listing } => {
            add::run(&Client::new(&gateway)?, &node, &join_file, wait, listing).await
        }
        Cluster::Remove { node, gateway, listing } => {
            let path = format!("/v1/cluster/nodes/{node}/remove");
            let row: NodeRow = Client::new(&gateway)?.post(&path, &json!({})).await?;
            output::rows(listing.output, status::NODES, &[row])
        }
        Cluster::Backup { recipient, out, gateway } => {
            backup::take(&Client::new(&gateway)?, recipient, &out).await
        }
        Cluster::BackupKey { out } => backup::key(&out),
    }
}

async fn join_token(client: &Client) -> Outcome<JoinTokenGiven> {
    client.post("/v1/cluster/join-token", &json!({})).await
}
