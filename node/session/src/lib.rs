//! Runs sessions: one gate each, with the ports it needs (the record, the control plane, a clock).
//!
//! A protocol's driver opens a [`Session`], gives it commands and the target's bytes, and gets
//! permits, refusals and releases back. Deadlines, the keeping of events and the order of things
//! are settled here, once for all protocols.

pub mod clock;
pub mod control;
mod keeping;
mod live;
mod plans;
mod ports;
pub mod seal;
mod session;
mod sessions;

pub use live::{Live, LiveSession};
pub use ports::{Boxed, Clock, Control, ControlError, KnownValues, Record, View};
pub use session::{Over, Released, Session};
pub use sessions::{Asked, Ports, Sessions};

#[cfg(test)]
mod tests;
