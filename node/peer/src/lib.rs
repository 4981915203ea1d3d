//! Node to node: certificates, mutual TLS, calls and streams between the nodes of a cluster.
//!
//! A connection proves two things before it may ask anything: that its certificate is of the
//! cluster's authority (TLS), and that its key is the one which the replicated state has for that
//! node (`Members`). The only thing that a stranger may say is `Join`, with the one-time secret
//! of a join file.

mod caller;
pub mod certificate;
mod client;
mod identity;
pub mod join;
mod limits;
mod local;
mod members;
pub mod random;
mod server;
mod tls;
mod trust;
mod wire;
pub mod wrap;

pub use caller::Caller;
pub use client::{CallError, Pool, Watching};
pub use identity::NodeIdentity;
pub use limits::Limits;
pub use local::{Local, Program};
pub use members::{Members, Standing, WallClock};
pub use server::{Handler, Items, Joiner, Server};
pub use tls::PROTOCOL;
pub use trust::{AUTHORITIES_LIMIT, Trust};

#[cfg(test)]
mod tests;
