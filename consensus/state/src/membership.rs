//! How the cluster begins, begins again, grows, and rises to a newer version.

#![allow(missing_docs, reason = "rkyv derives a resolver whose fields it does not document")]

use std::collections::BTreeMap;
use std::time::Duration;

use proto::entry::{
    By, ClusterCreation, ClusterRestoration, JoinToken, NodeAddresses, NodeJoining, VersionRaise,
    Withdrawn,
};
use proto::event::{BackupRestored, Kind, NodeJoined};
use proto::ids::{Digest, Epoch, Name};
use proto::time::Utc;
use rkyv::{Archive, Deserialize, Serialize};

use crate::denied::Denied;
use crate::effects::Effects;
use crate::limits;
use crate::nodes::{Node, Presence, check_addresses};
use crate::reply::Reply;
use crate::seals::SEALS_SINCE;
use crate::state::{State, later};

/// The version that a cluster begins with.
pub(crate) const FIRST_VERSION: u32 = 1;

/// A token that lets one node join.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) until: Utc,
    pub(crate) by: By,
}

pub(crate) type Tokens = BTreeMap<Digest, Token>;

/// Who becomes a member.
struct Newcomer<'a> {
    name: &'a Name,
    raft_id: u64,
    addresses: &'a NodeAddresses,
    key: Digest,
    token: Digest,
    supports: u32,
}

impl State {
    pub(crate) fn create_cluster(
        &mut self,
        creation: &ClusterCreation,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        let ClusterCreation { contact_ms, founder, addresses, key } = creation;
        if self.version != 0 {
            return Err(Denied::AlreadyCreated);
        }
        let contact = Duration::from_millis(*contact_ms);
        if contact < limits::CONTACT_LEAST || contact > limits::CONTACT_MOST {
            return Err(Denied::Malformed { what: "the bound of contact".to_owned() });
        }
        check_addresses(addresses)?;
        (self.contact, self.version) = (contact, FIRST_VERSION);
        let (name, key, token) = (founder, *key, Digest::ZERO);
        let founder = Newcomer { name, raft_id: 1, addresses, key, token, supports: FIRST_VERSION };
        Ok(self.admit(&founder, effects))
    }

    /// A backup becomes a cluster of one. Whoever still runs for the cluster that it was taken of
    /// must be cut off: all epochs and Raft ids jump. So do the places of the control chain, since
    /// the cluster may have published more than the backup knows. Lanes stay, so that what had an
    /// effect before the backup has none again; the founder counts on beyond them
    /// ([`State::last_request`]).
    pub(crate) fn restore_cluster(
        &mut self,
        restoration: &ClusterRestoration,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        let ClusterRestoration { founder, addresses, key } = restoration;
        if self.version == 0 {
            return Err(Denied::NoCluster);
        }
        check_addresses(addresses)?;
        if let Some(raft_id) = self.restored_with(founder, key) {
            return Ok(Reply::Joined { raft_id });
        }
        let gone: Vec<Name> = self.nodes.members().map(|node| node.name.clone()).collect();
        let sessions = self.open_sessions().len() as u64;
        let raft_id = self.restored_raft_id();
        let after = Some(self.jump_in_chain());
        let restored =
            BackupRestored { founder: founder.clone(), gone: gone.clone(), sessions, after };
        self.record_small(Kind::BackupRestored(restored), effects);
        for node in &gone {
            self.lose_sessions(node, effects);
        }
        self.withdraw_all(Withdrawn::NodeLost, effects);
        for node in self.nodes.by_name.values_mut() {
            node.epoch = Epoch(node.epoch.0.saturating_add(limits::RESTORATION_JUMP));
            if node.is_member() {
                (node.presence, node.since) = (Presence::Removed, self.time);
            }
        }
        self.sessions.numbers.clear();
        self.tokens.clear();
        let (name, key, token) = (founder, *key, Digest::ZERO);
        let founder = Newcomer { name, raft_id, addresses, key, token, supports: self.version };
        Ok(self.seat(&founder, effects))
    }

    /// The highest number that a node's lanes have used, as far as this state knows: whoever acts
    /// under its name after a restoration counts from beyond it.
    #[must_use]
    pub fn last_request(&self, node: &Name) -> u64 {
        self.replies.highest(node)
    }

    /// The founder's Raft id, when the cluster was restored with it already: the answer was lost.
    fn restored_with(&self, founder: &Name, key: &Digest) -> Option<u64> {
        let mut members = self.nodes.members();
        let only = members.next().filter(|only| only.presence == Presence::Joined)?;
        let alone = members.next().is_none();
        (alone && (&only.name, &only.key) == (founder, key)).then_some(only.raft_id)
    }

    /// The Raft id that the founder gets when this state is restored as a backup.
    #[must_use]
    pub fn restored_raft_id(&self) -> u64 {
        self.nodes.last_raft_id.saturating_add(limits::RESTORATION_JUMP)
    }

    pub(crate) fn create_join_token(
        &mut self,
        token: &JoinToken,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        let JoinToken { digest, lasts_ms, by } = token;
        self.check_by(by)?;
        limits::check_lasts(*lasts_ms, "how long a join token lasts", limits::JOIN_TOKEN_LASTS)?;
        let now = self.time;
        self.tokens.retain(|_, token| now < token.until);
        let count = self.tokens.len() + 1;
        limits::check(count, "the number of join tokens", limits::JOIN_TOKENS)?;
        let token = Token { until: later(now, *lasts_ms), by: by.clone() };
        self.tokens.insert(*digest, token);
        effects.changed.nodes = true;
        Ok(Reply::Done)
    }

    pub(crate) fn join_node(
        &mut self,
        joining: &NodeJoining,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        let NodeJoining { node: name, addresses, key, token, supports } = joining;
        let before = self.nodes.by_name.get(name);
        if let Some(node) = before.filter(|node| node.is_member()) {
            // The answer to its join was lost, and its token is spent: it is the same node.
            let again = node.presence == Presence::Joined
                && (&node.key, &node.token) == (key, token)
                && *token != Digest::ZERO;
            let raft_id = node.raft_id;
            let present = || Denied::NodePresent(name.clone());
            return if again { Ok(Reply::Joined { raft_id }) } else { Err(present()) };
        }
        let good = self.tokens.get(token).is_some_and(|token| self.time < token.until);
        if !good {
            return Err(Denied::JoinTokenWrong);
        }
        if let Some(other) = self.nodes.members().find(|node| node.key == *key) {
            return Err(Denied::KeyInUse(other.name.clone()));
        }
        self.check_supports(*supports)?;
        check_addresses(addresses)?;
        let count = self.nodes.by_name.len() + usize::from(before.is_none());
        limits::check(count, "the number of nodes", limits::NODES)?;

        self.tokens.remove(token);
        let raft_id = self.nodes.last_raft_id + 1;
        let (key, token, supports) = (*key, *token, *supports);
        Ok(self.admit(&Newcomer { name, raft_id, addresses, key, token, supports }, effects))
    }

    /// Makes a node a member whose disk is new: it counts its requests from their beginning.
    fn admit(&mut self, newcomer: &Newcomer<'_>, effects: &mut Effects) -> Reply {
        self.replies.forget(newcomer.name);
        self.seat(newcomer, effects)
    }

    /// Makes a node a member, under a Raft id that was never used. A removed node's name goes on
    /// with its epochs, so that nothing of the two can be taken for one another's.
    fn seat(&mut self, newcomer: &Newcomer<'_>, effects: &mut Effects) -> Reply {
        let Newcomer { name, raft_id, addresses, key, token, supports } = *newcomer;
        let joined = NodeJoined { node: name.clone(), raft_id, address: addresses.cluster.clone() };
        self.record_small(Kind::NodeJoined(joined), effects);
        let epoch = self.nodes.by_name.get(name).map_or(Epoch(0), |node| node.epoch);
        // Its disk is another: it counts its events from their beginning.
        self.checkpoints.remove(name);
        self.seals.forget(name);
        self.nodes.insert(Node {
            name: name.clone(),
            raft_id,
            addresses: addresses.clone(),
            key,
            token,
            epoch,
            nonce: 0,
            started_from: Epoch(0),
            supports,
            version: String::new(),
            presence: Presence::Joined,
            since: self.time,
        });
        effects.changed.nodes = true;
        Reply::Joined { raft_id }
    }

    pub(crate) fn raise_version(
        &mut self,
        raise: &VersionRaise,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        if raise.to <= self.version {
            return Ok(Reply::Done);
        }
        if let Some(old) = self.nodes.members().find(|node| node.supports < raise.to) {
            return Err(Denied::NotSupported { node: old.name.clone(), supports: old.supports });
        }
        self.version = raise.to;
        if raise.to >= SEALS_SINCE {
            self.seals.begin(self.chain.head.seq);
        }
        effects.changed.nodes = true;
        Ok(Reply::Done)
    }
}
