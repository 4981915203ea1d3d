//! The connecting end: one connection for each lane of each member, made when it is needed, shared
//! by all calls, and given up fast when nobody is there.

mod connection;
mod dial;
mod error;
mod lane;
mod pool;
mod roster;
mod watching;

pub use error::CallError;
pub use pool::Pool;
pub use watching::Watching;

pub(crate) use dial::{failed_handshake, lost};
