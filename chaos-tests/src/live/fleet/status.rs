//! What a node says of its cluster.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Fleet;
use crate::live::wait::{SHORT, until};

/// How the cluster is, as one node knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The leader, if it knows one.
    pub leader: Option<String>,
    /// The term of Raft.
    pub term: u64,
    /// Nodes that vote, the leader among them.
    pub voters: Vec<String>,
    /// Whether the node has contact with a majority.
    pub has_contact: bool,
    /// The revision of the policy in force.
    pub policy_revision: u64,
    /// How each node stands, e.g. `lost`.
    pub presence: Vec<(String, String)>,
}

impl Fleet {
    /// What a node says of the cluster.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn status(&self, name: &str) -> Result<Status> {
        let said = self.try_administer(name, &["cluster", "status", "--output", "json"])?;
        // Its exit status is 1 when something is wrong in the cluster; it says so all the same.
        let Ok(json) = serde_json::from_str::<Value>(&said.text()) else {
            bail!("cluster status of {name}: {}{}", said.text(), said.said());
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let rows = json["nodes"].as_array().context("cluster status lists nodes")?;
        let voters = rows.iter().filter(|row| row["role"] == "leader" || row["role"] == "voter");
        Ok(Status {
            leader: json["leader"].as_str().map(str::to_owned),
            term: json["term"].as_u64().unwrap_or_default(),
            voters: voters.map(|row| text(&row["id"])).collect(),
            has_contact: json["has_contact"] == true,
            policy_revision: json["policy_revision"].as_u64().unwrap_or_default(),
            presence: rows.iter().map(|row| (text(&row["id"]), text(&row["presence"]))).collect(),
        })
    }

    /// The leader, once one of some nodes has contact and knows one of them as it.
    ///
    /// # Errors
    /// When there is none in time.
    pub fn leader_among(&self, names: &[&str]) -> Result<String> {
        until("a leader", SHORT, || {
            for name in names {
                let Ok(status) = self.status(name) else { continue };
                let leader = status.leader.filter(|leader| names.contains(&leader.as_str()));
                if let (Some(leader), true) = (leader, status.has_contact) {
                    return Ok(Some(leader));
                }
            }
            Ok(None)
        })
    }

    /// The leader of the whole fleet.
    ///
    /// # Errors
    /// When there is none in time.
    pub fn leader(&self) -> Result<String> {
        let names = self.names();
        self.leader_among(&names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// All nodes but some.
    #[must_use]
    pub fn others(&self, without: &[&str]) -> Vec<String> {
        let mut names = self.names();
        names.retain(|name| !without.contains(&name.as_str()));
        names
    }
}
