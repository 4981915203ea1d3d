//! The policy in force: seen, compared and changed through a gateway.

use std::io::Write as _;
use std::path::Path;

use proto::api::{PolicyApplied, PolicyAsked, PolicyNow, PolicyRevisionRow, RollbackAsked};
use proto::refusal::Code;

use crate::arguments::{Gateway, Listing};
use crate::client::Client;
use crate::diff::{Side, shown};
use crate::documents;
use crate::failure::{Failure, Outcome};
use crate::output::{self, Column};
use crate::terminal::safe;

/// How revisions are listed.
pub(crate) const COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("AT", "/at"),
    ("BY", "/by"),
    ("APPROVAL", "/approval"),
    ("IN FORCE", "/in_force"),
    ("DIGEST", "/digest"),
];

/// Prints a policy's exact text.
pub(super) async fn show(gateway: &Gateway, revision: Option<u64>) -> Outcome {
    let policy = document(&Client::new(gateway)?, revision).await?;
    output::print(&policy.document)
}

/// Prints what differs.
pub(super) async fn diff(
    gateway: &Gateway,
    file: Option<&Path>,
    from: Option<u64>,
    to: Option<u64>,
) -> Outcome {
    let client = Client::new(gateway)?;
    let before = match (document(&client, from).await, from) {
        (Ok(policy), _) => policy,
        // Before the first policy there is nothing, and all of the file is new.
        (Err(Failure::Told(told)), None) if told.code == Code::NotFound => {
            PolicyNow { revision: 0, digest: proto::ids::Digest::ZERO, document: String::new() }
        }
        (Err(failure), _) => return Err(failure),
    };
    let name = |policy: &PolicyNow| format!("revision {}", policy.revision);
    let (after, after_name) = match file {
        Some(path) => (documents::text(path, Code::PolicyWrong)?, path.display().to_string()),
        None => {
            let policy = document(&client, to).await?;
            let name = name(&policy);
            (policy.document, name)
        }
    };
    let before = Side { name: &name(&before), text: &before.document };
    let after = Side { name: &after_name, text: &after };
    output::print(&shown(before, after))
}

/// Puts a policy into force.
pub(super) async fn apply(
    gateway: &Gateway,
    listing: Listing,
    file: &Path,
    expected_revision: Option<u64>,
) -> Outcome {
    let document = documents::text(file, Code::PolicyWrong)?;
    let file = Some(file.display().to_string());
    let body = PolicyAsked { document, file, expected_revision };
    let applied = Client::new(gateway)?.post("/v1/policy", &body).await?;
    told(listing, &applied)
}

/// Lists all revisions.
pub(super) async fn history(gateway: &Gateway, listing: Listing) -> Outcome {
    let client = Client::new(gateway)?;
    let rows: Vec<PolicyRevisionRow> = client.list("/v1/policy/revisions", &[]).await?;
    output::rows(listing.output, COLUMNS, &rows)
}

/// Puts an earlier document into force again.
pub(super) async fn rollback(
    gateway: &Gateway,
    listing: Listing,
    revision: u64,
    expected_revision: Option<u64>,
) -> Outcome {
    let body = RollbackAsked { revision, expected_revision };
    let applied = Client::new(gateway)?.post("/v1/policy/rollback", &body).await?;
    told(listing, &applied)
}

fn told(listing: Listing, applied: &PolicyApplied) -> Outcome {
    output::one(listing.output, applied)?;
    let mut out = std::io::stderr();
    for warning in &applied.warnings {
        writeln!(out, "warning: {}", safe(warning))?;
    }
    if let Some(id) = applied.approval {
        writeln!(
            out,
            "sallyport: it waits for a second person: `sallyport approvals show {id}`, then \
             `sallyport approvals approve {id} --reason …`"
        )?;
    }
    Ok(())
}

/// A policy's text: the one in force, or that of a revision.
async fn document(client: &Client, revision: Option<u64>) -> Outcome<PolicyNow> {
    match revision {
        None => client.get("/v1/policy").await,
        Some(revision) => client.get(&format!("/v1/policy/revisions/{revision}")).await,
    }
}
