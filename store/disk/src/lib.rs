//! The journal: one node's record on its own disk, written before anything it records may happen.
//!
//! Checksummed append segments are the truth; an index in redb is rebuilt from them. One writer
//! thread makes many records durable with one sync. What was acknowledged is there after any crash
//! or is reported as damage; it is never cut, skipped or served changed. No tokio and no clock.

mod account;
mod catalog;
mod cursor;
mod error;
mod format;
mod index;
mod journal;
mod keeper;
mod options;
mod queue;
pub mod raft;
mod recovery;
mod sessions;
mod shared;
pub mod storage;
mod tail;
mod views;
mod watermark;
mod writer;

pub use error::OpenError;
pub use journal::{Journal, Verified, Written};
pub use options::{BATCH_BYTES, Options, QUEUE_BYTES, QUEUE_RECORDS};
pub use recovery::Recovered;
pub use storage::{File, Files, Simulated, Storage};
pub use views::ViewsHome;

#[cfg(test)]
mod tests;
