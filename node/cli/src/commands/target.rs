//! `target`: machines behind the gateway.

use clap::Subcommand;
use proto::api::{DocumentApplied, RemovalAsked, TargetRow};
use proto::ids::Name;
use proto::refusal::Code;

use crate::arguments::{Gateway, Listing};
use crate::client::Client;
use crate::documents::{self, Document};
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
    /// Apply a targets file: its targets, and no others, are those of the cluster
    ///
    /// Files that it names are read by the nodes, under the same path as here: a relative one is
    /// relative to the targets file. What the node that answers cannot find is shown.
    Apply {
        #[command(flatten)]
        document: Document,
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
    },
    /// List targets, and what keeps the gateway from reaching them
    List {
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
    },
    /// Take a target out: live sessions with it end
    Remove {
        /// The target
        name: Name,
        /// Only when the targets are at this revision
        #[arg(long, value_name = "REVISION")]
        expect_revision: Option<u64>,
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
    },
}

/// Runs one of them.
pub(crate) async fn run(target: Target) -> Outcome {
    match target {
        Target::Apply { document, gateway, listing } => {
            let body = document.read(Code::TargetsWrong)?;
            let applied = Client::new(&gateway)?.post("/v1/targets", &body).await?;
            documents::told(listing, &applied)
        }
        Target::List { gateway, listing } => {
            let rows: Vec<TargetRow> = Client::new(&gateway)?.list("/v1/targets", &[]).await?;
            output::rows(listing.output, COLUMNS, &rows)
        }
        Target::Remove { name, expect_revision, gateway, listing } => {
            let path = format!("/v1/targets/{name}/remove");
            let body = RemovalAsked { expected_revision: expect_revision };
            let applied: DocumentApplied = Client::new(&gateway)?.post(&path, &body).await?;
            documents::told(listing, &applied)
        }
    }
}
