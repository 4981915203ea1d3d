//! PostgreSQL: statements from unmodified clients, through the gateway, to a real server.
//!
//! What is decided without waiting is in this folder and pure: the protocol's bytes, what a client
//! and its database are in the middle of, where values are in messages, which settings pass. What
//! waits (sockets, TLS, logins) is in `driver/`. Nothing here reads a statement or decides about
//! one: that is the session's gate, and nothing is sent to a database but by its permit; nothing
//! of a database reaches the client but as a release.

mod allowance;
mod attempts;
mod certificate;
mod codec;
mod config;
mod conversation;
mod driver;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod login;
mod settings;
mod surroundings;
mod table;
mod tracked;
mod types;
mod unsent;
mod veil;

pub use config::{Certified, Credentials, PostgresConfig};
pub use driver::{Authorities, BadAuthorities, Cancels, Elsewhere, serve, tag};

#[cfg(test)]
mod tests;
