//! What a replica needs of the world around it, and no more, so that tests can take its place.

use std::time::Duration;

use consensus_state::{Changed, State};
use futures_util::future::BoxFuture;
use proto::event::Stamped;
use proto::ids::Name;
use proto::peer::raft::{Request, Response};
use proto::time::Moment;

/// One member, as its peers reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its Raft id.
    pub raft_id: u64,
    /// Its name.
    pub node: Name,
    /// Where its peers reach it, as `host:port`.
    pub address: String,
}

/// Why a call to a peer has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nothing was sent: whatever was asked was surely not done.
    #[error("{0} is not reached")]
    Unreachable(String),
    /// It may have been done.
    #[error("no answer in time")]
    TimedOut,
    /// The peer does not answer such a call, or not to us.
    #[error("refused: {0}")]
    Refused(String),
}

/// Carries calls to peers.
pub trait Transport: Send + Sync + 'static {
    /// Calls a peer. It must return by the deadline, and say [`CallError::Unreachable`] only when
    /// surely nothing was sent.
    fn call(
        &self,
        to: &Member,
        request: Request,
        deadline: Duration,
    ) -> BoxFuture<'static, Result<Response, CallError>>;
}

/// Whoever must see what was applied.
pub trait Observer: Send + Sync + 'static {
    /// A policy may come into force by what is applied next: whoever must compile it does so now,
    /// while the state is not locked. Nothing is in force before [`Observer::applied`] says so.
    fn foresee(&self, _policy: &str) {}

    /// Called under the lock of the state, after each entry of the log and before anybody is
    /// answered; it must not block, and must not call the replica. After a start, entries behind
    /// the newest snapshot come again. After a snapshot of another node's all parts are `changed`
    /// and there are no `events`: [`State::unpublished`] has those that may be missing.
    fn applied(&self, state: &State, changed: Changed, events: Vec<Stamped>);

    /// The last event of the control chain that this node's journal keeps durably; `u64::MAX` when
    /// there is no journal. A snapshot forgets no event that is not kept.
    fn kept(&self) -> u64;
}

/// The node's clocks.
pub trait Wall: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Moment;
}
