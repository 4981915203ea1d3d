//! How a replica stands, for people and metrics.

use std::time::Duration;

use openraft::AsyncRuntime;

use crate::replica::Replica;

/// How a replica stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// This node's Raft id.
    pub raft_id: u64,
    /// Who leads, as far as this node knows.
    pub leader: Option<u64>,
    /// The term of its vote.
    pub term: u64,
    /// Who votes.
    pub voters: Vec<u64>,
    /// Who listens and does not vote.
    pub learners: Vec<u64>,
    /// The last entry of its log.
    pub last_log: Option<u64>,
    /// The last entry of the log that it has applied.
    pub applied_log: Option<u64>,
    /// The control index that it has applied.
    pub applied: u64,
    /// The last entry of the log that is in its snapshot.
    pub snapshot: Option<u64>,
    /// Whether it runs, and why it stopped.
    pub running: Result<(), String>,
    /// How far its clock is off its peers', when it may not lead for that.
    pub clock_off: Option<Duration>,
    /// For the leader: up to where each member has the log.
    pub replication: Vec<(u64, Option<u64>)>,
}

impl<R: AsyncRuntime> Replica<R> {
    /// How long ago a peer was heard of; nothing when it never was.
    #[must_use]
    pub fn heard_ago(&self, raft_id: u64) -> Option<Duration> {
        let heard = self.peers.last_heard(raft_id)?;
        Some(self.now().saturating_sub(heard))
    }

    /// Whether this node leads, as far as it knows: at once, and again when that changes. A former
    /// leader that is cut off learns of it late.
    pub async fn leads_otherwise(&self, than: bool) {
        let me = self.config.raft_id;
        let mut metrics = self.raft.metrics();
        let other = metrics.wait_for(|now| (now.current_leader == Some(me)) != than).await;
        // Without a Raft nobody leads any more.
        if other.map(|_| ()).is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// How it stands now.
    #[must_use]
    pub fn status(&self) -> Status {
        let seats = self.seats();
        let membership = seats.0.membership_config.membership();
        let voters = seats.voters();
        let learners = membership.learner_ids().collect();
        let replication = seats.0.replication.clone().unwrap_or_default();
        let replication = replication.into_iter().map(|(id, at)| (id, at.map(|at| at.index)));
        Status {
            raft_id: self.config.raft_id,
            leader: seats.0.current_leader,
            term: seats.0.current_term,
            voters,
            learners,
            last_log: seats.0.last_log_index,
            applied_log: seats.0.last_applied.map(|at| at.index),
            applied: self.with_state(consensus_state::State::applied),
            snapshot: seats.0.snapshot.map(|at| at.index),
            running: self.running(),
            clock_off: *self.clock_off.lock(),
            replication: replication.collect(),
        }
    }
}
