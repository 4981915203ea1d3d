//! Batching at the leader: proposals that arrive while a batch goes to the disk form the next one.
//!
//! One task forms batches, one at a time; several may be under way to the quorum. Each proposal is
//! answered: by what it was answered when it was applied, or by what is known of its fate.

use std::sync::Arc;

use bytes::Bytes;
use consensus_state::Reply;
use futures_util::future::select_ok;
use openraft::AsyncRuntime;
use openraft::error::ClientWriteError;
use proto::entry::{Batch, Entry, Proposal};
use proto::peer::raft::Ask;
use proto::time::Utc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::config::{BATCH_BYTES, BATCH_PROPOSALS, BATCHES_UNDER_WAY, CLOCK_DEADLINE};
use crate::machine::Shared;
use crate::peers::Peers;
use crate::ports::Member;
use crate::seats::Seats;
use crate::types::{Batched, Raft, Turn, spawn};

/// What one attempt made of a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was applied.
    Applied { index: u64, reply: Reply },
    /// It had no effect by this attempt, and will have none by it.
    NotTaken,
    /// It may have an effect.
    Maybe,
    /// It can never be taken.
    Refused(String),
    /// This node does nothing more.
    Stopped(String),
}

/// A proposal that waits for its batch.
pub(crate) struct Waiting {
    pub(crate) proposal: Proposal,
    pub(crate) answer: oneshot::Sender<Outcome>,
}

/// Roughly how many bytes a proposal takes.
fn weight(proposal: &Proposal) -> usize {
    /// What an entry of names and numbers takes at most, about.
    const SMALL: usize = 512;
    /// What a person, a target or a name takes, about.
    const EACH: usize = 256;
    SMALL
        + match &proposal.entry {
            Entry::PolicySet(setting) => setting.document.len(),
            Entry::PolicyProposed(proposed) => {
                proposed.setting.document.len() + proposed.approvers.len() * EACH
            }
            Entry::PeopleSet(setting) => setting.people.len() * EACH * 4,
            Entry::TargetsSet(setting) => setting.targets.len() * EACH * 4,
            Entry::ApprovalRequested(request) => {
                let approvers = request.rules.iter().map(|rule| rule.approvers.len());
                request.text.len() + approvers.sum::<usize>() * EACH / 4
            }
            Entry::SecretSet(setting) => setting.wrapped.len(),
            _ => 0,
        }
}

/// The task that forms batches.
pub(crate) struct Proposer<R: AsyncRuntime> {
    peers: Arc<Peers<R>>,
    raft: Raft<R>,
    shared: Arc<Shared>,
    waiting: mpsc::Receiver<Waiting>,
    turn: Arc<Semaphore>,
    under_way: Arc<Semaphore>,
    /// What did not fit into the last batch.
    left: Option<Waiting>,
}

impl<R: AsyncRuntime> Proposer<R> {
    pub(crate) fn new(
        peers: Arc<Peers<R>>,
        raft: Raft<R>,
        shared: Arc<Shared>,
        waiting: mpsc::Receiver<Waiting>,
    ) -> Self {
        let (turn, under_way) = (Semaphore::new(1), Semaphore::new(BATCHES_UNDER_WAY));
        let (turn, under_way) = (Arc::new(turn), Arc::new(under_way));
        Self { peers, raft, shared, waiting, turn, under_way, left: None }
    }

    /// Runs until nobody can propose any more.
    pub(crate) async fn run(mut self) {
        loop {
            let first = match self.left.take() {
                Some(left) => left,
                None => match self.waiting.recv().await {
                    Some(waiting) => waiting,
                    None => return,
                },
            };
            let under_way = Arc::clone(&self.under_way).acquire_owned().await;
            // The batch is closed as late as can be: when the one before is on this node's disk.
            let turn = Arc::clone(&self.turn).acquire_owned().await;
            let (Ok(under_way), Ok(turn)) = (under_way, turn) else { return };
            let (proposals, answers) = self.gather(first);
            if !proposals.is_empty() {
                self.submit(proposals, answers, turn, under_way).await;
            }
        }
    }

    fn gather(&mut self, first: Waiting) -> (Vec<Proposal>, Vec<oneshot::Sender<Outcome>>) {
        let (mut proposals, mut answers) = (Vec::new(), Vec::new());
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(waiting) = next.take().or_else(|| self.waiting.try_recv().ok()) {
            // Nobody waits for it any more, so it was given up without an effect.
            if waiting.answer.is_closed() {
                continue;
            }
            bytes += weight(&waiting.proposal);
            if bytes > BATCH_BYTES && !proposals.is_empty() {
                self.left = Some(waiting);
                break;
            }
            proposals.push(waiting.proposal);
            answers.push(waiting.answer);
            if proposals.len() == BATCH_PROPOSALS {
                break;
            }
        }
        (proposals, answers)
    }

    /// The time of a batch. Its wall clock counts once, and then only as far as the others bear it
    /// out: a leader that was started anew goes on to lead without having heard of anybody, so it
    /// asks.
    async fn stamp(&self, others: &[Member]) -> Utc {
        let knows = |now| self.peers.clocks.lock().know_of_peers(now);
        let asks = self.shared.pace.lock().asks_for_wall() && !others.is_empty();
        if asks && !knows(self.shared.wall.now().elapsed) {
            let ask = |peer| Box::pin(self.peers.ask(peer, Ask::Clock, CLOCK_DEADLINE));
            // The first answer does; it is in the clocks then.
            drop(select_ok(others.iter().map(ask)).await);
        }
        let now = self.shared.wall.now();
        let wall = self.peers.clocks.lock().borne_out(now, others.is_empty());
        self.shared.pace.lock().stamp(now, wall)
    }

    async fn submit(
        &self,
        proposals: Vec<Proposal>,
        answers: Vec<oneshot::Sender<Outcome>>,
        turn: OwnedSemaphorePermit,
        under_way: OwnedSemaphorePermit,
    ) {
        let seats = Seats::of(&self.raft);
        if seats.0.current_leader != Some(self.peers.me) {
            return tell_all(answers, &Outcome::NotTaken);
        }
        let at = self.stamp(&seats.others()).await;
        let batch = Batch { at, proposals };
        let bytes = match batch.to_bytes() {
            Ok(bytes) => Bytes::from(bytes),
            Err(error) => return tell_all(answers, &Outcome::Refused(error.to_string())),
        };
        metrics::histogram!("raft_batch_proposals").record(batch.proposals.len() as f64);
        let turn = Arc::new(Turn::new(turn));
        let batched = Batched { bytes, batch: Arc::new(batch), turn: Some(Arc::clone(&turn)) };
        match self.raft.client_write_ff(batched).await {
            Err(fatal) => tell_all(answers, &Outcome::Stopped(fatal.to_string())),
            Ok(decided) => {
                spawn::<R>(async move {
                    let decided = decided.await;
                    // A batch that never came into this node's log went nowhere.
                    let without = if turn.is_over() { Outcome::Maybe } else { Outcome::NotTaken };
                    turn.over();
                    drop(under_way);
                    match decided {
                        Ok(Ok(response)) => answer(answers, response.data.0),
                        Ok(Err(ClientWriteError::ForwardToLeader(_))) => {
                            tell_all(answers, &without);
                        }
                        Ok(Err(_)) | Err(_) => tell_all(answers, &Outcome::Maybe),
                    }
                });
            }
        }
    }
}

fn answer(answers: Vec<oneshot::Sender<Outcome>>, replies: Vec<(u64, Reply)>) {
    for (answer, (index, reply)) in answers.into_iter().zip(replies) {
        // Whoever no longer waits asks again under the same number.
        answer.send(Outcome::Applied { index, reply }).ok();
    }
}

fn tell_all(answers: Vec<oneshot::Sender<Outcome>>, outcome: &Outcome) {
    for answer in answers {
        // As above.
        answer.send(outcome.clone()).ok();
    }
}
