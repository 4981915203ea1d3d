//! Changing the state, from any node: at the leader directly, elsewhere by way of it; and reading
//! what is surely true.

use std::time::Duration;

use bytes::Bytes;
use consensus_state::planted::{Bug, planted};
use openraft::{AsyncRuntime, Instant};
use proto::entry::{BadProposal, Entry, Proposal};
use proto::peer::raft::{Ask, ReadAnswer, Tell};
use tokio::sync::oneshot;

use crate::bundler;
use crate::config::{PROPOSE_DEADLINE, READ_DEADLINE, RETRY_PAUSE};
use crate::error::{Answer, ProposeError, ReadError};
use crate::lanes::Lane;
use crate::machine::Applied;
use crate::proposer::{self, Outcome};
use crate::replica::Replica;

/// A read that was answered.
pub(crate) struct Read {
    /// The control index that this node had applied by then.
    pub(crate) applied: u64,
    /// When the attempt was sent that was answered, on the clock that counts suspend.
    pub(crate) sent_at: Duration,
}

impl<R: AsyncRuntime> Replica<R> {
    /// Proposes a change and waits until it is applied here; at most [`PROPOSE_DEADLINE`].
    ///
    /// It is handed over again, under the same number, whenever its fate is unclear, so it has one
    /// effect or none.
    ///
    /// # Errors
    /// [`ProposeError::NoQuorum`] when it surely had no effect, [`ProposeError::Unknown`] when
    /// nobody knows.
    pub async fn propose(&self, entry: Entry) -> Result<Answer, ProposeError> {
        let until = R::Instant::now() + PROPOSE_DEADLINE;
        let lane = R::timeout_at(until, self.lanes.take()).await;
        let lane = lane.ok().flatten().ok_or(ProposeError::Busy)?;
        self.propose_in(&lane, entry, until).await
    }

    /// Tells the cluster something without waiting: it is proposed in the background until it is
    /// applied, or this node stops.
    ///
    /// # Errors
    /// [`ProposeError::Busy`] when too much waits to be told already.
    pub fn tell(&self, entry: Entry) -> Result<(), ProposeError> {
        self.running().map_err(ProposeError::Stopped)?;
        self.tells.try_send(entry).map_err(|_| ProposeError::Busy)
    }

    /// Waits until this node has applied all that was decided before the call, as a quorum confirms
    /// meanwhile; at most [`READ_DEADLINE`]. Gives the control index that it has applied.
    ///
    /// # Errors
    /// [`ReadError::NoQuorum`] when no quorum confirms in time.
    pub async fn read(&self) -> Result<u64, ReadError> {
        self.read_by(READ_DEADLINE).await.map(|read| read.applied)
    }

    /// Attempts follow each other until one is answered.
    pub(crate) async fn read_by(&self, deadline: Duration) -> Result<Read, ReadError> {
        let until = R::Instant::now() + deadline;
        if planted(Bug::StaleReads) {
            let applied = self.shared.applied.borrow().control;
            return Ok(Read { applied, sent_at: self.now() });
        }
        loop {
            self.running().map_err(ReadError::Stopped)?;
            let sent_at = self.now();
            let asked = R::timeout_at(until, self.read_index()).await;
            match asked {
                Ok(ReadAnswer::At(at)) => {
                    let end = at.map_or(0, |at| at.index + 1);
                    let applied = self.wait(until, |applied| applied.log_end >= end).await;
                    let read = |applied: Applied| Read { applied: applied.control, sent_at };
                    return applied.map(read).ok_or(ReadError::NoQuorum);
                }
                Ok(ReadAnswer::NotLeader(_) | ReadAnswer::NoQuorum) => {}
                Err(_) => return Err(ReadError::NoQuorum),
            }
            self.pause(until).await.ok_or(ReadError::NoQuorum)?;
        }
    }

    async fn read_index(&self) -> ReadAnswer {
        let Some(leader) = self.seats().leader() else { return ReadAnswer::NoQuorum };
        if leader.raft_id == self.config.raft_id {
            return self.confirm_leadership().await;
        }
        tokio::select! {
            biased;
            told = self.peers.ask(&leader, Ask::Read, READ_DEADLINE) => match told {
                Ok(Tell::Read(answer)) => answer,
                Ok(_) | Err(_) => ReadAnswer::NoQuorum,
            },
            () = bundler::another_leads(&self.raft, leader.raft_id) => ReadAnswer::NoQuorum,
        }
    }

    /// Asks a quorum whether this node leads, together with whoever else asks that now.
    pub(crate) async fn confirm_leadership(&self) -> ReadAnswer {
        let (answer, confirmed) = oneshot::channel();
        if self.reads.try_send(answer).is_err() {
            return ReadAnswer::NoQuorum;
        }
        confirmed.await.unwrap_or(ReadAnswer::NoQuorum)
    }

    pub(crate) async fn propose_in(
        &self,
        lane: &Lane,
        entry: Entry,
        until: R::Instant,
    ) -> Result<Answer, ProposeError> {
        let (client, request) = (lane.client.clone(), lane.request);
        let proposal = Proposal { client, request, entry };
        let mut bytes = None;
        let mut maybe = false;
        loop {
            // What an earlier attempt handed over may be decided without this node.
            let stopped =
                |why| if maybe { ProposeError::Unknown } else { ProposeError::Stopped(why) };
            self.running().map_err(stopped)?;
            let attempt = self.attempt(&proposal, &mut bytes);
            match R::timeout_at(until, attempt).await.unwrap_or(Outcome::Maybe) {
                Outcome::Applied { index, reply } => {
                    // Known to be done; but a caller goes on by what it sees in the state here.
                    let applied = self.wait(until, |applied| applied.control >= index).await;
                    return applied.map(|_| Answer { index, reply }).ok_or(ProposeError::Unknown);
                }
                Outcome::NotTaken => {}
                Outcome::Maybe => maybe = true,
                Outcome::Refused(why) => return Err(ProposeError::TooLarge(why)),
                Outcome::Stopped(why) if !maybe => return Err(ProposeError::Stopped(why)),
                Outcome::Stopped(_) => return Err(ProposeError::Unknown),
            }
            let given_up = if maybe { ProposeError::Unknown } else { ProposeError::NoQuorum };
            self.pause(until).await.ok_or(given_up)?;
        }
    }

    /// One attempt at whoever leads. The bytes are made at most once.
    async fn attempt(&self, proposal: &Proposal, bytes: &mut Option<Bytes>) -> Outcome {
        let (answer, outcome) = oneshot::channel();
        match self.seats().0.current_leader {
            None => return Outcome::NotTaken,
            Some(leader) if leader == self.config.raft_id => {
                if self.is_leaving() {
                    return Outcome::NotTaken;
                }
                let waiting = proposer::Waiting { proposal: proposal.clone(), answer };
                if self.local.send(waiting).await.is_err() {
                    return Outcome::NotTaken;
                }
            }
            Some(_) => {
                let bytes = match bytes {
                    Some(bytes) => bytes.clone(),
                    None => match to_bytes(proposal) {
                        Ok(made) => bytes.insert(made).clone(),
                        Err(error) => return Outcome::Refused(error.to_string()),
                    },
                };
                if self.bundles.send(bundler::Waiting { bytes, answer }).await.is_err() {
                    return Outcome::NotTaken;
                }
            }
        }
        outcome.await.unwrap_or(Outcome::Maybe)
    }

    /// Waits for what this node has applied, at most until a time.
    pub(crate) async fn wait(
        &self,
        until: R::Instant,
        is_there: impl Fn(&Applied) -> bool + Send + Sync,
    ) -> Option<Applied> {
        let now = *self.shared.applied.borrow();
        if is_there(&now) {
            return Some(now);
        }
        let mut applied = self.shared.applied.subscribe();
        let reached = async move {
            let reached = applied.wait_for(|applied| is_there(applied)).await;
            reached.ok().map(|reached| *reached)
        };
        R::timeout_at(until, reached).await.ok()?
    }

    /// Waits a little before the next attempt; nothing when there is no time for one.
    async fn pause(&self, until: R::Instant) -> Option<()> {
        if R::Instant::now() + RETRY_PAUSE >= until {
            return None;
        }
        R::sleep(RETRY_PAUSE).await;
        Some(())
    }
}

fn to_bytes(proposal: &Proposal) -> Result<Bytes, BadProposal> {
    proposal.to_bytes().map(Bytes::from)
}
