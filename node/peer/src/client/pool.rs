//! All connections of a node to its peers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use proto::peer::raft::{self, Member};
use proto::peer::{
    Cancel, Kill, Killed, Lane as LaneName, MemberRecord, Message, Renew, Renewed, Roster,
    RosterAsk, SessionRows, SessionsAsk, Watch,
};
use proto::refusal::{Code, Told};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::error::CallError;
use super::lane::Lane;
use super::roster::keep_acquainted;
use super::watching::Watching;
use crate::limits::{BULK_FROM, Limits};
use crate::local::Local;

/// The connections to all members, each made when it is first needed.
pub struct Pool {
    pub(super) local: Arc<Local>,
    limits: Limits,
    closing: CancellationToken,
    peers: Mutex<HashMap<u64, Peer>>,
}

/// The lanes to one member.
struct Peer {
    member: Member,
    closing: CancellationToken,
    lanes: [Arc<Lane>; 3],
}

impl Pool {
    /// A pool of this node; nothing is connected yet. Must be called in a tokio runtime.
    #[must_use]
    pub fn new(local: Arc<Local>, limits: Limits) -> Arc<Self> {
        let closing = CancellationToken::new();
        let peers = Mutex::default();
        let pool = Arc::new(Self { local, limits, closing: closing.clone(), peers });
        let weak = Arc::downgrade(&pool);
        tokio::spawn(keep_acquainted(weak, pool.local.clone(), closing));
        pool
    }

    /// Closes all connections; no more are made.
    pub fn close(&self) {
        self.closing.cancel();
    }

    /// Why a member is known to be unreachable now, if it is.
    #[must_use]
    pub fn down(&self, raft_id: u64) -> Option<CallError> {
        let peers = self.peers.lock();
        peers.get(&raft_id)?.lanes[index(LaneName::Calls)].down()
    }

    /// A call of Raft.
    ///
    /// # Errors
    /// [`CallError`]; `Refused` and `Unreachable` only when the call surely had no effect.
    pub async fn raft(
        &self,
        to: &Member,
        request: raft::Request,
        deadline: Duration,
    ) -> Result<raft::Response, CallError> {
        let answer = self.call(to, &Message::asking(request), deadline).await;
        let answer = answer.map_err(|error| match error {
            // The server gave the call up, or its answer could not be sent: it may have been done.
            CallError::Refused(told)
                if matches!(told.code, Code::OutcomeUnknown | Code::Internal) =>
            {
                CallError::Lost(told.to_string())
            }
            other => other,
        })?;
        answer.into_told().map_err(|error| unexpected(&error.to_string()))
    }

    /// The members, as another one knows them.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn roster(&self, to: &Member, deadline: Duration) -> Result<Roster, CallError> {
        match self.call(to, &Message::RosterAsk(RosterAsk {}), deadline).await? {
            Message::Roster(roster) => Ok(roster),
            other => Err(unexpected(other.name())),
        }
    }

    /// A new certificate for this node, from another one.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn renew(
        &self,
        to: &Member,
        renew: Renew,
        deadline: Duration,
    ) -> Result<Renewed, CallError> {
        match self.call(to, &Message::Renew(renew), deadline).await? {
            Message::Renewed(renewed) => Ok(renewed),
            other => Err(unexpected(other.name())),
        }
    }

    /// The sessions of another node.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn sessions(
        &self,
        to: &Member,
        ask: SessionsAsk,
        deadline: Duration,
    ) -> Result<SessionRows, CallError> {
        match self.call(to, &Message::SessionsAsk(ask), deadline).await? {
            Message::SessionRows(rows) => Ok(rows),
            other => Err(unexpected(other.name())),
        }
    }

    /// Ends a session of another node.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn kill(
        &self,
        to: &Member,
        kill: Kill,
        deadline: Duration,
    ) -> Result<Killed, CallError> {
        match self.call(to, &Message::Kill(kill), deadline).await? {
            Message::Killed(killed) => Ok(killed),
            other => Err(unexpected(other.name())),
        }
    }

    /// Ends a statement of a database that another node serves, if the key is right.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn cancel(
        &self,
        to: &Member,
        cancel: Cancel,
        deadline: Duration,
    ) -> Result<(), CallError> {
        match self.call(to, &Message::Cancel(cancel), deadline).await? {
            Message::Cancelled(_) => Ok(()),
            other => Err(unexpected(other.name())),
        }
    }

    /// Watches a session of another node. Whether there is one is said by the first item.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn watch(
        &self,
        to: &Member,
        watch: Watch,
        deadline: Duration,
    ) -> Result<Watching, CallError> {
        let lane = self.lane(to, LaneName::Streams);
        let message = Message::Watch(watch);
        let beginning = async { Watching::begin(lane.connection().await?, &message).await };
        timeout(deadline, beginning).await.map_err(|_| CallError::TimedOut)?
    }

    async fn call(
        &self,
        to: &Member,
        message: &Message,
        deadline: Duration,
    ) -> Result<Message, CallError> {
        let lane = self.lane(to, lane_of(message));
        let calling = async { lane.connection().await?.call(message).await };
        timeout(deadline, calling).await.map_err(|_| CallError::TimedOut)?
    }

    fn lane(&self, to: &Member, name: LaneName) -> Arc<Lane> {
        let mut peers = self.peers.lock();
        let peer = peers.entry(to.raft_id).or_insert_with(|| self.peer(to));
        if peer.member != *to {
            // It has moved: what is connected to the old place is of no use.
            peer.closing.cancel();
            *peer = self.peer(to);
        }
        peer.lanes[index(name)].clone()
    }

    fn peer(&self, to: &Member) -> Peer {
        let closing = self.closing.child_token();
        let lane = |name| {
            let (local, limits) = (self.local.clone(), self.limits.clone());
            Lane::new(local, to.clone(), name, limits, closing.clone())
        };
        let lanes = [LaneName::Calls, LaneName::Bulk, LaneName::Streams].map(lane);
        Peer { member: to.clone(), closing, lanes }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

/// A member's record as the address that calls are made to.
pub(super) fn member_of(record: &MemberRecord) -> Member {
    let MemberRecord { raft_id, node, address, .. } = record.clone();
    Member { raft_id, node, address }
}

fn index(lane: LaneName) -> usize {
    match lane {
        LaneName::Calls => 0,
        LaneName::Bulk => 1,
        LaneName::Streams => 2,
    }
}

fn lane_of(message: &Message) -> LaneName {
    match message {
        Message::AskSnapshot(_) => LaneName::Bulk,
        Message::SessionsAsk(_) => LaneName::Streams,
        Message::AskAppend(append) => {
            let size = |entry: &raft::LogEntry| match &entry.payload {
                raft::Payload::Batch(bytes) => bytes.len(),
                raft::Payload::Blank | raft::Payload::Membership(_) => 0,
            };
            by_size(append.body.entries.iter().map(size).sum())
        }
        Message::AskForward(forward) => by_size(forward.body.proposals.iter().map(Vec::len).sum()),
        _ => LaneName::Calls,
    }
}

fn by_size(bytes: usize) -> LaneName {
    if bytes < BULK_FROM { LaneName::Calls } else { LaneName::Bulk }
}

fn unexpected(what: &str) -> CallError {
    let text = format!("the answer was not one to the question: {what}");
    CallError::Refused(Told::new(Code::BadRequest, text))
}
