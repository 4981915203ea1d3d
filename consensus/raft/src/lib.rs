//! openraft wiring: storage over store-disk, a batching proposer, reads by a quorum.
//!
//! The only crate that names openraft, and thin over it, so that another version can take its
//! place. A [`Replica`] holds the replicated state in memory; entries and snapshots are on disk. It
//! reads no clock and draws no randomness but through its ports, and everything that waits has
//! an end.

mod background;
mod bundler;
mod clocks;
mod config;
mod contact;
mod convert;
mod duties;
mod election;
mod error;
mod fence;
mod lanes;
mod log_store;
mod machine;
mod membership;
mod network;
mod pace;
mod peers;
mod ports;
mod propose;
mod proposer;
mod reads;
mod receive;
mod replica;
mod seats;
mod serve;
mod status;
mod types;

pub use config::{
    BATCH_BYTES, BATCH_PROPOSALS, CLOCK_BOUND, Config, LANES, PROPOSE_DEADLINE, READ_DEADLINE,
    TELLS_WAITING, Timing,
};
pub use contact::Contact;
pub use error::{Answer, ChangeError, FoundError, OpenError, ProposeError, ReadError};
pub use fence::Unfit;
pub use lanes::starts_beyond;
pub use openraft::{AsyncRuntime, TokioRuntime};
pub use ports::{CallError, Member, Observer, Transport, Wall};
pub use replica::Replica;
pub use status::Status;
#[cfg(test)]
mod tests;
