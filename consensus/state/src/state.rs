//! The state and the one way to change it.
//!
//! `apply` orders what always happens (index, time, retries) around what an entry does; what each
//! kind of entry does is in the file of its subject. An entry that is refused has no effect on
//! anything but index, time and kept replies.

use std::collections::BTreeMap;

use proto::entry::{Entry, Proposal};
use proto::event::Head;
use proto::ids::{Digest, Epoch, Name, SessionId};
use proto::person::Person;
use proto::target::Target;
use proto::time::Utc;

use crate::policy::{Policies, PolicyRevision};
use crate::replies::{Replies, Seen};
use crate::reply::{Denied, Effects, Reply};
use crate::sessions::{Nodes, OpenSession, Sessions};

/// What all nodes agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub(crate) cluster: Name,
    pub(crate) policies: Policies,
    pub(crate) people: BTreeMap<Name, Person>,
    pub(crate) targets: BTreeMap<Name, Target>,
    pub(crate) nodes: Nodes,
    pub(crate) sessions: Sessions,
    pub(crate) chain: Head,
    pub(crate) replies: Replies,
    pub(crate) applied: u64,
    pub(crate) time: Utc,
}

impl State {
    /// The state of a cluster in which nothing has happened.
    #[must_use]
    pub fn new(cluster: Name) -> Self {
        Self {
            cluster,
            policies: Policies::default(),
            people: BTreeMap::new(),
            targets: BTreeMap::new(),
            nodes: Nodes::default(),
            sessions: Sessions::default(),
            chain: Head::default(),
            replies: Replies::default(),
            applied: 0,
            time: Utc(i64::MIN),
        }
    }

    /// Applies the entry at `index`, which must be above all that were applied before (from 1).
    ///
    /// A retry, by (client, request), gets the reply that was given and has no effects; so whoever
    /// proposes must never use a number twice, also not after a restart: a node that starts anew
    /// is a new client or goes on above the numbers that it used.
    pub fn apply(&mut self, index: u64, proposal: &Proposal) -> (Reply, Effects) {
        if index <= self.applied {
            let denied = Denied::OutOfOrder { index, applied: self.applied };
            return (Reply::Refused(denied), Effects::default());
        }
        self.applied = index;
        self.time = self.time.max(proposal.at);
        match self.replies.look_up(&proposal.client, proposal.request, self.time) {
            Seen::Never => {}
            Seen::Answered(reply) => return (reply, Effects::default()),
            Seen::Refused(denied) => return (Reply::Refused(denied), Effects::default()),
        }
        let (reply, effects) = match self.perform(&proposal.entry) {
            Ok(done) => done,
            Err(denied) => (Reply::Refused(denied), Effects::default()),
        };
        self.replies.keep(&proposal.client, proposal.request, self.time, reply.clone());
        (reply, effects)
    }

    fn perform(&mut self, entry: &Entry) -> Result<(Reply, Effects), Denied> {
        match entry {
            Entry::NodeStarted { node } => self.start_node(node),
            Entry::PolicySet { document, digest, expected_revision, by } => {
                self.set_policy(document, *digest, *expected_revision, by)
            }
            Entry::PeopleSet { people, by } => self.set_people(people, by),
            Entry::TargetsSet { targets, by } => self.set_targets(targets, by),
            Entry::SessionOpen(opening) => self.open_session(opening),
            Entry::SessionClose { session } => {
                self.sessions.close(session);
                Ok((Reply::Done, Effects::default()))
            }
            Entry::Tick => Ok((Reply::Done, Effects::default())),
        }
    }

    /// The cluster whose state this is.
    #[must_use]
    pub fn cluster(&self) -> &Name {
        &self.cluster
    }

    /// The index of the last entry that was applied, 0 before the first.
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
        self.chain
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
        self.people.values()
    }

    /// One person.
    #[must_use]
    pub fn person(&self, name: &Name) -> Option<&Person> {
        self.people.get(name)
    }

    /// All targets, by name.
    pub fn targets(&self) -> impl ExactSizeIterator<Item = &Target> {
        self.targets.values()
    }

    /// One target.
    #[must_use]
    pub fn target(&self, name: &Name) -> Option<&Target> {
        self.targets.get(name)
    }

    /// The epoch that a node is in, when it has ever started.
    #[must_use]
    pub fn epoch_of(&self, node: &Name) -> Option<Epoch> {
        self.nodes.epoch_of(node)
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
}
