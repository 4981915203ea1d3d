//! `journal`: what a node writes before anything runs.

use clap::Subcommand;
use proto::api::JournalStatus;
use proto::refusal::Code;

use crate::arguments::{Gateway, Listing};
use crate::client::Client;
use crate::failure::{Failure, Outcome};
use crate::output::{self, Column};

const COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("HEALTH", "/health"),
    ("USED", "/used"),
    ("QUOTA", "/quota"),
    ("ARCHIVED", "/archived"),
    ("LAST", "/last"),
    ("EPOCH", "/epoch"),
    ("LIVE", "/live_sessions"),
    ("STREAM", "/stream/up"),
    ("UNACKED", "/stream/unacknowledged"),
    ("OLDEST MS", "/stream/oldest_ms"),
    ("SUFFICES", "/stream/suffices"),
    ("BLOCKED BY", "/stream/blocked_by"),
    ("REASON", "/reason"),
];

/// The journal that a node writes before anything runs.
#[derive(Debug, Subcommand)]
pub(crate) enum Journal {
    /// Show how full it is, and whether it can be relied on; exit status 1 when not
    Status {
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
    },
}

/// Runs one of them.
pub(crate) async fn run(journal: Journal) -> Outcome {
    let Journal::Status { gateway, listing } = journal;
    let rows: Vec<JournalStatus> = Client::new(&gateway)?.list("/v1/journal/status", &[]).await?;
    output::rows(listing.output, COLUMNS, &rows)?;
    match rows.iter().find(|row| row.health != "good") {
        None => Ok(()),
        Some(row) => {
            let code =
                if row.health == "full" { Code::RecordFull } else { Code::RecordUnavailable };
            let reason = row.reason.as_deref().unwrap_or(code.title());
            Err(Failure::new(code, format!("the journal of {}: {reason}", row.id)))
        }
    }
}
