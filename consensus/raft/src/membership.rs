//! Changing who is a member, and giving leadership away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use openraft::error::{ClientWriteError, RaftError};
use openraft::{AsyncRuntime, ChangeMembers, Instant};
use proto::peer::raft::Ask;

use crate::error::ChangeError;
use crate::ports::Member;
use crate::replica::Replica;
use crate::types::Seat;

/// A change of the configuration is decided within this time, or given up on.
const CHANGE_DEADLINE: Duration = Duration::from_secs(10);
/// Another node leads within this time after this one lets go.
const STEP_DOWN_DEADLINE: Duration = Duration::from_secs(6);
/// A successor is asked again after this time.
const STEP_DOWN_PAUSE: Duration = Duration::from_millis(100);
/// A successor answers within this time.
const ELECT_DEADLINE: Duration = Duration::from_millis(500);

impl<R: AsyncRuntime> Replica<R> {
    /// Makes a node a learner: it gets the log and does not vote.
    ///
    /// # Errors
    /// [`ChangeError::NotLeader`] elsewhere than at the leader.
    pub async fn add_learner(&self, member: Member) -> Result<(), ChangeError> {
        let Member { raft_id, node, address } = member;
        let nodes = BTreeMap::from([(raft_id, Seat { node, address })]);
        self.change(ChangeMembers::AddNodes(nodes)).await
    }

    /// Makes a learner a voter.
    ///
    /// # Errors
    /// [`ChangeError::NotLeader`] elsewhere than at the leader.
    pub async fn promote(&self, raft_id: u64) -> Result<(), ChangeError> {
        self.change(ChangeMembers::AddVoterIds(BTreeSet::from([raft_id]))).await
    }

    /// Takes a node out. A leader cannot take itself out: it steps down, and the next one does it.
    ///
    /// # Errors
    /// [`ChangeError::NotLeader`] elsewhere than at the leader.
    pub async fn remove(&self, raft_id: u64) -> Result<(), ChangeError> {
        let ids = BTreeSet::from([raft_id]);
        let is_voter = self.seats().voters().contains(&raft_id);
        if is_voter {
            return self.change(ChangeMembers::RemoveVoters(ids)).await;
        }
        self.change(ChangeMembers::RemoveNodes(ids)).await
    }

    pub(crate) async fn change(&self, change: ChangeMembers<u64, Seat>) -> Result<(), ChangeError> {
        let changed = self.raft.change_membership(change, false);
        match R::timeout(CHANGE_DEADLINE, changed).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(RaftError::APIError(ClientWriteError::ForwardToLeader(to)))) => {
                Err(ChangeError::NotLeader(to.leader_id))
            }
            Ok(Err(error)) => Err(ChangeError::Refused(error.to_string())),
            Err(_) => Err(ChangeError::TimedOut),
        }
    }

    /// Gives leadership away, if this node has it: it takes no more writes, and the voter that is
    /// furthest stands for election. Gives whether this node does not lead any more.
    pub async fn step_down(&self) -> bool {
        if !self.seats().leads() {
            return true;
        }
        self.leaving.store(true, Ordering::Relaxed);
        self.raft.runtime_config().elect(false);
        self.raft.runtime_config().heartbeat(false);
        let until = R::Instant::now() + STEP_DOWN_DEADLINE;
        while self.seats().leads() && R::Instant::now() < until {
            if let Some(successor) = self.successor() {
                // It may refuse, or lose; then it is asked again, or the next one is.
                self.peers.ask(&successor, Ask::Elect, ELECT_DEADLINE).await.ok();
            } else if self.seats().voters().len() == 1 {
                break;
            }
            R::sleep(STEP_DOWN_PAUSE).await;
        }
        self.raft.runtime_config().heartbeat(true);
        self.raft.runtime_config().elect(self.clock_off.lock().is_none() && self.takes_part());
        self.leaving.store(false, Ordering::Relaxed);
        !self.seats().leads()
    }

    /// The voter that has most of the log.
    fn successor(&self) -> Option<Member> {
        let seats = self.seats();
        let me = self.config.raft_id;
        let others = seats.voters().into_iter().filter(|raft_id| *raft_id != me);
        let furthest = others.max_by_key(|raft_id| seats.matched(*raft_id))?;
        seats.member(furthest)
    }
}
