//! How the cluster is.

use proto::api::{ClusterStatus, NodeRole};
use proto::refusal::Code;
use serde_json::json;

use crate::arguments::Listing;
use crate::client::Client;
use crate::failure::{Failure, Outcome};
use crate::output::{self, Column, Format};

/// How nodes are listed.
pub(super) const NODES: &[Column] = &[
    ("ID", "/id"),
    ("ROLE", "/role"),
    ("PRESENCE", "/presence"),
    ("SINCE", "/since"),
    ("EPOCH", "/epoch"),
    ("VERSION", "/version"),
    ("API", "/api_address"),
    ("HEARD MS", "/heard_ms"),
    ("BEHIND", "/behind"),
];

const PROBLEMS: &[Column] = &[("ID", "/id"), ("CODE", "/code"), ("PROBLEM", "/text")];

/// Shows it; fails when something is wrong.
pub(super) async fn run(client: &Client, listing: Listing) -> Outcome {
    let status: ClusterStatus = client.get("/v1/cluster/status").await?;
    match Format::or_fitting(listing.output) {
        Format::Table => table(&status)?,
        other => output::one(Some(other), &status)?,
    }
    let Some(first) = status.problems.first() else { return Ok(()) };
    let more = match status.problems.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let text = format!("{}: {}{more}", first.node, first.told.text);
    Err(Failure::new(first.told.code, text))
}

fn table(status: &ClusterStatus) -> Outcome {
    let mut about =
        serde_json::to_value(status).map_err(|error| Failure::new(Code::Internal, error))?;
    if let Some(fields) = about.as_object_mut() {
        fields.remove("nodes");
        fields.remove("problems");
    }
    output::one(Some(Format::Table), &about)?;
    output::print("\n")?;
    output::rows(Some(Format::Table), NODES, &status.nodes)?;
    if status.problems.is_empty() {
        return Ok(());
    }
    output::print("\n")?;
    let problem = |problem: &proto::api::ClusterProblem| {
        let proto::refusal::Told { code, text } = &problem.told;
        json!({ "id": problem.node, "code": code, "text": text })
    };
    let rows: Vec<_> = status.problems.iter().map(problem).collect();
    output::rows(Some(Format::Table), PROBLEMS, &rows)
}

/// What a node does, in a word; nothing when there is no such node.
pub(super) fn role(status: &ClusterStatus, node: &proto::ids::Name) -> Option<NodeRole> {
    status.nodes.iter().find(|row| row.id == *node).map(|row| row.role)
}
