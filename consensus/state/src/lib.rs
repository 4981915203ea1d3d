//! The replicated state machine: what all nodes agree on, as a pure function of the entries.
//!
//! It must never read a clock, draw a random number, look at the environment, use floats or depend
//! on the order of a hash map: every node applies the same entries and must come to the same state
//! and the same event bytes. Who carries the entries here is not its business.

mod approvals;
mod control_chain;
mod denied;
mod documents;
mod effects;
mod ledger;
pub mod limits;
mod locks;
mod membership;
mod nodes;
pub mod planted;
mod policy;
mod reading;
mod replies;
mod reply;
mod seals;
mod secrets;
mod sessions;
mod snapshot;
mod state;

pub use approvals::{Approval, Asked, Ruled, Status};
pub use denied::Denied;
pub use effects::{Changed, Effects};
pub use locks::Lock;
pub use nodes::{Node, Presence};
pub use policy::PolicyRevision;
pub use reply::Reply;
pub use seals::{ControlCheckpoint, SealedChain};
pub use secrets::{SealedCheckpoint, Wrapped};
pub use sessions::OpenSession;
pub use snapshot::{BadSnapshot, SNAPSHOT_VERSION};
pub use state::State;

#[cfg(test)]
mod tests;
