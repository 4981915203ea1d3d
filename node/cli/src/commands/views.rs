//! `views`: the tables that people look at, folded from the record.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use clap::Subcommand;
use proto::api::{Page, RebuildAsked, ViewsStatus};
use proto::refusal::Code;

use crate::arguments::{Gateway, Listing};
use crate::client::Client;
use crate::failure::{Failure, Outcome};
use crate::output::{self, Column};

const COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("NODE", "/node"),
    ("STATE", "/state"),
    ("POSITION", "/position"),
    ("LAST", "/last"),
    ("BEHIND", "/behind"),
    ("AT", "/at"),
    ("PROBLEM", "/problem/text"),
];

/// How often a rebuild is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The audit views.
#[derive(Debug, Subcommand)]
pub(crate) enum Views {
    /// Show how far they are behind the record, in each home; exit status 1 when one does not go on
    Status {
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
    },
    /// Drop them and fold them anew from the record, and wait until they are as far as it is
    ///
    /// What is dropped is what the gateway's node folds: its own chain and the control plane's.
    /// Until it is done the views show what is folded so far. A rebuild that is broken off goes on
    /// where it was.
    Rebuild {
        /// In which home: embedded or postgres
        #[arg(long, default_value = "embedded")]
        home: String,
        /// Do not wait
        #[arg(long)]
        no_wait: bool,
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
    },
}

/// Runs one of them.
pub(crate) async fn run(views: Views) -> Outcome {
    match views {
        Views::Status { gateway, listing } => {
            let rows = look(&Client::new(&gateway)?).await?;
            output::rows(listing.output, COLUMNS, &rows)?;
            rows.iter().find_map(problem).map_or(Ok(()), Err)
        }
        Views::Rebuild { home, no_wait, gateway, listing } => {
            let client = Client::new(&gateway)?;
            let asked = RebuildAsked { home: home.clone() };
            let _: Page<ViewsStatus> = client.post("/v1/views/rebuild", &asked).await?;
            let row =
                if no_wait { one(&client, &home).await? } else { follow(&client, &home).await? };
            output::rows(listing.output, COLUMNS, std::slice::from_ref(&row))?;
            problem(&row).map_or(Ok(()), Err)
        }
    }
}

async fn look(client: &Client) -> Outcome<Vec<ViewsStatus>> {
    client.list("/v1/views/status", &[]).await
}

async fn one(client: &Client, home: &str) -> Outcome<ViewsStatus> {
    let found = look(client).await?.into_iter().find(|row| row.id == home);
    found.ok_or_else(|| Failure::new(Code::NotFound, format!("there are no views {home} any more")))
}

/// Shows how far a rebuild is, until it is done or cannot go on.
async fn follow(client: &Client, home: &str) -> Outcome<ViewsStatus> {
    // What came after the rebuild began need not be waited for.
    let until = one(client, home).await?.last;
    loop {
        let row = one(client, home).await?;
        let rebuilt = row.state != "rebuilding" && row.position >= until;
        if std::io::stderr().is_terminal() {
            let percent = row.position.min(until) * 100 / until.max(1);
            write!(std::io::stderr(), "\r{percent:3} %  {} of {until} events", row.position)?;
            if rebuilt {
                writeln!(std::io::stderr())?;
            }
        }
        if rebuilt || problem(&row).is_some() {
            return Ok(row);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn problem(row: &ViewsStatus) -> Option<Failure> {
    let told = row.problem.as_ref()?;
    Some(Failure::new(told.code, format!("views {}: {}", row.id, told.text)))
}
