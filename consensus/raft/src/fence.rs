//! The fence in front of a member's start: it takes no part before enough others have said that its
//! disk is as new as what they know of it.
//!
//! Raft holds only while no member forgets what it has promised. The disk of a restored machine has
//! forgotten: with it a member would vote a second time, and take decided entries back. Members are
//! asked for what they know until they and this node are a quorum, so that whatever a quorum has
//! decided of this node is known to one of them. Nothing is lost by waiting for a quorum: without
//! one a member can do nothing.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use openraft::{AsyncRuntime, Membership};
use proto::peer::raft::{Ask, KnownAnswer, Tell};

use crate::ports::Member;
use crate::replica::Replica;
use crate::types::Seat;

/// How long one member may take to answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(1);
/// How long is waited before members are asked again.
const ASK_PAUSE: Duration = Duration::from_millis(200);

/// Why a member must not take part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Others know a later state of its disk.
    #[error("the disk is an old copy of this node's: {0}")]
    OldDisk(String),
    /// It closes.
    #[error("the node is shutting down")]
    Closing,
}

impl<R: AsyncRuntime> Replica<R> {
    /// Takes no part from now on, before anybody can ask for it: for whoever has just opened it and
    /// goes on with [`Replica::check_disk`].
    pub fn hold_back(&self) {
        self.unchecked.store(true, Ordering::Release);
        self.raft.runtime_config().elect(false);
    }

    /// Whether it takes part.
    pub(crate) fn takes_part(&self) -> bool {
        !self.unchecked.load(Ordering::Acquire)
    }

    /// Waits until enough members have said what they know of this node, and takes part from then
    /// on. It waits for as long as there is no quorum.
    ///
    /// # Errors
    /// [`Unfit::OldDisk`] when this disk is behind what one of them knows.
    pub async fn check_disk(&self) -> Result<(), Unfit> {
        let mut told = false;
        while !self.checked_once().await? {
            if !std::mem::replace(&mut told, true) {
                tracing::warn!("the node waits until a majority knows its disk");
            }
            self.running().map_err(|_| Unfit::Closing)?;
            R::sleep(ASK_PAUSE).await;
        }
        self.unchecked.store(false, Ordering::Release);
        self.raft.runtime_config().elect(self.clock_off.lock().is_none());
        Ok(())
    }

    /// Asks once; gives whether enough have answered.
    async fn checked_once(&self) -> Result<bool, Unfit> {
        let me = self.config.raft_id;
        let membership: Membership<u64, Seat> = self
            .raft
            .with_raft_state(|state| state.membership_state.effective().membership().clone())
            .await
            .map_err(|_| Unfit::Closing)?;
        let last_log = self.disk.store().heads().last.map(|at| at.index);
        let voters: Vec<u64> = membership.voter_ids().collect();
        // Whoever does not vote has promised nothing.
        if !voters.contains(&me) || voters.len() == 1 {
            return Ok(true);
        }
        let member = |raft_id: &u64| {
            let seat = membership.get_node(raft_id)?.clone();
            Some(Member { raft_id: *raft_id, node: seat.node, address: seat.address })
        };
        let others: Vec<_> =
            voters.iter().filter(|raft_id| **raft_id != me).filter_map(member).collect();
        let asked = others.iter().map(|other| self.peers.ask(other, Ask::Known, ANSWER_DEADLINE));
        let mut answers = 0;
        for answer in join_all(asked).await {
            if let Ok(Tell::Known(known)) = answer {
                answers += 1;
                self.fits(&known, last_log)?;
            }
        }
        Ok(answers + 1 > voters.len() / 2)
    }

    fn fits(&self, known: &KnownAnswer, last_log: Option<u64>) -> Result<(), Unfit> {
        let mine = self.identity();
        // A start whose answer was lost is made again under its number, however often it was lost.
        let is_mine = known.epoch <= mine.epoch || known.nonce == mine.nonce;
        if !is_mine {
            let (mine, known) = (mine.epoch.0, known.epoch.0);
            return Err(Unfit::OldDisk(format!("it remembers epoch {mine}, and was in {known}")));
        }
        match known.kept.filter(|kept| last_log.is_none_or(|last| last < *kept)) {
            Some(kept) => {
                let last = last_log.map_or_else(|| "nothing".to_owned(), |last| last.to_string());
                let what = format!("its log ends with {last}, and once had entry {kept}");
                Err(Unfit::OldDisk(what))
            }
            None => Ok(()),
        }
    }

    /// What this node knows of another.
    pub(crate) fn known(&self, of: u64) -> KnownAnswer {
        let seen = |state: &consensus_state::State| {
            state.node_by_raft_id(of).map(|node| (node.epoch, node.nonce))
        };
        let (epoch, nonce) = self.with_state(seen).unwrap_or_default();
        KnownAnswer { epoch, nonce, kept: self.peers.kept(of) }
    }
}
