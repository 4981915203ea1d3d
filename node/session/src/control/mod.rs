//! The control plane, as this node reaches it: over its replica.

mod compiled;
mod raft;
mod view;

pub use raft::{RaftControl, Seen};
pub use view::{Compile, view};
