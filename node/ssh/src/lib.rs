//! SSH: commands from unmodified OpenSSH clients, through the gateway, to a real `sshd`.
//!
//! What is decided without waiting is in this folder and pure: who may log in, what a channel may
//! ask for, what is said and with which exit status. What waits (sockets, the two SSH connections,
//! files) is in `driver/`. Nothing here reads a command or decides about one: that is the
//! session's gate, and nothing is sent to a target but by its permit.

mod algorithms;
mod channel;
mod config;
mod display;
mod driver;
mod environment;
mod fetch;
mod forward;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod login;
mod sftp;
mod signals;
mod spool;
mod stderr;
mod terminal;

pub use config::{Credentials, KeptLimits, KeyExchange, Limits, SshConfig};
pub use driver::serve;

#[cfg(test)]
mod tests;
