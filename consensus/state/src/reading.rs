//! What readers of the state may see.

use std::time::Duration;

use proto::entry::{ApprovalId, LockScope};
use proto::event::{Head, Stamped};
use proto::ids::{Digest, Epoch, Name, SessionId};
use proto::person::Person;
use proto::target::Target;
use proto::time::Utc;

use crate::approvals::Approval;
use crate::locks::Lock;
use crate::nodes::Node;
use crate::policy::PolicyRevision;
use crate::secrets::{SealedCheckpoint, Wrapped};
use crate::sessions::OpenSession;
use crate::state::State;

impl State {
    /// The cluster whose state this is.
    #[must_use]
    pub fn cluster(&self) -> &Name {
        &self.cluster
    }

    /// T of promise 7; zero before the cluster is created.
    #[must_use]
    pub fn contact(&self) -> Duration {
        self.contact
    }

    /// The version that all members understand; 0 before the cluster is created.
    #[must_use]
    pub fn cluster_version(&self) -> u32 {
        self.version
    }

    /// The control index: how many proposals were applied.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// The latest stamp of all entries; before the first, a time before all others.
    #[must_use]
    pub fn time(&self) -> Utc {
        self.time
    }

    /// Where the control chain stands.
    #[must_use]
    pub fn control_head(&self) -> Head {
        self.chain.head
    }

    /// Events of the control chain that are not known to be kept elsewhere, in order.
    pub fn unpublished(&self) -> impl ExactSizeIterator<Item = &Stamped> {
        self.chain.unpublished()
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> Option<&PolicyRevision> {
        self.policies.revisions().last()
    }

    /// The latest revision with this document.
    #[must_use]
    pub fn policy_by_digest(&self, digest: &Digest) -> Option<&PolicyRevision> {
        self.policies.revisions().iter().rev().find(|policy| policy.digest == *digest)
    }

    /// All revisions, the oldest first.
    #[must_use]
    pub fn policy_revisions(&self) -> &[PolicyRevision] {
        self.policies.revisions()
    }

    /// All people, by name.
    pub fn people(&self) -> impl ExactSizeIterator<Item = &Person> {
        self.people.by_name.values()
    }

    /// One person.
    #[must_use]
    pub fn person(&self, name: &Name) -> Option<&Person> {
        self.people.by_name.get(name)
    }

    /// How often the people were replaced.
    #[must_use]
    pub fn people_revision(&self) -> u64 {
        self.people.revision
    }

    /// All targets, by name.
    pub fn targets(&self) -> impl ExactSizeIterator<Item = &Target> {
        self.targets.by_name.values()
    }

    /// One target.
    #[must_use]
    pub fn target(&self, name: &Name) -> Option<&Target> {
        self.targets.by_name.get(name)
    }

    /// How often the targets were replaced.
    #[must_use]
    pub fn targets_revision(&self) -> u64 {
        self.targets.revision
    }

    /// Every node that ever was, by name; a removed one is among them.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = &Node> {
        self.nodes.by_name.values()
    }

    /// One node, also a removed one.
    #[must_use]
    pub fn node(&self, name: &Name) -> Option<&Node> {
        self.nodes.by_name.get(name)
    }

    /// The node with this Raft id, also a removed one, unless its name was joined again.
    #[must_use]
    pub fn node_by_raft_id(&self, raft_id: u64) -> Option<&Node> {
        self.node(self.nodes.by_raft_id.get(&raft_id)?)
    }

    /// The epoch that a node is in, when there ever was such a node.
    #[must_use]
    pub fn epoch_of(&self, node: &Name) -> Option<Epoch> {
        self.node(node).map(|node| node.epoch)
    }

    /// All open sessions, by id.
    pub fn open_sessions(&self) -> impl ExactSizeIterator<Item = &OpenSession> {
        self.sessions.open()
    }

    /// One open session.
    #[must_use]
    pub fn open_session_by_id(&self, session: &SessionId) -> Option<&OpenSession> {
        self.sessions.get(session)
    }

    /// How many sessions a person has open.
    #[must_use]
    pub fn sessions_of(&self, person: &Name) -> usize {
        self.sessions.count_of(person)
    }

    /// The ledger of closed sessions: how many there are, and the root of the tree over them
    /// (RFC 6962), whose leaves are in the order in which they were closed.
    #[must_use]
    pub fn ledger(&self) -> (u64, Digest) {
        (self.ledger.count(), self.ledger.root())
    }

    /// One approval, unless it ended long ago.
    #[must_use]
    pub fn approval(&self, id: ApprovalId) -> Option<&Approval> {
        self.approvals.get(id)
    }

    /// All approvals that are kept, the oldest first.
    pub fn approvals(&self) -> impl ExactSizeIterator<Item = &Approval> {
        self.approvals.iter()
    }

    /// An approval that covers a session, was used, and still holds for what these rules hold.
    /// It is a hint: whoever takes it must consume it, which checks again.
    #[must_use]
    pub fn session_approval(&self, session: &SessionId, rules: &[String]) -> Option<&Approval> {
        let current = self.policies.current();
        let mut held = self.approvals.of_session(session);
        held.find(|approval| approval.holds_for(rules, current, self.time))
    }

    /// All locks, the oldest first.
    pub fn locks(&self) -> impl ExactSizeIterator<Item = &Lock> {
        self.locks.iter()
    }

    /// A lock that keeps this person from this target on this node.
    #[must_use]
    pub fn locked(&self, person: &Name, target: &Name, node: &Name) -> Option<&Lock> {
        let scopes = [
            LockScope::All,
            LockScope::Person(person.clone()),
            LockScope::Target(target.clone()),
            LockScope::Node(node.clone()),
        ];
        scopes.iter().find_map(|scope| self.locks.of_scope(scope))
    }

    /// A secret of the cluster, wrapped.
    #[must_use]
    pub fn secret(&self, name: &Name) -> Option<&Wrapped> {
        self.secrets.get(name)
    }

    /// How far a node's chain is known to be durable.
    #[must_use]
    pub fn checkpoint(&self, node: &Name) -> Option<&SealedCheckpoint> {
        self.checkpoints.get(node)
    }
}
