//! `target`: machines behind the gateway.

use clap::Subcommand;
use proto::api::TargetRow;

use crate::arguments::{Gateway, Listing};
use crate::client::Client;
use crate::failure::Outcome;
use crate::output::{self, Column};

const COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("KIND", "/kind"),
    ("ADDRESS", "/address"),
    ("LABELS", "/labels"),
    ("LOGINS", "/logins"),
    ("PROBLEM", "/problem"),
];

/// Machines behind the gateway.
#[derive(Debug, Subcommand)]
pub(crate) enum Target {
    /// List targets, and what keeps the gateway from reaching them
    List {
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
    },
}

/// Runs one of them.
pub(crate) async fn run(target: Target) -> Outcome {
    let Target::List { gateway, listing } = target;
    let rows: Vec<TargetRow> = Client::new(&gateway)?.list("/v1/targets", &[]).await?;
    output::rows(listing.output, COLUMNS, &rows)
}
