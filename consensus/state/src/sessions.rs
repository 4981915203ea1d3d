//! Sessions that are open, and the ledger that a closed one goes into.
//!
//! A session is opened in the order of the log, so that what it was judged by is what is in force.
//! An id is never used twice, although closed sessions are not kept: each node counts its sessions
//! up, and which numbers of its epoch are used is remembered as a floor and the few above it.

#![allow(missing_docs, reason = "rkyv derives a resolver whose fields it does not document")]

use std::collections::{BTreeMap, BTreeSet};

use proto::entry::{SessionClosing, SessionOpening, Withdrawn};
use proto::ids::{Epoch, Name, SessionId};
use proto::time::Utc;
use rkyv::{Archive, Deserialize, Serialize};

use crate::denied::Denied;
use crate::effects::Effects;
use crate::limits;
use crate::planted::{Bug, planted};
use crate::reply::Reply;
use crate::state::State;

/// A session that is open.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct OpenSession {
    /// What it was opened with.
    pub opening: SessionOpening,
    /// When, in the state's time.
    pub at: Utc,
}

/// A session that is closed now, as the ledger keeps it.
pub(crate) struct Closed<'a> {
    pub(crate) session: &'a OpenSession,
    pub(crate) at: Utc,
    /// Whether its node did not close it.
    pub(crate) lost: bool,
}

impl Closed<'_> {
    /// What the leaf of the tree is the hash of: its parts in order, each behind its length in
    /// bytes as 4 bytes, little end first; numbers are 8 bytes in the same order.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let SessionOpening { node, epoch, session, person, target, login, .. } =
            &self.session.opening;
        let (opened, closed) = (self.session.at.0.to_le_bytes(), self.at.0.to_le_bytes());
        let (epoch, revision) =
            (epoch.0.to_le_bytes(), self.session.opening.policy_revision.to_le_bytes());
        let parts: [&[u8]; 11] = [
            b"sallyport closed session 1",
            session.as_str().as_bytes(),
            node.as_str().as_bytes(),
            &epoch,
            person.as_str().as_bytes(),
            target.as_str().as_bytes(),
            login.as_bytes(),
            &revision,
            &opened,
            &closed,
            &[u8::from(self.lost)],
        ];
        let mut bytes = Vec::with_capacity(256);
        for part in parts {
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

/// Which session numbers of its epoch a node has used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct Numbers {
    /// All up to this one are used, or too old to be given.
    used_up_to: u64,
    /// Used ones above that.
    used: BTreeSet<u64>,
}

/// Open sessions, by node, and how many each person has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sessions {
    open: BTreeMap<SessionId, OpenSession>,
    of_node: BTreeMap<Name, BTreeSet<SessionId>>,
    of_person: BTreeMap<Name, usize>,
    pub(crate) numbers: BTreeMap<Name, Numbers>,
}

impl State {
    pub(crate) fn open_session(
        &mut self,
        opening: &SessionOpening,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        let SessionOpening { node, epoch, session, person, target, login, .. } = opening;
        self.running(node, *epoch)?;
        let number = number_of(session, node, *epoch)
            .ok_or_else(|| Denied::NotItsSession(session.clone()))?;
        if self.sessions.is_used(node, number) {
            return Err(Denied::SessionUsed(session.clone()));
        }
        if self.person(person).is_none() {
            return Err(Denied::UnknownPerson(person.clone()));
        }
        if self.target(target).is_none() {
            return Err(Denied::UnknownTarget(target.clone()));
        }
        if !planted(Bug::IgnoredLock) {
            self.check_unlocked(person, target, node)?;
        }
        let current = self.policies.current();
        if current == 0 || opening.policy_revision != current {
            return Err(Denied::PolicyChanged { current });
        }
        let limit = opening.per_person;
        if self.sessions.count_of(person) >= usize::try_from(limit).unwrap_or(usize::MAX) {
            return Err(Denied::TooManySessions { limit });
        }
        limits::check(login.len(), "a login in bytes", limits::LOGIN_BYTES)?;
        let more = self.sessions.open.len() + 1;
        limits::check(more, "the number of open sessions", limits::SESSIONS)?;

        self.sessions.use_up(node, number);
        self.sessions.insert(OpenSession { opening: opening.clone(), at: self.time });
        effects.changed.sessions = true;
        Ok(Reply::SessionOpened)
    }

    /// Closing what is not open is nothing, since a close may be retried; but a session that was
    /// never opened must not be opened after it was closed: the two may pass each other on the way.
    pub(crate) fn close_session(
        &mut self,
        closing: &SessionClosing,
        effects: &mut Effects,
    ) -> Reply {
        let session = &closing.session;
        if self.sessions.open.contains_key(session) {
            self.end_session(session, Withdrawn::SessionEnded, effects);
        } else if let Some((node, number)) = self.own_number(session) {
            self.sessions.use_up(&node, number);
        }
        Reply::Done
    }

    /// The node and number of an id that its node may give now.
    fn own_number(&self, session: &SessionId) -> Option<(Name, u64)> {
        let (rest, _) = session.as_str().rsplit_once('-')?;
        let (node, _) = rest.rsplit_once('-')?;
        let node: Name = node.parse().ok()?;
        let number = number_of(session, &node, self.epoch_of(&node)?)?;
        (!self.sessions.is_used(&node, number)).then_some((node, number))
    }

    /// Closes what a node had open, because it does not run it any more; how many that were.
    pub(crate) fn lose_sessions(&mut self, node: &Name, effects: &mut Effects) -> u64 {
        let lost = self.sessions.of_node.get(node).cloned().unwrap_or_default();
        for session in &lost {
            self.end_session(session, Withdrawn::NodeLost, effects);
        }
        let count = lost.len() as u64;
        effects.lost_sessions.extend(lost);
        count
    }

    fn end_session(&mut self, session: &SessionId, because: Withdrawn, effects: &mut Effects) {
        let Some(closed) = self.sessions.remove(session) else { return };
        let lost = because == Withdrawn::NodeLost;
        self.ledger.add(&Closed { session: &closed, at: self.time, lost });
        effects.changed.sessions = true;
        self.withdraw_of_session(session, because, effects);
    }
}

/// The count in an id, when the id is one that this node gives in this epoch.
fn number_of(session: &SessionId, node: &Name, epoch: Epoch) -> Option<u64> {
    let (_, count) = session.as_str().rsplit_once('-')?;
    let count = count.parse::<u64>().ok().filter(|count| *count > 0)?;
    (SessionId::new(node, epoch, count) == *session).then_some(count)
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

    /// A node begins a new epoch: its numbers begin again.
    pub(crate) fn renumber(&mut self, node: &Name) {
        self.numbers.remove(node);
    }

    fn is_used(&self, node: &Name, number: u64) -> bool {
        let numbers = self.numbers.get(node);
        numbers.is_some_and(|these| number <= these.used_up_to || these.used.contains(&number))
    }

    fn use_up(&mut self, node: &Name, number: u64) {
        let numbers = self.numbers.entry(node.clone()).or_default();
        numbers.used.insert(number);
        // A number that was refused leaves a gap; only so many are kept open above it.
        while let Some(&first) = numbers.used.first() {
            let full = numbers.used.len() > limits::SESSION_NUMBERS_AHEAD;
            if first != numbers.used_up_to + 1 && !full {
                return;
            }
            numbers.used.pop_first();
            numbers.used_up_to = first;
        }
    }

    pub(crate) fn insert(&mut self, session: OpenSession) {
        let SessionOpening { session: id, node, person, .. } = &session.opening;
        *self.of_person.entry(person.clone()).or_default() += 1;
        self.of_node.entry(node.clone()).or_default().insert(id.clone());
        self.open.insert(id.clone(), session);
    }

    fn remove(&mut self, session: &SessionId) -> Option<OpenSession> {
        let closed = self.open.remove(session)?;
        let SessionOpening { node, person, .. } = &closed.opening;
        if let Some(count) = self.of_person.get_mut(person) {
            *count -= 1;
            if *count == 0 {
                self.of_person.remove(person);
            }
        }
        if let Some(of_node) = self.of_node.get_mut(node) {
            of_node.remove(session);
            if of_node.is_empty() {
                self.of_node.remove(node);
            }
        }
        Some(closed)
    }
}
