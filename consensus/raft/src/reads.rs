//! Reads that are true: the leader asks a quorum whether it still leads, once for all reads that
//! wait, and whoever reads waits until it has applied what was decided before.

use std::time::Duration;

use openraft::AsyncRuntime;
use openraft::error::{CheckIsLeaderError, RaftError};
use proto::peer::raft::ReadAnswer;
use tokio::sync::{mpsc, oneshot};

use crate::convert::wire_log_id;
use crate::types::Raft;

/// How long a quorum is waited for, at most: several heartbeats.
const QUORUM_DEADLINE: Duration = Duration::from_secs(1);

/// A read that waits for a quorum.
pub(crate) type Waiting = oneshot::Sender<ReadAnswer>;

/// Runs until nobody can read any more.
pub(crate) async fn run<R: AsyncRuntime>(raft: Raft<R>, mut waiting: mpsc::Receiver<Waiting>) {
    while let Some(first) = waiting.recv().await {
        // Whoever came before the question is asked gets its answer; whoever comes later does not.
        let mut readers = vec![first];
        while let Ok(next) = waiting.try_recv() {
            readers.push(next);
        }
        let answer = ask(&raft).await;
        for reader in readers {
            // Whoever no longer waits has given up.
            reader.send(answer.clone()).ok();
        }
    }
}

async fn ask<R: AsyncRuntime>(raft: &Raft<R>) -> ReadAnswer {
    match R::timeout(QUORUM_DEADLINE, raft.get_read_log_id()).await {
        Ok(Ok((at, _))) => ReadAnswer::At(at.as_ref().map(wire_log_id)),
        Ok(Err(RaftError::APIError(CheckIsLeaderError::ForwardToLeader(to)))) => {
            ReadAnswer::NotLeader(to.leader_id)
        }
        Ok(Err(_)) | Err(_) => ReadAnswer::NoQuorum,
    }
}
