//! Who is a member and who leads, as Raft on this node knows it now.

use std::collections::BTreeMap;

use openraft::{AsyncRuntime, RaftMetrics, ServerState};

use crate::ports::Member;
use crate::types::{Raft, Seat};

type Metrics = RaftMetrics<u64, Seat>;

/// What Raft says of itself, at one moment.
pub(crate) struct Seats(pub(crate) Metrics);

impl Seats {
    pub(crate) fn of<R: AsyncRuntime>(raft: &Raft<R>) -> Self {
        Self(raft.metrics().borrow().clone())
    }

    pub(crate) fn leader(&self) -> Option<Member> {
        self.member(self.0.current_leader?)
    }

    pub(crate) fn leads(&self) -> bool {
        self.0.state == ServerState::Leader && self.0.current_leader == Some(self.0.id)
    }

    pub(crate) fn member(&self, raft_id: u64) -> Option<Member> {
        let seat = self.0.membership_config.membership().get_node(&raft_id)?;
        Some(Member { raft_id, node: seat.node.clone(), address: seat.address.clone() })
    }

    pub(crate) fn members(&self) -> BTreeMap<u64, Seat> {
        let nodes = self.0.membership_config.membership().nodes();
        nodes.map(|(raft_id, seat)| (*raft_id, seat.clone())).collect()
    }

    pub(crate) fn others(&self) -> Vec<Member> {
        let ids = self.members().into_keys().filter(|raft_id| *raft_id != self.0.id);
        ids.filter_map(|raft_id| self.member(raft_id)).collect()
    }

    pub(crate) fn voters(&self) -> Vec<u64> {
        self.0.membership_config.membership().voter_ids().collect()
    }

    pub(crate) fn is_voter(&self) -> bool {
        self.voters().contains(&self.0.id)
    }

    /// Up to where a peer has the log, as its leader knows.
    pub(crate) fn matched(&self, raft_id: u64) -> Option<u64> {
        let progress = self.0.replication.as_ref()?.get(&raft_id)?;
        Some(progress.map_or(0, |at| at.index))
    }
}
