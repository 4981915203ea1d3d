//! `people`: who may use the gateway.

use clap::Subcommand;
use proto::api::PersonRow;

use crate::arguments::{Gateway, Listing};
use crate::client::Client;
use crate::failure::Outcome;
use crate::output::{self, Column};

const COLUMNS: &[Column] =
    &[("ID", "/id"), ("GROUPS", "/groups"), ("SSH KEYS", "/ssh_keys"), ("PASSWORD", "/password")];

/// People who may use the gateway.
#[derive(Debug, Subcommand)]
pub(crate) enum People {
    /// List people, with their groups and the fingerprints of their keys
    List {
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
    },
}

/// Runs one of them.
pub(crate) async fn run(people: People) -> Outcome {
    let People::List { gateway, listing } = people;
    let rows: Vec<PersonRow> = Client::new(&gateway)?.list("/v1/people", &[]).await?;
    output::rows(listing.output, COLUMNS, &rows)
}
