//! The types that openraft runs with.

use std::cmp::Ordering;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use consensus_state::Reply;
use openraft::AsyncRuntime;
use openraft::impls::OneshotResponder;
use parking_lot::Mutex;
use proto::entry::Batch;
use proto::ids::Name;
use tokio::sync::OwnedSemaphorePermit;

/// openraft's type parameters, for one asynchronous runtime.
pub(crate) struct Types<R>(PhantomData<fn() -> R>);

// Written out, because deriving would ask of the runtime what it need not have.
impl<R> fmt::Debug for Types<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Types")
    }
}
impl<R> Clone for Types<R> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<R> Copy for Types<R> {}
impl<R> Default for Types<R> {
    fn default() -> Self {
        Self(PhantomData)
    }
}
impl<R> PartialEq for Types<R> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl<R> Eq for Types<R> {}
impl<R> PartialOrd for Types<R> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<R> Ord for Types<R> {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}

impl<R: AsyncRuntime> openraft::RaftTypeConfig for Types<R> {
    type D = Batched;
    type R = Answers;
    type NodeId = u64;
    type Node = Seat;
    type Entry = Entry<R>;
    type SnapshotData = Bytes;
    type AsyncRuntime = R;
    type Responder = OneshotResponder<Self>;
}

/// Lets a task run on; how it ends is its own business.
pub(crate) fn spawn<R: AsyncRuntime>(task: impl Future<Output = ()> + Send + 'static) {
    drop(R::spawn(task));
}

pub(crate) type Entry<R> = openraft::Entry<Types<R>>;
pub(crate) type Raft<R> = openraft::Raft<Types<R>>;
pub(crate) type LogId = openraft::LogId<u64>;
pub(crate) type Vote = openraft::Vote<u64>;
pub(crate) type StoredMembership = openraft::StoredMembership<u64, Seat>;
pub(crate) type SnapshotMeta = openraft::SnapshotMeta<u64, Seat>;
pub(crate) type StorageError = openraft::StorageError<u64>;

/// A member as Raft's configuration knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    /// Its name.
    pub(crate) node: Name,
    /// Where its peers reach it.
    pub(crate) address: String,
}

impl Default for Seat {
    fn default() -> Self {
        Self { node: "unnamed".parse().expect("letters are a name"), address: String::new() }
    }
}

/// What one entry of the log carries: proposals that came together. Clones share it.
#[derive(Clone)]
pub(crate) struct Batched {
    /// Its bytes, as they are stored and sent.
    pub(crate) bytes: Bytes,
    /// The same, read.
    pub(crate) batch: Arc<Batch>,
    /// Only where it was proposed.
    pub(crate) turn: Option<Arc<Turn>>,
}

impl fmt::Debug for Batched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} proposals at {}", self.batch.proposals.len(), self.batch.at)
    }
}

impl PartialEq for Batched {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

/// The turn of a batch to be appended: the next one is formed when it is over.
#[derive(Debug)]
pub(crate) struct Turn(Mutex<Option<OwnedSemaphorePermit>>);

impl Turn {
    pub(crate) fn new(permit: OwnedSemaphorePermit) -> Self {
        Self(Mutex::new(Some(permit)))
    }

    /// The batch is in the log of this node, durably.
    pub(crate) fn over(&self) {
        self.0.lock().take();
    }

    /// Whether the batch came into the log of this node.
    pub(crate) fn is_over(&self) -> bool {
        self.0.lock().is_none()
    }
}

/// What the proposals of an entry were answered, each with its control index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answers(pub(crate) Vec<(u64, Reply)>);
