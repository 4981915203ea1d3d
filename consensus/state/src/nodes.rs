//! The nodes of the cluster, as all of them know each other: who is a member, and how they come,
//! start and go.
//!
//! A Raft id is given once, for ever. An epoch is given once for each start, goes on when a name is
//! joined again, and cuts off whatever still acts for the one before.

#![allow(missing_docs, reason = "rkyv derives a resolver whose fields it does not document")]

use std::collections::BTreeMap;

use proto::entry::{NodeAddresses, NodeEpoch, NodeRemoval, NodeStart};
use proto::event::{Kind, NodeLeft};
use proto::ids::{Digest, Epoch, Name};
use proto::time::Utc;
use rkyv::{Archive, Deserialize, Serialize};

use crate::denied::Denied;
use crate::effects::Effects;
use crate::limits;
use crate::reply::Reply;
use crate::state::State;

/// How a node stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub enum Presence {
    /// It joined, and has not started yet.
    Joined,
    /// It has started, and was not lost since.
    Up,
    /// It stopped in good order.
    Stopped,
    /// The leader had no contact with it for 3T; its sessions were closed.
    Lost,
    /// It was taken out, for ever: its Raft id is never used again.
    Removed,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub name: Name,
    /// Its Raft id.
    pub raft_id: u64,
    /// Where it is reached.
    pub addresses: NodeAddresses,
    /// SHA-256 of its public key (SPKI).
    pub key: Digest,
    /// SHA-256 of the secret of the token that it joined by: a join whose answer was lost is known
    /// again. Zeroes for a founder.
    pub token: Digest,
    /// Its epoch, 0 before its first start.
    pub epoch: Epoch,
    /// What it drew for the start that made this epoch.
    pub nonce: u64,
    /// What its disk remembered at that start.
    pub started_from: Epoch,
    /// The newest cluster version that it understands.
    pub supports: u32,
    /// Its program's version, as it said when it started.
    pub version: String,
    /// How it stands.
    pub presence: Presence,
    /// When that changed last, in the state's time.
    pub since: Utc,
}

impl Node {
    /// Whether it is a member.
    #[must_use]
    pub fn is_member(&self) -> bool {
        self.presence != Presence::Removed
    }
}

/// Every node that ever was, by name, and the last Raft id that was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Nodes {
    pub(crate) by_name: BTreeMap<Name, Node>,
    pub(crate) by_raft_id: BTreeMap<u64, Name>,
    pub(crate) last_raft_id: u64,
}

impl Nodes {
    pub(crate) fn members(&self) -> impl Iterator<Item = &Node> {
        self.by_name.values().filter(|node| node.is_member())
    }

    /// Puts a node in, in the place of a removed one of its name.
    pub(crate) fn insert(&mut self, node: Node) {
        if let Some(before) = self.by_name.get(&node.name) {
            self.by_raft_id.remove(&before.raft_id);
        }
        self.last_raft_id = self.last_raft_id.max(node.raft_id);
        self.by_raft_id.insert(node.raft_id, node.name.clone());
        self.by_name.insert(node.name.clone(), node);
    }

    fn set_presence(&mut self, name: &Name, presence: Presence, since: Utc) {
        if let Some(node) = self.by_name.get_mut(name) {
            (node.presence, node.since) = (presence, since);
        }
    }
}

impl State {
    /// A node that is a member.
    pub(crate) fn member(&self, name: &Name) -> Result<&Node, Denied> {
        let node = self.nodes.by_name.get(name).filter(|node| node.is_member());
        node.ok_or_else(|| Denied::UnknownNode(name.clone()))
    }

    /// A member in this epoch.
    fn in_epoch(&self, name: &Name, epoch: Epoch) -> Result<&Node, Denied> {
        let node = self.member(name)?;
        if epoch != node.epoch {
            return Err(Denied::StaleEpoch { current: node.epoch });
        }
        Ok(node)
    }

    /// A member that runs, in this epoch: only such a one may begin anything.
    pub(crate) fn running(&self, name: &Name, epoch: Epoch) -> Result<(), Denied> {
        match self.in_epoch(name, epoch)?.presence {
            Presence::Up => Ok(()),
            Presence::Lost => Err(Denied::NodeLost(name.clone())),
            Presence::Joined | Presence::Stopped | Presence::Removed => {
                Err(Denied::NodeNotRunning(name.clone()))
            }
        }
    }

    /// A node starts: its next epoch cuts off whatever acted for it before.
    ///
    /// Accepted is a disk that remembers the epoch that the node is in; one that asked before, by
    /// the same nonce, and never got the answer; and the first start of a Raft id. Each gets an
    /// epoch of its own, so that no two processes are ever in one.
    pub(crate) fn start_node(
        &mut self,
        start: &NodeStart,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        let NodeStart { node: name, raft_id, last_epoch, nonce, supports, version, addresses } =
            start;
        let node = self.member(name)?;
        let remembers = *last_epoch == node.epoch;
        let again = *nonce == node.nonce && *last_epoch == node.started_from;
        let fresh = node.presence == Presence::Joined;
        if *raft_id != node.raft_id || !(remembers || again || fresh) {
            return Err(Denied::StaleDisk { remembered: *last_epoch, current: node.epoch });
        }
        self.check_supports(*supports)?;
        check_addresses(addresses)?;
        let limit = limits::PROGRAM_VERSION_BYTES;
        limits::check(version.len(), "a program's version in bytes", limit)?;

        let crashed = node.presence == Presence::Up;
        let mut node = node.clone();
        node.epoch = Epoch(node.epoch.0 + 1);
        (node.nonce, node.started_from) = (*nonce, *last_epoch);
        (node.supports, node.version, node.addresses) =
            (*supports, version.clone(), addresses.clone());
        (node.presence, node.since) = (Presence::Up, self.time);
        let epoch = node.epoch;
        self.nodes.by_name.insert(name.clone(), node);
        if crashed {
            self.leave(name, "started again", None, effects);
        }
        self.sessions.renumber(name);
        effects.changed.nodes = true;
        Ok(Reply::Epoch(epoch))
    }

    /// A node that was lost has contact again, and has ended what it ran.
    pub(crate) fn see_node(
        &mut self,
        seen: &NodeEpoch,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        match self.in_epoch(&seen.node, seen.epoch)?.presence {
            Presence::Up => {}
            Presence::Lost => {
                self.nodes.set_presence(&seen.node, Presence::Up, self.time);
                effects.changed.nodes = true;
            }
            Presence::Joined | Presence::Stopped | Presence::Removed => {
                return Err(Denied::NodeNotRunning(seen.node.clone()));
            }
        }
        Ok(Reply::Done)
    }

    /// The leader had no contact with a node for too long.
    pub(crate) fn lose_node(
        &mut self,
        lost: &NodeEpoch,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        if self.in_epoch(&lost.node, lost.epoch)?.presence == Presence::Up {
            self.nodes.set_presence(&lost.node, Presence::Lost, self.time);
            self.leave(&lost.node, "lost", None, effects);
        }
        Ok(Reply::Done)
    }

    /// A node stops in good order.
    pub(crate) fn stop_node(
        &mut self,
        stopped: &NodeEpoch,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        let presence = self.in_epoch(&stopped.node, stopped.epoch)?.presence;
        if matches!(presence, Presence::Up | Presence::Lost) {
            self.nodes.set_presence(&stopped.node, Presence::Stopped, self.time);
            self.leave(&stopped.node, "stopped", None, effects);
        }
        Ok(Reply::Done)
    }

    /// A node is taken out, for ever.
    pub(crate) fn remove_node(
        &mut self,
        removal: &NodeRemoval,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        let NodeRemoval { node: name, by } = removal;
        self.check_by(by)?;
        self.member(name)?;
        if self.nodes.members().count() == 1 {
            return Err(Denied::LastNode(name.clone()));
        }
        self.nodes.set_presence(name, Presence::Removed, self.time);
        self.leave(name, "removed", Some(by.to_string()), effects);
        self.sessions.renumber(name);
        Ok(Reply::Done)
    }

    fn leave(&mut self, node: &Name, reason: &str, by: Option<String>, effects: &mut Effects) {
        let sessions = self.lose_sessions(node, effects);
        let (node, reason) = (node.clone(), reason.to_owned());
        self.record_small(Kind::NodeLeft(NodeLeft { node, reason, by, sessions }), effects);
        effects.changed.nodes = true;
    }

    /// Refuses a program that does not understand what is in use.
    pub(crate) fn check_supports(&self, supports: u32) -> Result<(), Denied> {
        let needs = self.version;
        if supports < needs { Err(Denied::TooOld { supports, needs }) } else { Ok(()) }
    }
}

pub(crate) fn check_addresses(addresses: &NodeAddresses) -> Result<(), Denied> {
    let NodeAddresses { cluster, api } = addresses;
    let longest = cluster.len().max(api.len());
    limits::check(longest, "an address in bytes", limits::ADDRESS_BYTES)
}
