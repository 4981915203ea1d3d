//! What the connections to one database know of it together: its catalog with the masks on it, and
//! what was found out of statements by that. Nothing of it is of one connection alone.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use node_enforce::mask::MaskPlan;
use node_enforce::sql::lineage::{self, Catalog, Exposes, Lineage, Step};
use parking_lot::Mutex;
use proto::target::Target;

use crate::surroundings::Lookup;

/// How long a catalog is believed before it is asked whether anything was defined elsewhere.
const BELIEVED: Duration = Duration::from_secs(1);
/// How many statements' lineages are kept, and of how many bytes of text.
const KEPT: usize = 1024;
const KEPT_BYTES: usize = 1024 * 1024;

/// A database as it was at one time, by one plan of masks.
pub(super) struct Known {
    pub(super) version: String,
    pub(super) catalog: Catalog,
    kept: Mutex<Kept>,
}

/// What was found out of statements.
#[derive(Default)]
struct Kept {
    steps: HashMap<Box<str>, Result<Arc<[Step]>, Exposes>>,
    lineages: HashMap<Question, Result<Lineage, Exposes>>,
    bytes: usize,
}

/// What is asked about a query.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Question {
    pub(super) query: String,
    pub(super) types: Arc<[u8]>,
    pub(super) lookup: Lookup,
}

impl Kept {
    /// Makes room for something of so many bytes; whether it is to be kept.
    fn has_room(&mut self, bytes: usize) -> bool {
        let count = self.lineages.len().max(self.steps.len());
        if count >= KEPT || self.bytes + bytes > KEPT_BYTES {
            *self = Self::default();
        }
        self.bytes += bytes;
        bytes <= KEPT_BYTES
    }
}

impl Known {
    pub(super) fn new(version: String, catalog: Catalog) -> Self {
        Self { version, catalog, kept: Mutex::default() }
    }

    /// What each statement of a text is.
    pub(super) fn steps(&self, text: &str) -> Result<Arc<[Step]>, Exposes> {
        if let Some(steps) = self.kept.lock().steps.get(text) {
            return steps.clone();
        }
        let steps: Result<Arc<[Step]>, _> = lineage::steps(text, &self.catalog).map(Into::into);
        let mut kept = self.kept.lock();
        if kept.has_room(text.len()) {
            kept.steps.insert(text.into(), steps.clone());
        }
        steps
    }

    /// The lineage of a query, if it was found out before.
    pub(super) fn lineage(&self, question: &Question) -> Option<Result<Lineage, Exposes>> {
        self.kept.lock().lineages.get(question).cloned()
    }

    /// The lineage of a query was found out.
    pub(super) fn keep(&self, question: Question, lineage: Result<Lineage, Exposes>) {
        let mut kept = self.kept.lock();
        if kept.has_room(question.query.len()) {
            kept.lineages.insert(question, lineage);
        }
    }
}

/// Where a database is kept for all connections that face it alike.
pub(super) struct Shelf {
    target: Arc<Target>,
    database: String,
    role: String,
    plan: Arc<MaskPlan>,
    standing: Mutex<Option<Standing>>,
}

struct Standing {
    known: Arc<Known>,
    /// When, and after how many definitions of this node's sessions, that was so.
    at: Duration,
    definitions: u64,
}

impl Shelf {
    /// Whether it is of this database, as this role sees it, with these masks.
    pub(super) fn is_of(
        &self,
        target: &Arc<Target>,
        (database, role): (&str, &str),
        plan: &Arc<MaskPlan>,
    ) -> bool {
        let same_target = Arc::ptr_eq(&self.target, target) || self.target == *target;
        same_target
            && self.database == database
            && self.role == role
            && Arc::ptr_eq(&self.plan, plan)
    }

    /// What is known, while it is to be believed.
    pub(super) fn believed(&self, now: Duration, definitions: u64) -> Option<Arc<Known>> {
        let standing = self.standing.lock();
        let fresh = |one: &&Standing| {
            one.definitions == definitions && now.saturating_sub(one.at) < BELIEVED
        };
        standing.as_ref().filter(fresh).map(|one| one.known.clone())
    }

    /// What was known last.
    pub(super) fn last(&self) -> Option<Arc<Known>> {
        self.standing.lock().as_ref().map(|one| one.known.clone())
    }

    /// It was so at a time, unless somebody has asked since.
    pub(super) fn put(&self, known: Arc<Known>, at: Duration, definitions: u64) {
        let mut standing = self.standing.lock();
        if standing.as_ref().is_none_or(|one| (one.definitions, one.at) <= (definitions, at)) {
            *standing = Some(Standing { known, at, definitions });
        }
    }
}

/// The shelves that any connection uses.
#[derive(Default)]
pub(super) struct Shelves(Mutex<Vec<Weak<Shelf>>>);

impl Shelves {
    /// The shelf of a database; a new one when nobody has one.
    pub(super) fn of(
        &self,
        target: &Arc<Target>,
        (database, role): (&str, &str),
        plan: &Arc<MaskPlan>,
    ) -> Arc<Shelf> {
        let mut shelves = self.0.lock();
        let mut found = None;
        shelves.retain(|weak| {
            let Some(shelf) = weak.upgrade() else { return false };
            if shelf.is_of(target, (database, role), plan) {
                found = Some(shelf);
            }
            true
        });
        found.unwrap_or_else(|| {
            let shelf = Arc::new(Shelf {
                target: target.clone(),
                database: database.to_owned(),
                role: role.to_owned(),
                plan: plan.clone(),
                standing: Mutex::default(),
            });
            shelves.push(Arc::downgrade(&shelf));
            shelf
        })
    }
}
