//! Reads that are true: the leader asks a quorum whether it still leads, once for all reads that
//! wait, and whoever reads waits until it has applied what was decided before.

use std::time::Duration;

use openraft::AsyncRuntime;
use openraft::error::{CheckIsLeaderError, RaftError};
use proto::peer::raft::ReadAnswer;
use tokio::sync::{mpsc, oneshot};

use crate::convert::wire_log_id;
use crate::types::{LogId, Raft};

/// How long a quorum is waited for, at most: several heartbeats.
const QUORUM_DEADLINE: Duration = Duration::from_secs(1);

/// A read that waits for a quorum.
pub(crate) type Waiting = oneshot::Sender<ReadAnswer>;

/// Runs until nobody can read any more. `left` is the last entry that the log had when this node
/// started.
pub(crate) async fn run<R: AsyncRuntime>(
    raft: Raft<R>,
    mut waiting: mpsc::Receiver<Waiting>,
    left: Option<LogId>,
) {
    while let Some(first) = waiting.recv().await {
        // Whoever came before the question is asked gets its answer; whoever comes later does not.
        let mut readers = vec![first];
        while let Ok(next) = waiting.try_recv() {
            readers.push(next);
        }
        let answer = ask(&raft, left).await;
        for reader in readers {
            // Whoever no longer waits has given up.
            reader.send(answer.clone()).ok();
        }
    }
}

async fn ask<R: AsyncRuntime>(raft: &Raft<R>, left: Option<LogId>) -> ReadAnswer {
    match R::timeout(QUORUM_DEADLINE, raft.get_read_log_id()).await {
        Ok(Ok((at, _))) => ReadAnswer::At(at_least(at, left).as_ref().map(wire_log_id)),
        Ok(Err(RaftError::APIError(CheckIsLeaderError::ForwardToLeader(to)))) => {
            ReadAnswer::NotLeader(to.leader_id)
        }
        Ok(Err(_)) | Err(_) => ReadAnswer::NoQuorum,
    }
}

/// From where on a read is true, when openraft says `at` and the log ended with `left` when this
/// node started.
///
/// A leader that starts again before anybody has noticed still leads, by openraft 0.9, without a
/// new entry of its own. All that it had decided is in the log that it found; but how much that is
/// it knows only by a marker, of which the newest may be lost, and openraft asks for no more.
pub(crate) fn at_least(at: Option<LogId>, left: Option<LogId>) -> Option<LogId> {
    let still_leads = |left: &LogId| at.is_some_and(|at| at.leader_id == left.leader_id);
    at.max(left.filter(still_leads))
}
