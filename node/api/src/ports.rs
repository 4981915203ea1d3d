//! What the API needs of the other nodes, and of the part of its own that agrees with them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use node_session::Boxed;
use node_session::seal::backup::Recipient;
use proto::api::{ClusterProblem, JoinTokenGiven, SessionListed, Watched};
use proto::entry::By;
use proto::ids::{Chain, Name, SessionId};
use proto::refusal::Told;
use tokio::sync::mpsc;

/// The sessions of other nodes; [`crate::Api`] answers their questions about this one's. Each call
/// is bounded: what a node does not answer in time is told as
/// [`proto::refusal::Code::PeerUnreachable`].
pub trait Fleet: Send + Sync + 'static {
    /// The newest sessions of another node, at most `limit`; only those that go on, if so asked.
    fn sessions<'a>(
        &'a self,
        node: &'a Name,
        live: bool,
        limit: usize,
    ) -> Boxed<'a, Result<Vec<SessionListed>, Told>>;

    /// What is let through in a session of another node, from now on. The last item is
    /// [`Watched::Over`] or [`Watched::Broken`]; a channel that ends without one broke off.
    fn watch<'a>(
        &'a self,
        node: &'a Name,
        session: &'a SessionId,
    ) -> Boxed<'a, Result<mpsc::Receiver<Watched>, Told>>;

    /// Ends a session of another node; whether it was live there.
    fn kill<'a>(
        &'a self,
        node: &'a Name,
        session: &'a SessionId,
        by: &'a By,
        reason: &'a str,
    ) -> Boxed<'a, Result<bool, Told>>;
}

/// The chains of all nodes, wherever they are kept beside those nodes: the replicated stream.
pub trait Chains: Send + Sync + 'static {
    /// The exact bytes of a chain's events from a place on, in order and without a gap, each
    /// following the one before by its hash: at most `limit`, fewer when they are large, none only
    /// at the end of what is kept.
    fn read<'a>(
        &'a self,
        chain: &'a Chain,
        from: u64,
        limit: usize,
    ) -> Boxed<'a, Result<Vec<Bytes>, Told>>;
}

/// What a node knows about how the nodes agree.
#[derive(Clone, Debug, Default)]
pub struct Agreement {
    /// Who leads.
    pub leader: Option<Name>,
    /// The term of Raft.
    pub term: u64,
    /// Who votes, the leader included.
    pub voters: BTreeSet<Name>,
    /// Who only listens.
    pub learners: BTreeSet<Name>,
    /// How long ago this node heard of each other one, in milliseconds.
    pub heard_ms: BTreeMap<Name, u64>,
    /// How far the log of each is behind, in entries; only the leader knows.
    pub behind: BTreeMap<Name, u64>,
    /// What is wrong: a clock that is off, a log that stopped, what other nodes said of themselves.
    pub problems: Vec<ClusterProblem>,
}

/// The cluster, as one node of it changes it.
pub trait Cluster: Send + Sync + 'static {
    /// How the nodes agree, as this node knows it now.
    fn agreement(&self) -> Agreement;

    /// Whether this node leads.
    fn leads(&self) -> bool;

    /// Makes a token by which one node may join.
    fn join_token(&self, by: By) -> Boxed<'_, Result<JoinTokenGiven, Told>>;

    /// Takes a node out: its votes first, then its name.
    fn remove(&self, node: Name, by: By) -> Boxed<'_, Result<(), Told>>;

    /// All that the control plane knows, encrypted.
    fn backup(&self, recipient: Recipient) -> Boxed<'_, Result<Vec<u8>, Told>>;
}
