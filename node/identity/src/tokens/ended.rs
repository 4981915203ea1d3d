//! Tokens that were given up on this node before their time.
//!
//! Bounded, and it errs on the side of ending: what is forgotten of a person ends all that they
//! were given before it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use proto::ids::Name;
use proto::time::Utc;

use super::claims::{Claims, Id};

/// How many ended tokens of a person are remembered one by one. Only people can end tokens, and
/// only their own, so there are at most so many for each person of the cluster.
pub const ENDED_PER_PERSON: usize = 32;

/// What was ended.
#[derive(Debug, Default)]
pub(super) struct Ended(Mutex<BTreeMap<Name, OfPerson>>);

/// What a person ended.
#[derive(Debug)]
struct OfPerson {
    /// Tokens given at this instant or before are over.
    until: Utc,
    /// When the last of those ends by itself.
    until_expires: Utc,
    /// Others: when they were given, and when they end by themselves.
    tokens: BTreeMap<Id, (Utc, Utc)>,
}

impl Default for OfPerson {
    fn default() -> Self {
        Self { until: Utc(i64::MIN), until_expires: Utc(i64::MIN), tokens: BTreeMap::new() }
    }
}

impl OfPerson {
    fn is_ended(&self, claims: &Claims) -> bool {
        claims.issued <= self.until || self.tokens.contains_key(&claims.id)
    }

    /// Forgets one by one what is too much, and ends with the oldest all that is older.
    fn bound(&mut self) {
        while self.tokens.len() > ENDED_PER_PERSON {
            let oldest = self.tokens.iter().min_by_key(|(_, (issued, _))| *issued);
            let Some((id, (issued, expires))) = oldest.map(|(id, times)| (*id, *times)) else {
                return;
            };
            self.tokens.remove(&id);
            self.until = self.until.max(issued);
            self.until_expires = self.until_expires.max(expires);
        }
    }

    /// Forgets what is over by itself; whether anything is left.
    fn forget(&mut self, now: Utc) -> bool {
        self.tokens.retain(|_, (_, expires)| now < *expires);
        !self.tokens.is_empty() || now < self.until_expires
    }
}

impl Ended {
    pub(super) fn is_ended(&self, claims: &Claims) -> bool {
        self.lock().get(&claims.person).is_some_and(|theirs| theirs.is_ended(claims))
    }

    /// Ends a token; whether it had not ended before.
    pub(super) fn end(&self, claims: &Claims, now: Utc) -> bool {
        let mut ended = self.lock();
        ended.retain(|_, theirs| theirs.forget(now));
        let theirs = ended.entry(claims.person.clone()).or_default();
        if theirs.is_ended(claims) {
            return false;
        }
        theirs.tokens.insert(claims.id, (claims.issued, claims.expires));
        theirs.bound();
        true
    }

    /// Ends all that a person was given until now.
    pub(super) fn end_all_of(&self, person: &Name, now: Utc, expires: Utc) {
        let mut ended = self.lock();
        let theirs = ended.entry(person.clone()).or_default();
        theirs.until = theirs.until.max(now);
        theirs.until_expires = theirs.until_expires.max(expires);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Name, OfPerson>> {
        // The map is whole after each statement, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
