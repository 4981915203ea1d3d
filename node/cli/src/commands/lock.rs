//! `lock`: shutting somebody or something out, now and on every node.

use std::time::Duration;

use clap::{Args, Subcommand};
use proto::api::{LiftAsked, LockAsked, LockRow, LockedOut};
use proto::ids::Name;

use crate::arguments::{Gateway, Listing};
use crate::client::Client;
use crate::failure::Outcome;
use crate::output::{self, Column};
use crate::spans::span;

const COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("LOCKED", "/scope"),
    ("SINCE", "/since"),
    ("UNTIL", "/until"),
    ("BY", "/by"),
    ("REASON", "/reason"),
];

/// Shut somebody or something out, on every node.
#[derive(Debug, Subcommand)]
pub(crate) enum Lock {
    /// Lock: live sessions end, and no new ones open
    Set {
        #[command(flatten)]
        whom: Whom,
        /// For how long, e.g. 90s, 15m, 1h, 2d; until it is lifted, without it
        #[arg(long = "for", value_name = "TIME", value_parser = span)]
        lasts: Option<Duration>,
        /// Why; it is recorded
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
    },
    /// Lift a lock
    Lift {
        /// Its id, as the list shows it
        id: u64,
        /// Why; it is recorded
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
    },
    /// List the locks in force, the oldest first
    List {
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
    },
}

/// Who or what is locked out.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Whom {
    /// A person, everywhere
    #[arg(long)]
    person: Option<Name>,
    /// A target, for everybody
    #[arg(long)]
    target: Option<Name>,
    /// Whatever a node serves
    #[arg(long)]
    node: Option<Name>,
    /// Everything
    #[arg(long)]
    all: bool,
}

impl From<Whom> for LockedOut {
    fn from(whom: Whom) -> Self {
        match whom {
            Whom { person: Some(person), .. } => Self::Person(person),
            Whom { target: Some(target), .. } => Self::Target(target),
            Whom { node: Some(node), .. } => Self::Node(node),
            // The group takes exactly one of them.
            Whom { .. } => Self::All,
        }
    }
}

/// Runs one of them.
pub(crate) async fn run(lock: Lock) -> Outcome {
    match lock {
        Lock::Set { whom, lasts, reason, gateway, listing } => {
            let for_seconds = lasts.map(|lasts| lasts.as_secs());
            let body = LockAsked { lock: whom.into(), for_seconds, reason };
            let row: LockRow = Client::new(&gateway)?.post("/v1/locks", &body).await?;
            output::rows(listing.output, COLUMNS, &[row])
        }
        Lock::Lift { id, reason, gateway, listing } => {
            let path = format!("/v1/locks/{id}/lift");
            let row: LockRow = Client::new(&gateway)?.post(&path, &LiftAsked { reason }).await?;
            output::rows(listing.output, COLUMNS, &[row])
        }
        Lock::List { gateway, listing } => {
            let rows: Vec<LockRow> = Client::new(&gateway)?.list("/v1/locks", &[]).await?;
            output::rows(listing.output, COLUMNS, &rows)
        }
    }
}
