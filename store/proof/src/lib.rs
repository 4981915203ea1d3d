//! The offline verifier: is this record the one that was written?
//!
//! Pure. It gets exact bytes and says what is wrong with them; it opens no file, asks no clock and
//! must never depend on the crates that write the record, so that one bug cannot hide in both.
//!
//! What it sees: an edit, a hole, another order, a copy, a fork, an epoch that goes back, and a
//! session that does what its own events forbid. What it cannot see by itself: an end that was cut
//! off, and a tail that somebody wrote anew with right hashes. Both show against signed checkpoints
//! ([`Verifier::checkpoint`]), or a head that was kept elsewhere ([`Verifier::expect_head`]).

mod approvals;
mod chain;
pub mod checkpoint;
mod command;
mod fault;
mod finding;
mod gaps;
pub mod keys;
pub mod note;
pub mod path;
pub mod proof;
pub mod prover;
mod report;
mod seal_fault;
mod seals;
pub mod segment;
mod session;
mod session_roots;
pub mod tree;
mod verifier;
mod window;

#[cfg(test)]
mod tests;

pub use fault::{Fault, Severity};
pub use finding::{FINDINGS_LIMIT, Finding, Place};
pub use report::{
    ChainReport, Report, SealReport, SessionCounts, UNFINISHED_LIMIT, UnfinishedCommand,
};
pub use seal_fault::SealFault;
pub use verifier::Verifier;
