//! Parameters of a database's session that change what statements mean and of which the database
//! itself says nothing, or late: what statements set them to, in transactions that may end either
//! way. What cannot be told is `unknown`, never what it was.
//!
//! What a function sets inside cannot be seen here. `client_encoding` and
//! `standard_conforming_strings` are not here: a connection on which they change is ended.

use std::collections::BTreeMap;

use crate::surroundings::Lookup;
use node_enforce::sql::{Handling, Setting, To, Transaction};

/// The parameters.
const NAMES: [&str; 3] = ["search_path", "role", "session_authorization"];
/// The longest value that is kept, in bytes; a longer one is as good as unknown.
const VALUE_BYTES: usize = 4096;
/// What is not known stands here as this; a value that reads like this is not known either.
const UNKNOWN: &str = "unknown";
/// What the database calls statements that set what they say, surely and once.
const SETTING: [&[u8]; 3] = [b"SET", b"RESET", b"DISCARD ALL"];

/// Values by name, of those that are not what they were when the session began.
type Values = BTreeMap<&'static str, String>;

/// The parameters of one session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tracked {
    now: Values,
    /// What they are after a commit: without what is only set for the transaction.
    lasting: Values,
    /// What they are after a rollback.
    before: Values,
    /// What the database said when the session began, and says now.
    authorization: Option<String>,
}

impl Tracked {
    /// Names and values, where they are not what they were when the session began.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.now.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// How names are looked up; none where that is not known, or the session is somebody else.
    pub(crate) fn lookup(&self) -> Option<Lookup> {
        let known = |name| match self.now.get(name) {
            Some(value) if value == UNKNOWN => None,
            value => Some(value.cloned()),
        };
        if self.now.contains_key("session_authorization") {
            return None;
        }
        Some(Lookup { path: known("search_path")?, role: known("role")? })
    }

    /// Whether no end of a transaction changes any of them.
    pub(crate) fn is_settled(&self) -> bool {
        self.now == self.lasting && self.now == self.before
    }

    /// A statement has done what it does; `tag` is what the database calls it.
    pub(crate) fn done(&mut self, handling: &Handling, tag: &[u8]) {
        let surely = SETTING.contains(&tag);
        for setting in &handling.settings {
            self.set(setting, surely);
        }
        match &handling.transaction {
            Some(Transaction::RollbackTo(_)) => self.partly_undone(),
            // A COMMIT of what failed is a rollback, and says so.
            Some(_) if tag == b"ROLLBACK" => self.undone(),
            Some(Transaction::Commit | Transaction::Prepare) => self.committed(),
            _ => {}
        }
    }

    /// Statements that nobody could read have done what they do; they may have committed it.
    pub(crate) fn done_unread(&mut self) {
        self.set_unknown();
        self.before.clone_from(&self.lasting);
    }

    fn set_unknown(&mut self) {
        for name in NAMES {
            self.put(name, Some(UNKNOWN.to_owned()), false);
        }
    }

    fn set(&mut self, setting: &Setting, surely: bool) {
        let value = match &setting.to {
            // A function sets it, once for each row or never, and perhaps for a while only.
            _ if !surely => Some(UNKNOWN.to_owned()),
            To::Default => None,
            To::Value(value) if value.len() <= VALUE_BYTES => Some(value.clone()),
            To::Value(_) | To::Unknown => Some(UNKNOWN.to_owned()),
        };
        match setting.name.as_str() {
            // By a name that is only known when it runs: any of them.
            "" => self.set_unknown(),
            // Who the session is, is not reset by RESET ALL.
            "all" => self.put("search_path", None, setting.local),
            name => {
                let Some(name) = NAMES.into_iter().find(|known| *known == name) else { return };
                // `SET ROLE NONE` is what it was.
                let value = value.filter(|value| name != "role" || value != "none");
                if name == "session_authorization" {
                    let role = (!surely).then(|| UNKNOWN.to_owned());
                    self.put("role", role, setting.local);
                }
                self.put(name, value, setting.local);
            }
        }
    }

    fn put(&mut self, name: &'static str, value: Option<String>, local: bool) {
        let into = |values: &mut Values| match &value {
            Some(value) => drop(values.insert(name, value.clone())),
            None => drop(values.remove(name)),
        };
        into(&mut self.now);
        if !local {
            into(&mut self.lasting);
        }
    }

    fn committed(&mut self) {
        self.now.clone_from(&self.lasting);
        self.before.clone_from(&self.lasting);
    }

    /// The transaction was rolled back.
    pub(crate) fn undone(&mut self) {
        self.now.clone_from(&self.before);
        self.lasting.clone_from(&self.before);
    }

    /// A part of the transaction was rolled back: of what it set, nobody counts which part.
    fn partly_undone(&mut self) {
        for name in NAMES {
            let before = self.before.get(name);
            if self.now.get(name) != before || self.lasting.get(name) != before {
                self.put(name, Some(UNKNOWN.to_owned()), false);
            }
        }
    }

    /// The database is outside of any transaction; what came last may have failed.
    pub(crate) fn idle(&mut self, failed: bool) {
        if failed { self.undone() } else { self.committed() }
    }

    /// The database says a parameter's value.
    pub(crate) fn told(&mut self, name: &[u8], value: &[u8]) {
        if name != b"session_authorization" {
            return;
        }
        let value = String::from_utf8_lossy(value).into_owned();
        let began = self.authorization.get_or_insert_with(|| value.clone());
        let is_other = *began != value;
        // It is said when it is so, whatever becomes of the transaction: then it is said again.
        for values in [&mut self.now, &mut self.lasting] {
            if is_other {
                values.insert("session_authorization", value.clone());
            } else {
                values.remove("session_authorization");
            }
        }
    }
}
