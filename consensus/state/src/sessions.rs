//! Nodes and the sessions that they have open.
//!
//! A session is opened in the order of the log, so that what it was judged by is what is in force.
//! An id is never used twice, although closed sessions are not kept: each node counts its sessions
//! up, and which numbers of its epoch are used is remembered as a floor and the few above it.

use std::collections::{BTreeMap, BTreeSet};

use proto::entry::SessionOpening;
use proto::ids::{Epoch, Name, SessionId};
use proto::time::Utc;

use crate::limits;
use crate::policy::check_length;
use crate::reply::{Denied, Effects, Reply};
use crate::state::State;

/// A session that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenSession {
    /// What it was opened with.
    pub opening: SessionOpening,
    /// When, in the state's time.
    pub at: Utc,
}

/// Every node that has ever started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Nodes(BTreeMap<Name, Node>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Node {
    epoch: Epoch,
    /// All session numbers up to this one are used, or too old to be given.
    used_up_to: u64,
    /// Used numbers above that.
    used: BTreeSet<u64>,
}

/// Open sessions, and how many each person has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sessions {
    open: BTreeMap<SessionId, OpenSession>,
    of_person: BTreeMap<Name, usize>,
}

impl State {
    pub(crate) fn start_node(&mut self, node: &Name) -> Result<(Reply, Effects), Denied> {
        if !self.nodes.0.contains_key(node) {
            check_length(self.nodes.0.len() + 1, "the number of nodes", limits::NODES)?;
        }
        let epoch = self.nodes.start(node);
        let lost_sessions = self.sessions.of_node(node);
        for session in &lost_sessions {
            self.sessions.close(session);
        }
        Ok((Reply::Epoch(epoch), Effects { lost_sessions, ..Effects::default() }))
    }

    pub(crate) fn open_session(
        &mut self,
        opening: &SessionOpening,
    ) -> Result<(Reply, Effects), Denied> {
        let number = self.nodes.check(opening)?;
        if !self.people.contains_key(&opening.person) {
            return Err(Denied::UnknownPerson(opening.person.clone()));
        }
        if !self.targets.contains_key(&opening.target) {
            return Err(Denied::UnknownTarget(opening.target.clone()));
        }
        let current = self.policies.current();
        if current == 0 || opening.policy_revision != current {
            return Err(Denied::PolicyChanged { current });
        }
        let limit = opening.per_person;
        let count = self.sessions.count_of(&opening.person);
        if count >= usize::try_from(limit).unwrap_or(usize::MAX) {
            return Err(Denied::TooManySessions { limit });
        }
        check_length(opening.login.len(), "a login in bytes", limits::LOGIN_BYTES)?;
        let more = self.sessions.open.len() + 1;
        check_length(more, "the number of open sessions", limits::SESSIONS)?;

        self.nodes.use_up(&opening.node, number);
        self.sessions.insert(OpenSession { opening: opening.clone(), at: self.time });
        Ok((Reply::SessionOpened, Effects::default()))
    }
}

impl Nodes {
    pub(crate) fn epoch_of(&self, node: &Name) -> Option<Epoch> {
        self.0.get(node).map(|node| node.epoch)
    }

    fn start(&mut self, name: &Name) -> Epoch {
        let node = self.0.entry(name.clone()).or_default();
        *node = Node { epoch: Epoch(node.epoch.0 + 1), ..Node::default() };
        node.epoch
    }

    /// The session's number, when its node may open it now and never has.
    fn check(&self, opening: &SessionOpening) -> Result<u64, Denied> {
        let name = &opening.node;
        let node = self.0.get(name).ok_or_else(|| Denied::UnknownNode(name.clone()))?;
        if opening.epoch != node.epoch {
            return Err(Denied::StaleEpoch { current: node.epoch });
        }
        let number = session_number(opening)
            .ok_or_else(|| Denied::NotItsSession(opening.session.clone()))?;
        if number <= node.used_up_to || node.used.contains(&number) {
            return Err(Denied::SessionUsed(opening.session.clone()));
        }
        Ok(number)
    }

    fn use_up(&mut self, name: &Name, number: u64) {
        let Some(node) = self.0.get_mut(name) else {
            return;
        };
        node.used.insert(number);
        // A number that was refused leaves a gap; only so many are kept open above it.
        while let Some(&first) = node.used.first() {
            let full = node.used.len() > limits::SESSION_NUMBERS_AHEAD;
            if first != node.used_up_to + 1 && !full {
                return;
            }
            node.used.pop_first();
            node.used_up_to = first;
        }
    }
}

/// The count in an id, when the id is one that this node gives in this epoch.
fn session_number(opening: &SessionOpening) -> Option<u64> {
    let (_, count) = opening.session.as_str().rsplit_once('-')?;
    let count = count.parse::<u64>().ok().filter(|count| *count > 0)?;
    let canonical = SessionId::new(&opening.node, opening.epoch, count);
    (canonical == opening.session).then_some(count)
}

impl Sessions {
    pub(crate) fn open(&self) -> impl ExactSizeIterator<Item = &OpenSession> {
        self.open.values()
    }

    pub(crate) fn get(&self, session: &SessionId) -> Option<&OpenSession> {
        self.open.get(session)
    }

    pub(crate) fn count_of(&self, person: &Name) -> usize {
        self.of_person.get(person).copied().unwrap_or(0)
    }

    fn of_node(&self, node: &Name) -> Vec<SessionId> {
        let of_node = self.open.iter().filter(|(_, session)| session.opening.node == *node);
        of_node.map(|(id, _)| id.clone()).collect()
    }

    fn insert(&mut self, session: OpenSession) {
        *self.of_person.entry(session.opening.person.clone()).or_default() += 1;
        self.open.insert(session.opening.session.clone(), session);
    }

    /// Closing what is not open is nothing: a close may be retried.
    pub(crate) fn close(&mut self, session: &SessionId) {
        let Some(closed) = self.open.remove(session) else {
            return;
        };
        let person = &closed.opening.person;
        let left = self.count_of(person).saturating_sub(1);
        if left == 0 {
            self.of_person.remove(person);
        } else {
            self.of_person.insert(person.clone(), left);
        }
    }
}
