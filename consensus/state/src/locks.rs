//! Locks: who and what is shut out, until when.

#![allow(missing_docs, reason = "rkyv derives a resolver whose fields it does not document")]

use std::collections::{BTreeMap, BTreeSet};

use proto::entry::{ApprovalId, By, LockLift, LockScope, LockSetting};
use proto::event::{Kind, LockLifted, LockSet};
use proto::ids::Name;
use proto::time::Utc;
use rkyv::{Archive, Deserialize, Serialize};

use crate::denied::Denied;
use crate::effects::Effects;
use crate::limits;
use crate::reply::Reply;
use crate::state::{State, later};

/// One lock.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Lock {
    /// Its id.
    pub id: ApprovalId,
    /// Who or what is locked out.
    pub scope: LockScope,
    /// Since when, in the state's time.
    pub at: Utc,
    /// Until when; until it is lifted, when absent.
    pub until: Option<Utc>,
    /// Why.
    pub reason: String,
    /// Who locked.
    pub by: By,
}

/// All locks, by id, by what they lock, and by when they end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Locks {
    by_id: BTreeMap<ApprovalId, Lock>,
    by_scope: BTreeMap<LockScope, BTreeSet<ApprovalId>>,
    by_end: BTreeSet<(Utc, ApprovalId)>,
}

impl Locks {
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Lock> {
        self.by_id.values()
    }

    pub(crate) fn first_end(&self) -> Option<Utc> {
        self.by_end.first().map(|(end, _)| *end)
    }

    pub(crate) fn of_scope(&self, scope: &LockScope) -> Option<&Lock> {
        let first = self.by_scope.get(scope)?.first()?;
        self.by_id.get(first)
    }

    pub(crate) fn insert(&mut self, lock: Lock) {
        self.by_scope.entry(lock.scope.clone()).or_default().insert(lock.id);
        if let Some(end) = lock.until {
            self.by_end.insert((end, lock.id));
        }
        self.by_id.insert(lock.id, lock);
    }

    fn remove(&mut self, id: ApprovalId) -> Option<Lock> {
        let lock = self.by_id.remove(&id)?;
        if let Some(of_scope) = self.by_scope.get_mut(&lock.scope) {
            of_scope.remove(&id);
            if of_scope.is_empty() {
                self.by_scope.remove(&lock.scope);
            }
        }
        if let Some(end) = lock.until {
            self.by_end.remove(&(end, id));
        }
        Some(lock)
    }
}

impl State {
    pub(crate) fn set_lock(
        &mut self,
        setting: &LockSetting,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        let LockSetting { scope, for_ms, reason, by } = setting;
        self.check_by(by)?;
        // A lock on nobody would look like one on somebody.
        match scope {
            LockScope::Person(name) if self.person(name).is_none() => {
                return Err(Denied::UnknownPerson(name.clone()));
            }
            LockScope::Target(name) if self.target(name).is_none() => {
                return Err(Denied::UnknownTarget(name.clone()));
            }
            LockScope::Node(name) if self.node(name).is_none() => {
                return Err(Denied::UnknownNode(name.clone()));
            }
            _ => {}
        }
        if let Some(ms) = for_ms {
            limits::check_lasts(*ms, "how long a lock lasts", limits::LOCK_LASTS)?;
        }
        limits::check(reason.len(), "a reason in bytes", limits::REASON_BYTES)?;
        let count = self.locks.by_id.len() + 1;
        limits::check(count, "the number of locks", limits::LOCKS)?;
        let until = for_ms.map(|ms| later(self.time, ms));
        let (id, reason) = (ApprovalId(self.applied), reason.clone());
        self.record_small(
            Kind::LockSet(LockSet {
                lock: id,
                scope: scope.to_string(),
                until,
                reason: reason.clone(),
                by: by.to_string(),
            }),
            effects,
        );
        let (scope, by) = (scope.clone(), by.clone());
        self.locks.insert(Lock { id, scope, at: self.time, until, reason, by });
        effects.changed.locks = true;
        Ok(Reply::Lock(id))
    }

    pub(crate) fn lift_lock(
        &mut self,
        lift: &LockLift,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        let LockLift { lock, reason, by } = lift;
        self.check_by(by)?;
        limits::check(reason.len(), "a reason in bytes", limits::REASON_BYTES)?;
        self.remove_lock(*lock, reason.clone(), Some(by.to_string()), effects)?;
        Ok(Reply::Done)
    }

    /// Ends locks whose time is over.
    pub(crate) fn expire_locks(&mut self, effects: &mut Effects) {
        while let Some(&(end, id)) = self.locks.by_end.first() {
            if end > self.time || self.remove_lock(id, "ran out".to_owned(), None, effects).is_err()
            {
                return;
            }
        }
    }

    fn remove_lock(
        &mut self,
        id: ApprovalId,
        reason: String,
        by: Option<String>,
        effects: &mut Effects,
    ) -> Result<(), Denied> {
        let lock = self.locks.remove(id).ok_or(Denied::UnknownLock(id))?;
        let lifted = LockLifted { lock: id, scope: lock.scope.to_string(), reason, by };
        self.record_small(Kind::LockLifted(lifted), effects);
        effects.changed.locks = true;
        Ok(())
    }

    /// Refuses what a lock forbids.
    pub(crate) fn check_unlocked(
        &self,
        person: &Name,
        target: &Name,
        node: &Name,
    ) -> Result<(), Denied> {
        self.locked(person, target, node).map_or(Ok(()), |lock| Err(denied(lock)))
    }

    /// Refuses a person who is locked: they change nothing.
    pub(crate) fn check_by(&self, by: &By) -> Result<(), Denied> {
        let Some(person) = by.person() else { return Ok(()) };
        let lock = self.locks.of_scope(&LockScope::Person(person.clone()));
        lock.map_or(Ok(()), |lock| Err(denied(lock)))
    }
}

fn denied(lock: &Lock) -> Denied {
    Denied::Locked { lock: lock.id, scope: lock.scope.clone() }
}
