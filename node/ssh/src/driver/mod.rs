//! Everything here that waits: the listener, clients' connections, channels, targets.

mod client;
mod connection;
mod dial;
mod door;
mod events;
mod exec;
mod files;
mod forwards;
mod input;
mod kept;
mod listen;
mod node;
mod output;
mod paces;
mod pinned;
mod push;
mod requests;
mod shell;
mod socket;
mod spool;
mod target;

pub use listen::serve;
