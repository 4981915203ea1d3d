//! Adding a node: a file for it, then waiting until it votes.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use proto::api::{ClusterStatus, NodeRole};
use proto::ids::Name;
use proto::refusal::Code;

use super::{join_token, status};
use crate::arguments::Listing;
use crate::client::Client;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::private::write_private;

/// How often the cluster is asked how far it is.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Makes the file, says what to do with it, and waits.
pub(super) async fn run(
    client: &Client,
    node: &Name,
    join_file: &Path,
    wait: Duration,
    listing: Listing,
) -> Outcome {
    let before: ClusterStatus = client.get("/v1/cluster/status").await?;
    if status::role(&before, node).is_some() {
        let text = format!(
            "{node} is or was a node of this cluster; names are never reused: choose another"
        );
        return Err(Failure::new(Code::BadRequest, text));
    }
    let given = join_token(client).await?;
    write_private(join_file, given.join_file.as_bytes())?;
    let minutes = given.expires_in / 60;
    let path = join_file.display();
    let text = format!(
        "{path} lets one node join, once, within {minutes} minutes. On the new machine: sallyport \
         serve --config node.yaml --join-file {path}"
    );
    say(&text)?;
    match tokio::time::timeout(wait, votes(client, node)).await {
        Ok(Ok(now)) => {
            let row: Vec<_> = now.nodes.iter().filter(|row| row.id == *node).collect();
            output::rows(listing.output, status::NODES, &row)
        }
        Ok(Err(failure)) => Err(failure),
        Err(_) => {
            let text = format!(
                "{node} does not vote yet; what it does shows in `sallyport cluster status`"
            );
            Err(Failure::new(Code::PeerUnreachable, text))
        }
    }
}

/// Waits until a node votes; each step is said on standard error.
async fn votes(client: &Client, node: &Name) -> Outcome<ClusterStatus> {
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut said = None;
    loop {
        look.tick().await;
        let now: ClusterStatus = client.get("/v1/cluster/status").await?;
        let role = status::role(&now, node);
        if matches!(role, Some(NodeRole::Voter | NodeRole::Leader)) {
            return Ok(now);
        }
        if said != Some(role) {
            said = Some(role);
            say(&match role {
                None => format!("waiting for {node} to join"),
                Some(role) => format!("{node} has joined, and is {role} until it has caught up"),
            })?;
        }
    }
}

fn say(text: &str) -> Outcome {
    writeln!(std::io::stderr(), "sallyport: {text}")?;
    Ok(())
}
