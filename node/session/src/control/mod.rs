//! The control plane of a cluster of one, in this process.
//!
//! It applies the same entries to the same state as a replicated one will: a journal of its own
//! stands in for the Raft log. It cannot serve a second node, and must not learn anything that a
//! one-member Raft would not do as well.

mod applier;
mod in_process;
mod view;

pub use in_process::{InProcess, StartError};
pub use view::{Compile, view};
