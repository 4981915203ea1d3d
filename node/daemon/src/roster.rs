//! Who is a member, as this node's replicated state has it, for whoever judges connections: kept
//! beside the state, because the connections are there before the state is.

use std::collections::BTreeMap;

use consensus_state::{Presence, State};
use node_peer::{Members, Standing};
use parking_lot::RwLock;
use proto::peer::MemberRecord;
use tokio::sync::watch;

/// The members of the cluster.
pub(crate) struct Roster {
    known: RwLock<Known>,
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct Known {
    standings: BTreeMap<u64, Standing>,
    members: Vec<MemberRecord>,
}

impl Roster {
    /// Nobody is known yet.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self { known: RwLock::default(), changes: watch::channel(0).0 }
    }

    /// Takes what the state says; whoever judges by it is told.
    pub(crate) fn take(&self, state: &State) {
        let mut known = Known::default();
        for node in state.nodes() {
            let standing = if node.presence == Presence::Removed {
                Standing::Removed
            } else {
                known.members.push(MemberRecord {
                    raft_id: node.raft_id,
                    node: node.name.clone(),
                    address: node.addresses.cluster.clone(),
                    key: node.key,
                });
                Standing::Member { node: node.name.clone(), key: node.key }
            };
            known.standings.insert(node.raft_id, standing);
        }
        // A Raft id that is under no name any more was a node that left, whose name came again.
        let last = known.standings.keys().next_back().copied().unwrap_or(0);
        let before = self.known.read().standings.clone();
        for gone in before.keys().filter(|raft_id| **raft_id <= last) {
            known.standings.entry(*gone).or_insert(Standing::Removed);
        }
        *self.known.write() = known;
        self.changes.send_modify(|count| *count += 1);
    }
}

impl Members for Roster {
    fn standing(&self, raft_id: u64) -> Standing {
        let known = self.known.read();
        known.standings.get(&raft_id).cloned().unwrap_or(Standing::Unknown)
    }

    fn all(&self) -> Vec<MemberRecord> {
        self.known.read().members.clone()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
