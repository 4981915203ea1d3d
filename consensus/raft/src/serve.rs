//! What peers ask of this node.

use std::time::Duration;

use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, VoteRequest};
use openraft::{AsyncRuntime, Instant, Snapshot};
use proto::entry::Proposal;
use proto::ids::Name;
use proto::peer::raft::{
    AppendAnswer, AppendRequest, Ask, Request, Response, SnapshotAnswer, SnapshotChunk, Tell,
    VoteAnswer,
};
use tokio::sync::oneshot;

use crate::bundler::told;
use crate::config::{BATCH_PROPOSALS, FORWARD_DEADLINE};
use crate::convert::{self, wire_log_id, wire_vote};
use crate::proposer::{Outcome, Waiting};
use crate::receive::Taken;
use crate::replica::Replica;
use crate::types::Types;

/// The answer leaves this much before the one who asks gives up.
const FORWARD_MARGIN: Duration = Duration::from_millis(500);

impl<R: AsyncRuntime> Replica<R> {
    /// Answers a peer. `from` is who it is by its certificate, which counts, and not what the
    /// request says. Deadlines are those of the calls that it leads to; it always ends.
    pub async fn handle(&self, from: u64, request: Request) -> Response {
        let tell = self.answer(from, request).await;
        Response { clock: self.peers.wall.now().utc, tell }
    }

    async fn answer(&self, from: u64, request: Request) -> Tell {
        if let Err(why) = self.running() {
            return Tell::Stopped(why);
        }
        let peer = self.with_state(|state| {
            state.node_by_raft_id(from).map(|node| (node.name.clone(), node.is_member()))
        });
        if peer.as_ref().is_some_and(|(_, is_member)| !is_member) {
            return Tell::Refused(format!("node {from} was taken out of the cluster"));
        }
        self.peers.hears(from, request.clock);
        if !self.takes_part() && !matches!(request.ask, Ask::Known | Ask::Clock) {
            return Tell::Refused("the node does not know yet whether its disk is old".to_owned());
        }
        match request.ask {
            Ask::Vote(ask) => {
                let last_log_id = ask.last_log.map(convert::log_id);
                let ask = VoteRequest { vote: convert::vote(ask.vote), last_log_id };
                match self.raft.vote(ask).await {
                    Ok(answer) => Tell::Vote(VoteAnswer {
                        vote: wire_vote(&answer.vote),
                        granted: answer.vote_granted,
                        last_log: answer.last_log_id.as_ref().map(wire_log_id),
                    }),
                    Err(error) => Tell::Stopped(error.to_string()),
                }
            }
            Ask::Append(ask) => self.append(ask).await,
            Ask::Snapshot(chunk) => self.take_chunk(chunk).await,
            Ask::Forward(ask) => match peer {
                Some((node, _)) => self.take_writes(&node, ask.proposals).await,
                None => Tell::Refused(format!("node {from} is no member")),
            },
            Ask::Read => Tell::Read(self.confirm_leadership().await),
            Ask::Elect => match self.raft.trigger().elect().await {
                Ok(()) => Tell::Done,
                Err(error) => Tell::Stopped(error.to_string()),
            },
            Ask::Clock => Tell::Done,
            Ask::Known => Tell::Known(self.known(from)),
        }
    }

    async fn append(&self, ask: AppendRequest) -> Tell {
        let mut entries = Vec::with_capacity(ask.entries.len());
        for entry in ask.entries {
            match convert::entry::<R>(entry) {
                Ok(entry) => entries.push(entry),
                // A newer leader's entry is not appended by whoever cannot apply it.
                Err(error) => return Tell::Refused(error.to_string()),
            }
        }
        let request = AppendEntriesRequest::<Types<R>> {
            vote: convert::vote(ask.vote),
            prev_log_id: ask.previous.map(convert::log_id),
            entries,
            leader_commit: ask.committed.map(convert::log_id),
        };
        let told = match self.raft.append_entries(request).await {
            Ok(told) => told,
            Err(error) => return Tell::Stopped(error.to_string()),
        };
        if !matches!(told, AppendEntriesResponse::HigherVote(_)) {
            *self.leader_heard.lock() = self.now();
        }
        Tell::Append(match told {
            AppendEntriesResponse::Success => AppendAnswer::Kept,
            AppendEntriesResponse::PartialSuccess(at) => {
                AppendAnswer::KeptUpTo(at.as_ref().map(wire_log_id))
            }
            AppendEntriesResponse::Conflict => AppendAnswer::Conflict,
            AppendEntriesResponse::HigherVote(vote) => AppendAnswer::Behind(wire_vote(&vote)),
        })
    }

    async fn take_chunk(&self, chunk: SnapshotChunk) -> Tell {
        let vote = convert::vote(chunk.vote);
        let mine = match self.raft.with_raft_state(|state| *state.vote_ref()).await {
            Ok(mine) => mine,
            Err(error) => return Tell::Stopped(error.to_string()),
        };
        let answer =
            |vote, received| Tell::Snapshot(SnapshotAnswer { vote: wire_vote(&vote), received });
        if mine > vote {
            return answer(mine, 0);
        }
        *self.leader_heard.lock() = self.now();
        let (meta, total) = (convert::meta(chunk.meta.clone()), chunk.total);
        let taken = self.incoming.lock().take(chunk);
        let whole = match taken {
            Taken::SoFar(received) => return answer(mine, received),
            Taken::Whole(bytes) => Snapshot::<Types<R>> { meta, snapshot: Box::new(bytes) },
        };
        match self.raft.install_full_snapshot(vote, whole).await {
            Ok(installed) => answer(installed.vote, total),
            Err(error) => Tell::Stopped(error.to_string()),
        }
    }

    /// Takes writes of one follower, all of them its own.
    async fn take_writes(&self, node: &Name, proposals: Vec<Vec<u8>>) -> Tell {
        if proposals.len() > BATCH_PROPOSALS {
            return Tell::Refused(format!("{} writes in one call", proposals.len()));
        }
        let until = R::Instant::now() + (FORWARD_DEADLINE - FORWARD_MARGIN);
        let mut outcomes = Vec::with_capacity(proposals.len());
        for bytes in proposals {
            outcomes.push(self.take_write(node, &bytes));
        }
        let mut answers = Vec::with_capacity(outcomes.len());
        for outcome in outcomes {
            let outcome = match outcome {
                Ok(waiting) => R::timeout_at(until, waiting)
                    .await
                    .map_or(Outcome::Maybe, |told| told.unwrap_or(Outcome::Maybe)),
                Err(known) => known,
            };
            answers.push(told(outcome));
        }
        Tell::Forward(answers)
    }

    fn take_write(&self, node: &Name, bytes: &[u8]) -> Result<oneshot::Receiver<Outcome>, Outcome> {
        let proposal =
            Proposal::from_bytes(bytes).map_err(|error| Outcome::Refused(error.to_string()))?;
        if proposal.client.node != *node {
            let why = format!("{node} writes in the name of {}", proposal.client.node);
            return Err(Outcome::Refused(why));
        }
        if self.is_leaving() || !self.seats().leads() {
            return Err(Outcome::NotTaken);
        }
        let (answer, outcome) = oneshot::channel::<Outcome>();
        let waiting = Waiting { proposal, answer };
        match self.local.try_send(waiting) {
            Ok(()) => Ok(outcome),
            Err(_) => Err(Outcome::NotTaken),
        }
    }
}
