//! The replicated stream: what one node's journal keeps, for everybody else.
//!
//! The only crate that speaks NATS. It reads the journal in order and publishes each event's exact
//! bytes; it never writes to the journal, and never says that the stream has what only this node
//! has. An acknowledgement of a broker is no disk: until an event was read back and the broker's
//! sync horizon has passed, the journal is the only copy that counts.

mod chain;
mod chain_reader;
mod credentials;
mod derived;
mod deriving;
mod fault;
mod link;
mod progress;
mod provision;
mod readback;
mod reader;
mod resume;
mod shape;
mod stream;
mod subject;
mod trim;
mod verify;

pub use chain_reader::ChainReader;
pub use credentials::{Holder, Keys, NotAKey};
pub use derived::{Derived, event_subject};
pub use fault::{Difference, Fault};
pub use link::{LEAST_VERSION, Servers};
pub use provision::{Provisioned, provision};
pub use reader::Read;
pub use shape::{EVENTS, RECORD, Wanted};
pub use stream::{ChainStanding, Following, Settings, Standing, Stream};
pub use subject::{record_subject, token};
pub use trim::{Blocked, Covered, trim};

#[cfg(test)]
mod tests;
