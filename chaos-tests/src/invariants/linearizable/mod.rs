//! O4: approvals, policy and locks are linearizable, each key by itself, unknown outcomes open.
//!
//! The search is Wing and Gong's ("Testing and Verifying Concurrent Objects", 1993) with Lowe's
//! memory of what was tried ("Testing for Linearizability", 2017): place after place an operation
//! is chosen that no other one must precede, until all that were answered have a place. Which ones
//! have a place, together with the state they led to, is never tried twice. Keys are independent
//! (a history is linearizable exactly when that of each object is), so each is searched alone.
//!
//! An operation of unknown outcome may take any place after its invocation, or none.

mod approval;
mod lock;
mod policy;
mod search;

pub use approval::{Approvals, Asked, Seen, Told};
pub use lock::{LockCall, Locks};
pub use policy::{Policies, PolicyCall, PolicyReply};

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};
use std::hash::Hash;

use super::history::Operation;

/// What one object does when its operations come one after another.
pub trait Model {
    /// All there is to know about it.
    type State: Clone + Eq + Hash + Debug;
    /// What it is asked.
    type Call: Clone + Debug;
    /// What it answers.
    type Reply: Clone + Debug;

    /// The state that a call leads to when it is performed in `state` and answers `reply`; none
    /// when it cannot answer that there. Without a reply nobody knows what it answered.
    fn step(
        &self,
        state: &Self::State,
        call: &Self::Call,
        reply: Option<&Self::Reply>,
    ) -> Option<Self::State>;
}

/// The operations of an object.
pub type Calls<M> = Vec<Operation<<M as Model>::Call, <M as Model>::Reply>>;

/// Violations in the history of one object that began in `first`.
#[must_use]
pub fn violations<M: Model>(model: &M, first: M::State, calls: &Calls<M>) -> Vec<String> {
    search::search(model, first, calls).err().into_iter().collect()
}

/// Violations in the histories of several objects that are alike.
#[must_use]
pub fn violations_by_key<K: Ord + Display, M: Model>(
    model: &M,
    first: &M::State,
    histories: &BTreeMap<K, Calls<M>>,
) -> Vec<String> {
    let of_key = |(key, calls): (&K, &Calls<M>)| {
        let found = violations(model, first.clone(), calls);
        found.into_iter().map(|what| format!("{key}: {what}")).collect::<Vec<_>>()
    };
    histories.iter().flat_map(of_key).collect()
}
