//! The event log's port: what a backend must do, and the one type that says an event is durable.
//!
//! [`Log`] puts drafts into the chain of its node and hands their bytes to a [`Backend`] in order.
//! It alone makes a [`Receipt`], and a receipt is the only thing that lets a command go on. No
//! tokio, no files, no clock: a backend brings its own thread, and [`Pending`] is a plain future.

mod backend;
mod leaves;
mod log;
mod pending;
mod receipt;
mod sessions;

pub mod conformance;
pub mod memory;

pub use backend::{
    AppendError, Backend, Completion, Failure, Growth, Heads, Health, Position, ReadError, Record,
    RefusedBecause, Share, Stored, Stream, Urgency, Usage,
};
pub use leaves::Leaf;
pub use log::{Appending, Log, OpenError};
pub use pending::{Pending, Replicating};
pub use receipt::Receipt;

#[cfg(test)]
mod tests;
