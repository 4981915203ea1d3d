//! What names mean in a session, as far as it is known without asking its database: the search
//! path and the role that were set, and what only this session sees. Pure.
//!
//! What may have happened is taken for happened: a name that may mean something of the session's
//! own is never looked up elsewhere.

use std::collections::HashSet;

use node_enforce::sql::lineage::Step;
use node_enforce::sql::{Setting, To};

/// How names are looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Lookup {
    /// The search path, when it was set.
    pub(crate) path: Option<String>,
    /// The role, when it was set.
    pub(crate) role: Option<String>,
}

/// How names are looked up, and of which part of that it is not known.
#[derive(Clone, Debug, Default)]
struct Known {
    lookup: Lookup,
    path_lost: bool,
    role_lost: bool,
}

/// What is known of a session.
#[derive(Debug, Default)]
pub(crate) struct Surroundings {
    now: Known,
    /// What was known when the transaction began.
    before: Known,
    /// Whether it was changed in the transaction, for good or for as long as that lasts.
    changed: bool,
    local: bool,
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
    /// How names are looked up; none when that is not known, or when definitions are not committed.
    pub(crate) fn lookup(&self) -> Option<&Lookup> {
        (!self.is_lost() && !self.defines).then_some(&self.now.lookup)
    }

    /// A statement runs that nobody looks at, since no column is masked yet.
    pub(crate) fn unwatched(&mut self) {
        self.unwatched = true;
    }

    fn is_lost(&self) -> bool {
        self.unwatched || self.now.path_lost || self.now.role_lost
    }

    /// Whether a name may mean something that only this session sees.
    pub(crate) fn is_own(&self, parts: &[String]) -> bool {
        let Some((name, before)) = parts.split_last() else { return true };
        let schema = before.last().map(String::as_str);
        if matches!(schema, Some("pg_catalog" | "information_schema")) {
            return false;
        }
        self.defines || self.is_lost() || self.temporary.contains(name)
    }

    /// A text is sent with these settings; `alone` when it is one statement that does nothing else.
    pub(crate) fn sets(&mut self, settings: &[Setting], alone: bool) {
        for Setting { name, to, local } in settings {
            // What stands among other statements may be undone by one of them, or never run; and
            // what is set for a transaction hides what is set for good.
            let surely = alone && !self.local;
            let now = &mut self.now;
            match (name.as_str(), to) {
                ("search_path", To::Value(path)) => {
                    (now.lookup.path, now.path_lost) = (Some(path.clone()), !surely);
                }
                ("search_path" | "all", To::Default) => {
                    (now.lookup.path, now.path_lost) = (None, !surely);
                }
                ("role", To::Value(role)) => {
                    let role = Some(role.clone()).filter(|role| role != "none");
                    (now.lookup.role, now.role_lost) = (role, !surely);
                }
                ("role" | "session_authorization", To::Default) => {
                    (now.lookup.role, now.role_lost) = (None, !surely);
                }
                ("search_path", _) => now.path_lost = true,
                ("role" | "session_authorization", _) => now.role_lost = true,
                ("" | "all", _) => (now.path_lost, now.role_lost) = (true, true),
                _ => continue,
            }
            self.changed = true;
            self.local |= *local;
        }
    }

    /// A statement is sent that defines something.
    pub(crate) fn defines(&mut self, step: &Step) {
        if !step.defines {
            return;
        }
        self.defines = true;
        let named = step.relations().iter().filter_map(|parts| parts.last());
        let of_own = named.into_iter().any(|name| self.temporary.contains(name));
        let path = self.now.lookup.path.as_deref().unwrap_or_default();
        if step.is_temporary || of_own || self.is_lost() || path.contains("pg_temp") {
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
        if !is_idle {
            if self.rolled_back && self.changed {
                // A savepoint may have taken back some of it.
                (self.now.path_lost, self.now.role_lost) = (true, true);
            }
            (self.failed, self.rolled_back) = (false, false);
            return false;
        }
        if self.changed && (undone || self.local) {
            self.now = self.before.clone();
        }
        if std::mem::take(&mut self.forgets) && !undone {
            self.temporary.clear();
        }
        self.before = self.now.clone();
        (self.changed, self.local, self.failed, self.rolled_back) = (false, false, false, false);
        std::mem::take(&mut self.defines)
    }
}
