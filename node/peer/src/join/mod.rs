//! Joining a cluster: the file that lets a node in, and the call that uses it.

mod client;
mod file;

pub use client::{JoinError, Membership, Newcomer, join};
pub use file::{BadJoinFile, JOIN_FILE_LIMIT, JoinFile};
