//! The replicated state machine: what all nodes agree on, as a pure function of the entries.
//!
//! It must never read a clock, draw a random number, look at the environment, use floats or depend
//! on the order of a hash map: every node applies the same entries and must come to the same state
//! and the same event bytes. Who carries the entries here is not its business.

mod control_chain;
pub mod limits;
mod people_and_targets;
mod policy;
mod replies;
mod reply;
mod sessions;
mod state;

pub use policy::PolicyRevision;
pub use reply::{Changed, Denied, Effects, Reply};
pub use sessions::OpenSession;
pub use state::State;

#[cfg(test)]
mod tests;
