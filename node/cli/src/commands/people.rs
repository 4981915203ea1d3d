//! `people`: who may use the gateway.

use clap::Subcommand;
use proto::api::{DocumentApplied, PersonRow, RemovalAsked};
use proto::ids::Name;
use proto::refusal::Code;

use crate::arguments::{Gateway, Listing};
use crate::client::Client;
use crate::documents::{self, Document};
use crate::failure::Outcome;
use crate::output::{self, Column};

const COLUMNS: &[Column] =
    &[("ID", "/id"), ("GROUPS", "/groups"), ("SSH KEYS", "/ssh_keys"), ("PASSWORD", "/password")];

/// People who may use the gateway.
#[derive(Debug, Subcommand)]
pub(crate) enum People {
    /// Apply a people file: its people, and no others, are those of the cluster
    ///
    /// Variables that it names for passwords are those of the node.
    Apply {
        #[command(flatten)]
        document: Document,
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
    },
    /// List people, with their groups and the fingerprints of their keys
    List {
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
    },
    /// Take a person out: their live sessions end
    Remove {
        /// The person
        name: Name,
        /// Only when the people are at this revision
        #[arg(long, value_name = "REVISION")]
        expect_revision: Option<u64>,
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
    },
}

/// Runs one of them.
pub(crate) async fn run(people: People) -> Outcome {
    match people {
        People::Apply { document, gateway, listing } => {
            let body = document.read(Code::PeopleWrong)?;
            let applied = Client::new(&gateway)?.post("/v1/people", &body).await?;
            documents::told(listing, &applied)
        }
        People::List { gateway, listing } => {
            let rows: Vec<PersonRow> = Client::new(&gateway)?.list("/v1/people", &[]).await?;
            output::rows(listing.output, COLUMNS, &rows)
        }
        People::Remove { name, expect_revision, gateway, listing } => {
            let path = format!("/v1/people/{name}/remove");
            let body = RemovalAsked { expected_revision: expect_revision };
            let applied: DocumentApplied = Client::new(&gateway)?.post(&path, &body).await?;
            documents::told(listing, &applied)
        }
    }
}
