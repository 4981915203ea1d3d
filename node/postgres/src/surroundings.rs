//! What names mean in a session, as far as it is known without asking its database: how they are
//! looked up, and what only this session sees. Pure.
//!
//! What statements set is followed in one place, [`crate::tracked`]; here is what they define. What
//! may have happened is taken for happened: a name that may mean something of the session's own is
//! never looked up elsewhere.

use std::collections::HashSet;

use node_enforce::sql::lineage::Step;

/// How names are looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Lookup {
    /// The search path, when it was set.
    pub(crate) path: Option<String>,
    /// The role, when it was set.
    pub(crate) role: Option<String>,
}

/// What is known of what a session defined.
#[derive(Debug, Default)]
pub(crate) struct Surroundings {
    /// Whether something was defined that is not committed.
    defines: bool,
    /// Whether statements ran that nobody looked at.
    unwatched: bool,
    /// Names of what is temporary.
    temporary: HashSet<String>,
    /// What was told since the last `ReadyForQuery`.
    failed: bool,
    rolled_back: bool,
    forgets: bool,
}

impl Surroundings {
    /// Whether others see all that the session sees, but for what is temporary by name.
    pub(crate) fn are_shared(&self) -> bool {
        !self.unwatched && !self.defines
    }

    /// A statement runs that nobody looks at, since no column is masked yet.
    pub(crate) fn unwatched(&mut self) {
        self.unwatched = true;
    }

    /// Whether a name may mean something that only this session sees; `lookup` is how names are
    /// looked up, as far as that is known.
    pub(crate) fn is_own(&self, parts: &[String], lookup: Option<&Lookup>) -> bool {
        let Some((name, before)) = parts.split_last() else { return true };
        let schema = before.last().map(String::as_str);
        if matches!(schema, Some("pg_catalog" | "information_schema")) {
            return false;
        }
        !self.are_shared() || lookup.is_none() || self.temporary.contains(name)
    }

    /// A statement is sent that defines something.
    pub(crate) fn defines(&mut self, step: &Step, lookup: Option<&Lookup>) {
        if !step.defines {
            return;
        }
        self.defines = true;
        let named = step.relations().iter().filter_map(|parts| parts.last());
        let of_own = named.into_iter().any(|name| self.temporary.contains(name));
        let path = lookup.and_then(|lookup| lookup.path.as_deref()).unwrap_or_default();
        let is_lost = self.unwatched || lookup.is_none();
        if step.is_temporary || of_own || is_lost || path.contains("pg_temp") {
            self.temporary.extend(step.made.iter().cloned());
        }
    }

    /// A statement is over.
    pub(crate) fn completed(&mut self, tag: &[u8]) {
        self.rolled_back |= tag.starts_with(b"ROLLBACK");
        self.forgets |= tag.starts_with(b"DISCARD ALL") || tag.starts_with(b"DISCARD TEMP");
    }

    pub(crate) fn failed(&mut self) {
        self.failed = true;
    }

    /// The database is ready; whether a transaction is over in which something was defined.
    pub(crate) fn ready(&mut self, is_idle: bool) -> bool {
        let undone = self.failed || self.rolled_back;
        (self.failed, self.rolled_back) = (false, false);
        if !is_idle {
            return false;
        }
        if std::mem::take(&mut self.forgets) && !undone {
            self.temporary.clear();
        }
        std::mem::take(&mut self.defines)
    }
}
