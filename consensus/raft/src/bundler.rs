//! Writes of a follower on their way to the leader, bundled: one call carries all that wait.

use std::sync::Arc;

use bytes::Bytes;
use openraft::AsyncRuntime;
use proto::peer::raft::{Ask, ForwardRequest, Forwarded, Tell};
use rkyv::rancor::Error as RkyvError;
use rkyv::util::AlignedVec;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::config::{BATCH_BYTES, BATCH_PROPOSALS, BUNDLES_UNDER_WAY, FORWARD_DEADLINE};
use crate::peers::Peers;
use crate::ports::{CallError, Member};
use crate::proposer::Outcome;
use crate::seats::Seats;
use crate::types::{Raft, spawn};

/// A write that waits for its bundle.
pub(crate) struct Waiting {
    pub(crate) bytes: Bytes,
    pub(crate) answer: oneshot::Sender<Outcome>,
}

/// The task that forms bundles.
pub(crate) struct Bundler<R: AsyncRuntime> {
    pub(crate) raft: Raft<R>,
    pub(crate) peers: Arc<Peers<R>>,
    pub(crate) waiting: mpsc::Receiver<Waiting>,
}

impl<R: AsyncRuntime> Bundler<R> {
    /// Runs until nobody can propose any more.
    pub(crate) async fn run(mut self) {
        let under_way = Arc::new(Semaphore::new(BUNDLES_UNDER_WAY));
        let mut left = None;
        loop {
            let first = match left.take() {
                Some(first) => first,
                None => match self.waiting.recv().await {
                    Some(first) => first,
                    None => return,
                },
            };
            let Ok(permit) = Arc::clone(&under_way).acquire_owned().await else { return };
            let (bundle, answers) = self.gather(first, &mut left);
            let leader = Seats::of(&self.raft).leader();
            let Some(leader) = leader.filter(|leader| leader.raft_id != self.peers.me) else {
                tell_all(answers, &Outcome::NotTaken);
                continue;
            };
            let (peers, raft) = (Arc::clone(&self.peers), self.raft.clone());
            spawn::<R>(async move {
                forward(&raft, &peers, &leader, bundle, answers).await;
                drop(permit);
            });
        }
    }

    fn gather(
        &mut self,
        first: Waiting,
        left: &mut Option<Waiting>,
    ) -> (Vec<Vec<u8>>, Vec<oneshot::Sender<Outcome>>) {
        let (mut bundle, mut answers) = (Vec::new(), Vec::new());
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(waiting) = next.take().or_else(|| self.waiting.try_recv().ok()) {
            bytes += waiting.bytes.len();
            if bytes > BATCH_BYTES && !bundle.is_empty() {
                *left = Some(waiting);
                break;
            }
            bundle.push(waiting.bytes.to_vec());
            answers.push(waiting.answer);
            if bundle.len() == BATCH_PROPOSALS {
                break;
            }
        }
        (bundle, answers)
    }
}

/// Completes when somebody else leads.
pub(crate) async fn another_leads<R: AsyncRuntime>(raft: &Raft<R>, leader: u64) {
    let mut metrics = raft.metrics();
    let other = metrics.wait_for(|now| now.current_leader.is_some_and(|now| now != leader)).await;
    // Without a Raft nobody leads any more; whoever asks has a deadline.
    if other.map(|_| ()).is_err() {
        std::future::pending::<()>().await;
    }
}

async fn forward<R: AsyncRuntime>(
    raft: &Raft<R>,
    peers: &Peers<R>,
    leader: &Member,
    proposals: Vec<Vec<u8>>,
    answers: Vec<oneshot::Sender<Outcome>>,
) {
    let ask = Ask::Forward(ForwardRequest { proposals });
    // A leader that is cut off may take the whole time not to answer. What it made of the writes is
    // not known, and the next one knows them again by their numbers.
    let told = tokio::select! {
        biased;
        told = peers.ask(leader, ask, FORWARD_DEADLINE) => told,
        () = another_leads(raft, leader.raft_id) => Err(CallError::TimedOut),
    };
    match told {
        Ok(Tell::Forward(told)) if told.len() == answers.len() => {
            for (answer, told) in answers.into_iter().zip(told) {
                // Whoever no longer waits asks again under the same number.
                answer.send(outcome(told)).ok();
            }
        }
        Err(CallError::Unreachable(_) | CallError::Refused(_)) => {
            tell_all(answers, &Outcome::NotTaken);
        }
        Ok(_) | Err(CallError::TimedOut) => tell_all(answers, &Outcome::Maybe),
    }
}

fn outcome(told: Forwarded) -> Outcome {
    match told {
        Forwarded::Applied { index, reply } => {
            let mut aligned = AlignedVec::<16>::with_capacity(reply.len());
            aligned.extend_from_slice(&reply);
            match rkyv::from_bytes::<_, RkyvError>(&aligned) {
                Ok(reply) => Outcome::Applied { index, reply },
                // A newer leader says something that this program does not know.
                Err(_) => Outcome::Maybe,
            }
        }
        Forwarded::NotLeader(_) => Outcome::NotTaken,
        Forwarded::Unknown => Outcome::Maybe,
        Forwarded::Refused(why) => Outcome::Refused(why),
    }
}

/// How an outcome is told to the follower that handed the write over.
pub(crate) fn told(outcome: Outcome) -> Forwarded {
    match outcome {
        Outcome::Applied { index, reply } => match rkyv::to_bytes::<RkyvError>(&reply) {
            Ok(reply) => Forwarded::Applied { index, reply: reply.to_vec() },
            Err(_) => Forwarded::Unknown,
        },
        Outcome::NotTaken => Forwarded::NotLeader(None),
        Outcome::Maybe | Outcome::Stopped(_) => Forwarded::Unknown,
        Outcome::Refused(why) => Forwarded::Refused(why),
    }
}

fn tell_all(answers: Vec<oneshot::Sender<Outcome>>, outcome: &Outcome) {
    for answer in answers {
        // As above.
        answer.send(outcome.clone()).ok();
    }
}
