//! Everything here that waits: the listener, clients' connections, channels, targets.

mod client;
mod connection;
mod door;
mod events;
mod exec;
mod files;
mod input;
mod listen;
mod node;
mod output;
mod pinned;
mod push;
mod requests;
mod shell;
mod socket;
mod spool;
mod target;

pub use listen::serve;
