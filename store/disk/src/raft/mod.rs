//! What Raft must never forget: its log, its vote, how far things are decided, snapshots, and who
//! this node is. One redb file, one writer.
//!
//! Votes and entries are written in the order in which they were handed over, and answered only
//! once they are durable. Every record carries a keyed checksum over what it says and where it
//! stands, checked on each reading: a changed, misplaced or missing record is an error that says
//! how to go on, and is never served. After the first failure of the medium nothing is written any
//! more.

mod backend;
mod disk;
mod error;
mod facts;
mod mark;
mod record;
mod store;
mod writing;

pub(crate) use backend::Backend;
pub use disk::{Disk, Done, Inline, Thread, WRITES_WAITING};
pub use error::{Damage, OpenError, ReadError, Stopped};
pub use facts::{Identity, Kept, LogRecord, SNAPSHOT_PART_BYTES, Write};
pub use store::{Heads, RaftStore};
pub use writing::Writer;
