//! The name of a node in its certificate: `sallyport://CLUSTER/NODE/RAFT_ID`.

use std::fmt;
use std::str::FromStr;

use proto::ids::Name;

const SCHEME: &str = "sallyport://";

/// Which node of which cluster. A disk that was replaced has another Raft id, and is another node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PeerName {
    /// The cluster.
    pub cluster: Name,
    /// The node.
    pub node: Name,
    /// Its Raft id.
    pub raft_id: u64,
}

/// Text that is not the name of a node.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not the name of a node (sallyport://CLUSTER/NODE/RAFT_ID)")]
pub struct NotAPeerName(String);

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cluster, node, raft_id } = self;
        write!(f, "{SCHEME}{cluster}/{node}/{raft_id}")
    }
}

impl FromStr for PeerName {
    type Err = NotAPeerName;

    fn from_str(text: &str) -> Result<Self, NotAPeerName> {
        let not = || NotAPeerName(text.chars().take(200).collect());
        let mut parts = text.strip_prefix(SCHEME).ok_or_else(not)?.split('/');
        let (Some(cluster), Some(node), Some(raft_id), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(not());
        };
        let name = Self {
            cluster: cluster.parse().map_err(|_| not())?,
            node: node.parse().map_err(|_| not())?,
            raft_id: raft_id.parse().map_err(|_| not())?,
        };
        // One node has one name: `+1` and `01` are no other ways to write it.
        if name.to_string() == text { Ok(name) } else { Err(not()) }
    }
}
