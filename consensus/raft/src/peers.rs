//! Calls to peers, and what is learnt from them besides their answers: clocks, and that they are
//! there.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use openraft::AsyncRuntime;
use parking_lot::Mutex;
use proto::peer::raft::{Ask, Request, Tell};
use proto::time::Utc;

use crate::clocks::Clocks;
use crate::ports::{CallError, Member, Transport, Wall};

/// The way to all peers.
pub(crate) struct Peers<R> {
    pub(crate) me: u64,
    transport: Arc<dyn Transport>,
    pub(crate) wall: Arc<dyn Wall>,
    pub(crate) clocks: Mutex<Clocks>,
    /// When each peer was last heard of, on the clock that counts suspend.
    heard: Mutex<BTreeMap<u64, Duration>>,
    /// Up to which index each peer once had decided entries on its disk, as this node knows from
    /// leading: those it can never lack again.
    kept: Mutex<BTreeMap<u64, u64>>,
    runtime: PhantomData<fn() -> R>,
}

impl<R: AsyncRuntime> Peers<R> {
    pub(crate) fn new(me: u64, transport: Arc<dyn Transport>, wall: Arc<dyn Wall>) -> Self {
        let (clocks, heard, kept) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { me, transport, wall, clocks, heard, kept, runtime: PhantomData }
    }

    /// Asks a peer; there is an answer or an error by the deadline.
    pub(crate) async fn ask(
        &self,
        to: &Member,
        ask: Ask,
        deadline: Duration,
    ) -> Result<Tell, CallError> {
        let request = Request { from: self.me, clock: self.wall.now().utc, ask };
        // The transport keeps the deadline; whoever asks does not depend on that.
        let call = self.transport.call(to, request, deadline);
        let answer = R::timeout(deadline, call).await.map_err(|_| CallError::TimedOut)??;
        self.hears(to.raft_id, answer.clock);
        match answer.tell {
            Tell::Refused(why) => Err(CallError::Refused(why)),
            Tell::Stopped(why) => Err(CallError::Unreachable(why)),
            tell => Ok(tell),
        }
    }

    /// A peer said something, and its clock.
    pub(crate) fn hears(&self, peer: u64, clock: Utc) {
        let now = self.wall.now();
        self.clocks.lock().read(peer, clock, now.elapsed);
        self.heard.lock().insert(peer, now.elapsed);
    }

    pub(crate) fn last_heard(&self, peer: u64) -> Option<Duration> {
        self.heard.lock().get(&peer).copied()
    }

    /// A peer has decided entries on its disk, up to this index.
    pub(crate) fn keeps(&self, peer: u64, index: u64) {
        let mut kept = self.kept.lock();
        let kept = kept.entry(peer).or_default();
        *kept = index.max(*kept);
    }

    /// Up to which index a peer once had decided entries on its disk.
    pub(crate) fn kept(&self, peer: u64) -> Option<u64> {
        self.kept.lock().get(&peer).copied()
    }

    pub(crate) fn forget_but(&self, is_member: impl Fn(u64) -> bool) {
        self.clocks.lock().forget_but(&is_member);
        self.heard.lock().retain(|peer, _| is_member(*peer));
        self.kept.lock().retain(|peer, _| is_member(*peer));
    }
}
