//! Everything here that waits: the listener, clients' connections, targets.

mod authorities;
mod back;
mod cancel;
mod catalog;
mod connection;
mod door;
mod events;
mod front;
mod leg;
mod lens;
mod limits;
mod listen;
mod node;
mod random;
mod requests;
mod serve;
mod shelf;
mod side;
mod stream;

pub use authorities::{Authorities, BadAuthorities};
pub use cancel::{Cancels, Elsewhere, tag};
pub use listen::serve;
