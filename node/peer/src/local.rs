//! This node among its peers: what it shows, whom it trusts, whom it knows. All of it may change
//! while connections live, and they are judged again then.

use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use proto::peer::{MemberRecord, Versions};
use proto::time::Utc;
use tokio::sync::{Notify, watch};

use crate::certificate::{CertificateError, PeerName};
use crate::identity::NodeIdentity;
use crate::members::{Members, Standing, WallClock};
use crate::trust::Trust;

/// What a program says of itself.
#[derive(Clone, Debug)]
pub struct Program {
    /// The versions of the cluster that it can work in.
    pub versions: Versions,
    /// Its own version.
    pub version: String,
}

/// This node.
pub struct Local {
    name: PeerName,
    program: Program,
    identity: ArcSwap<NodeIdentity>,
    trust: ArcSwap<Trust>,
    members: Arc<dyn Members>,
    clock: Arc<dyn WallClock>,
    /// Members that others know and this node's state does not yet.
    learnt: Mutex<Vec<MemberRecord>>,
    changed: watch::Sender<u64>,
    strangers: Notify,
}

impl Local {
    /// This node, with its first certificate.
    #[must_use]
    pub fn new(
        identity: NodeIdentity,
        trust: Trust,
        program: Program,
        members: Arc<dyn Members>,
        clock: Arc<dyn WallClock>,
    ) -> Arc<Self> {
        Arc::new(Self {
            name: identity.name().clone(),
            program,
            identity: ArcSwap::from_pointee(identity),
            trust: ArcSwap::from_pointee(trust),
            members,
            clock,
            learnt: Mutex::default(),
            changed: watch::channel(0).0,
            strangers: Notify::new(),
        })
    }

    /// Who it is.
    #[must_use]
    pub fn name(&self) -> &PeerName {
        &self.name
    }

    /// What it shows now.
    #[must_use]
    pub fn identity(&self) -> Arc<NodeIdentity> {
        self.identity.load_full()
    }

    /// Shows another certificate from now on; connections that live keep the one they began with.
    ///
    /// # Errors
    /// [`CertificateError::OtherName`] when it is somebody else's.
    pub fn show(&self, identity: NodeIdentity) -> Result<(), CertificateError> {
        if *identity.name() != self.name {
            return Err(CertificateError::OtherName(identity.name().to_string()));
        }
        self.identity.store(Arc::new(identity));
        Ok(())
    }

    /// Whom it trusts now.
    #[must_use]
    pub fn trust(&self) -> Arc<Trust> {
        self.trust.load_full()
    }

    /// Trusts other authorities from now on; connections that live are judged by them at once.
    pub fn trust_instead(&self, trust: Trust) {
        self.trust.store(Arc::new(trust));
        self.changed.send_modify(|count| *count += 1);
    }

    /// All members that it knows, from its state or from others.
    #[must_use]
    pub fn members(&self) -> Vec<MemberRecord> {
        let mut members = self.members.all();
        let unknown =
            |record: &&MemberRecord| self.members.standing(record.raft_id) == Standing::Unknown;
        members.extend(self.learnt.lock().iter().filter(unknown).cloned());
        members
    }

    /// Learns of members from somebody who is one. What its own state says is never overruled.
    pub fn learn(&self, members: Vec<MemberRecord>) {
        *self.learnt.lock() = members;
        self.changed.send_modify(|count| *count += 1);
    }

    pub(crate) fn program(&self) -> &Program {
        &self.program
    }

    pub(crate) fn now(&self) -> Utc {
        self.clock.utc()
    }

    pub(crate) fn clock(&self) -> Arc<dyn WallClock> {
        self.clock.clone()
    }

    pub(crate) fn standing(&self, raft_id: u64) -> Standing {
        let own = self.members.standing(raft_id);
        if own != Standing::Unknown {
            return own;
        }
        let learnt = self.learnt.lock();
        learnt
            .iter()
            .find(|record| record.raft_id == raft_id)
            .map_or(own, |record| Standing::Member { node: record.node.clone(), key: record.key })
    }

    /// Somebody of this cluster came whom this node does not know: it may be behind.
    pub(crate) fn met_a_stranger(&self) {
        self.strangers.notify_one();
    }

    pub(crate) async fn stranger_met(&self) {
        self.strangers.notified().await;
    }

    /// Returns when something that connections are judged by may have changed since the last call.
    pub(crate) fn watching(&self) -> Changes {
        Changes { own: self.changed.subscribe(), members: self.members.changes() }
    }
}

/// Tells when something that connections are judged by may have changed.
pub(crate) struct Changes {
    own: watch::Receiver<u64>,
    members: watch::Receiver<u64>,
}

impl Changes {
    /// Waits for the next change; for ever when there can be none any more.
    pub(crate) async fn next(&mut self) {
        let changed = tokio::select! {
            changed = self.own.changed() => changed,
            changed = self.members.changed() => changed,
        };
        if changed.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
