//! openraft's calls to peers, over the transport.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use openraft::error::{
    Fatal, NetworkError, RPCError, RaftError, ReplicationClosed, StreamingError, Unreachable,
};
use openraft::network::{Backoff, RPCOption};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::{AsyncRuntime, OptionalSend, RaftNetwork, RaftNetworkFactory};
use proto::peer::SNAPSHOT_CHUNK;
use proto::peer::raft as wire;
use proto::peer::raft::{Ask, SnapshotChunk, Tell};

use crate::convert::{self, wire_log_id, wire_vote};
use crate::peers::Peers;
use crate::ports::{CallError, Member};
use crate::types::{Seat, Types, Vote};

/// A peer that is not reached is tried again after this time.
const UNREACHABLE_PAUSE: Duration = Duration::from_millis(200);
/// One piece of a snapshot is taken within this time.
const CHUNK_DEADLINE: Duration = Duration::from_secs(5);
/// The last piece is answered when the snapshot is on the peer's disk and in force.
const INSTALL_DEADLINE: Duration = Duration::from_secs(60);
/// So many pieces in a row may fail before a snapshot is given up; it is begun again then.
const CHUNK_TRIES: u32 = 5;

type Failed = RPCError<u64, Seat, RaftError<u64>>;

/// Makes clients.
pub(crate) struct Network<R: AsyncRuntime>(pub(crate) Arc<Peers<R>>);

/// The way to one peer.
pub(crate) struct Client<R: AsyncRuntime> {
    peers: Arc<Peers<R>>,
    to: Member,
}

impl<R: AsyncRuntime> RaftNetworkFactory<Types<R>> for Network<R> {
    type Network = Client<R>;

    async fn new_client(&mut self, target: u64, seat: &Seat) -> Client<R> {
        let Seat { node, address } = seat.clone();
        Client { peers: Arc::clone(&self.0), to: Member { raft_id: target, node, address } }
    }
}

fn failed(error: CallError) -> Failed {
    match error {
        CallError::Unreachable(_) | CallError::Refused(_) => Unreachable::new(&error).into(),
        CallError::TimedOut => NetworkError::new(&error).into(),
    }
}

fn another_answer() -> Failed {
    NetworkError::new(&io::Error::other("the peer answered another question")).into()
}

impl<R: AsyncRuntime> Client<R> {
    async fn send_chunks(
        &self,
        vote: &Vote,
        snapshot: &openraft::Snapshot<Types<R>>,
    ) -> Result<SnapshotResponse<u64>, CallError> {
        let (meta, bytes) = (convert::wire_meta(&snapshot.meta), &snapshot.snapshot);
        let total = bytes.len() as u64;
        let (mut from, mut failures) = (0, 0);
        loop {
            let end = bytes.len().min(from + SNAPSHOT_CHUNK);
            let is_last = end == bytes.len();
            let chunk = SnapshotChunk {
                vote: wire_vote(vote),
                meta: meta.clone(),
                offset: from as u64,
                total,
                bytes: bytes[from..end].to_vec(),
            };
            let deadline = if is_last { INSTALL_DEADLINE } else { CHUNK_DEADLINE };
            let answer = match self.peers.ask(&self.to, Ask::Snapshot(chunk), deadline).await {
                Ok(Tell::Snapshot(answer)) => answer,
                Ok(_) => return Err(CallError::Refused("another answer".to_owned())),
                Err(error) if failures == CHUNK_TRIES => return Err(error),
                Err(_) => {
                    failures += 1;
                    R::sleep(UNREACHABLE_PAUSE).await;
                    continue;
                }
            };
            let theirs = convert::vote(answer.vote);
            if theirs > *vote || (is_last && answer.received == total) {
                return Ok(SnapshotResponse::new(theirs));
            }
            failures = if answer.received == end as u64 { 0 } else { failures + 1 };
            if failures > CHUNK_TRIES {
                return Err(CallError::Refused("it does not take the snapshot".to_owned()));
            }
            // A peer that lost its place says from where on it needs the snapshot.
            from = usize::try_from(answer.received).unwrap_or(0).min(bytes.len());
        }
    }
}

impl<R: AsyncRuntime> RaftNetwork<Types<R>> for Client<R> {
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types<R>>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<u64>, Failed> {
        let last = rpc.entries.last().map(|entry| entry.log_id).or(rpc.prev_log_id);
        let decided = rpc.leader_commit;
        // What a leader has decided is decided for ever, unlike what it only has handed on.
        let keeps = |at: Option<openraft::LogId<u64>>| {
            if let Some((at, decided)) = at.zip(decided) {
                self.peers.keeps(self.to.raft_id, at.index.min(decided.index));
            }
        };
        let request = wire::AppendRequest {
            vote: wire_vote(&rpc.vote),
            previous: rpc.prev_log_id.as_ref().map(wire_log_id),
            entries: rpc.entries.iter().map(convert::wire_entry).collect(),
            committed: rpc.leader_commit.as_ref().map(wire_log_id),
        };
        let told = self.peers.ask(&self.to, Ask::Append(request), option.hard_ttl()).await;
        match told.map_err(failed)? {
            Tell::Append(wire::AppendAnswer::Kept) => {
                keeps(last);
                Ok(AppendEntriesResponse::Success)
            }
            Tell::Append(wire::AppendAnswer::KeptUpTo(at)) => {
                let at = at.map(convert::log_id);
                keeps(at);
                Ok(AppendEntriesResponse::PartialSuccess(at))
            }
            Tell::Append(wire::AppendAnswer::Conflict) => Ok(AppendEntriesResponse::Conflict),
            Tell::Append(wire::AppendAnswer::Behind(vote)) => {
                Ok(AppendEntriesResponse::HigherVote(convert::vote(vote)))
            }
            _ => Err(another_answer()),
        }
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<u64>,
        option: RPCOption,
    ) -> Result<VoteResponse<u64>, Failed> {
        let last_log = rpc.last_log_id.as_ref().map(wire_log_id);
        let request = wire::VoteRequest { vote: wire_vote(&rpc.vote), last_log };
        let told = self.peers.ask(&self.to, Ask::Vote(request), option.hard_ttl()).await;
        match told.map_err(failed)? {
            Tell::Vote(answer) => Ok(VoteResponse {
                vote: convert::vote(answer.vote),
                vote_granted: answer.granted,
                last_log_id: answer.last_log.map(convert::log_id),
            }),
            _ => Err(another_answer()),
        }
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: openraft::Snapshot<Types<R>>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<u64>, StreamingError<Types<R>, Fatal<u64>>> {
        let sending = self.send_chunks(&vote, &snapshot);
        let sent = tokio::select! {
            biased;
            closed = cancel => return Err(closed.into()),
            sent = sending => sent,
        };
        sent.map_err(|error| match error {
            CallError::TimedOut => NetworkError::new(&error).into(),
            _ => Unreachable::new(&error).into(),
        })
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(std::iter::repeat(UNREACHABLE_PAUSE))
    }
}
