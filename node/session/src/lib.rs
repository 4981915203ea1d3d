//! Runs sessions: one gate each, with the ports it needs (the record, the control plane, a clock).
//!
//! A protocol's driver opens a [`Session`], gives it commands and the target's bytes, and gets
//! permits, refusals and releases back. Deadlines, the keeping of events and the order of things
//! are settled here, once for all protocols; so is what every listener does with connections.

mod approvers;
pub mod clock;
pub mod control;
mod credential;
pub mod door;
mod guard;
mod keeping;
mod live;
pub mod names;
mod plans;
mod ports;
pub mod seal;
mod session;
mod sessions;
pub mod sources;
mod spending;
mod standing;
mod taps;
mod tether;
mod waiting;

pub use credential::CredentialError;
pub use live::{Doing, Ended, Live, LiveSession, NotLive};
pub use ports::{
    Boxed, Clock, Contact, Control, ControlError, ControlExt, KnownValues, Record, View,
};
pub use session::{Over, Released, Session};
pub use sessions::{Asked, Ports, Sessions};
pub use taps::{NotWatched, Seen, Watching};
pub use tether::Tether;
pub use waiting::{Patient, Waiting};

#[cfg(test)]
mod tests;
