//! This node's part in agreeing: the disk of its replica, its way to the peers, its start.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use consensus_raft::{CallError, Config, Member, Observer, Replica, Timing, Transport, Unfit};
use consensus_state::{Denied, Reply};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use node_peer::Pool;
use parking_lot::Mutex;
use proto::entry::{Entry, NodeAddresses, NodeStart};
use proto::ids::Epoch;
use proto::peer::raft::{LogId, Membership, Request, Response, SnapshotMeta};
use proto::refusal::{Code, Told};
use store_disk::Files;
use store_disk::raft::{Disk, Done, Identity, Kept, RaftStore, SNAPSHOT_PART_BYTES, Thread, Write};
use tokio::time::sleep;

use crate::app::VERSION;
use crate::directory::Directory;
use crate::errors::Error;
use crate::home::Card;
use crate::secrets;
use crate::wall::Wall;

/// Where the replicated log is, in the data directory.
pub(crate) const RAFT_DIRECTORY: &str = "raft";

/// The newest cluster version that this program understands.
pub(crate) const SUPPORTS: u32 = 3;

/// The oldest cluster version that this program works in.
pub(crate) const SUPPORTS_LEAST: u32 = 1;

/// How long a start that no majority answered is waited with before it is tried again.
const START_PAUSE: Duration = Duration::from_millis(250);

/// What to do about an old copy of a disk.
const ANEW: &str = "remove the node, and let it join anew with an empty directory";

/// Opens the replica of a member, or of a node that founds.
///
/// # Errors
/// [`Error`] when its disk is damaged or another node's.
pub(crate) async fn open_replica(
    directory: &Directory,
    card: &Card,
    transport: Arc<dyn Transport>,
    observer: Arc<dyn Observer>,
    wall: Arc<Wall>,
) -> Result<Arc<Replica>, Error> {
    let path = directory.path(RAFT_DIRECTORY);
    let files = Files::open(&path).map_err(open_failed)?;
    let (_, writer) = RaftStore::open(&files)?;
    let thread = Thread::start(writer)
        .map_err(|error| Error::System { what: "the thread of the replicated log", error })?;
    let disk = Locked { thread, files: Mutex::new(Some(files)) };
    let drawn = secrets::random().map_err(|error| Error::System { what: "randomness", error })?;
    let mut nonce = [0; 8];
    nonce.copy_from_slice(&drawn[..8]);
    let config = Config {
        cluster: card.cluster.clone(),
        node: card.node.clone(),
        raft_id: card.raft_id,
        // Zero says that nothing was drawn.
        nonce: u64::from_le_bytes(nonce).max(1),
        supports: SUPPORTS,
        timing: Timing::default(),
    };
    Ok(Replica::open(config, Arc::new(disk), transport, observer, wall).await?)
}

/// The disk of a replica, which nobody else opens until it is closed.
struct Locked {
    thread: Thread,
    files: Mutex<Option<Files>>,
}

impl Disk for Locked {
    fn submit(&self, write: Write, done: Done) {
        self.thread.submit(write, done);
    }

    fn store(&self) -> &RaftStore {
        self.thread.store()
    }

    fn close(&self) {
        self.thread.close();
        drop(self.files.lock().take());
    }
}

/// Enters the node's start, which gives it its epoch; waits for as long as no majority is there.
///
/// # Errors
/// [`Error::Denied`] when the cluster does not let it, e.g. because its disk is an old copy.
pub(crate) async fn start(replica: &Replica, addresses: NodeAddresses) -> Result<Epoch, Error> {
    let identity = replica.identity();
    let entry = Entry::NodeStarted(NodeStart {
        node: identity.node.clone(),
        raft_id: identity.raft_id,
        last_epoch: identity.epoch,
        nonce: identity.nonce,
        supports: SUPPORTS,
        version: VERSION.to_owned(),
        addresses,
    });
    let mut told = false;
    loop {
        match replica.propose(entry.clone()).await {
            Ok(answer) => match answer.reply {
                Reply::Epoch(epoch) => {
                    replica.keep_epoch(epoch).await?;
                    return Ok(epoch);
                }
                // A learner may be asked before the leader's state knows it.
                Reply::Refused(Denied::NotAMember(_)) => {}
                // A later start of this node has asked for more than this one: it was made from
                // a disk that this one is an older copy of.
                Reply::Refused(Denied::RequestExpired) => {
                    return Err(old_disk("a later start of this node is known"));
                }
                Reply::Refused(denied) => return Err(Error::Denied(denied)),
                other => return Err(Error::Record(format!("a start was answered {other:?}"))),
            },
            Err(consensus_raft::ProposeError::Stopped(why)) => return Err(Error::Stopped(why)),
            Err(error) => {
                if !told {
                    tracing::warn!(%error, "the node waits for a majority of its cluster");
                    told = true;
                }
            }
        }
        sleep(START_PAUSE).await;
    }
}

/// Why a node takes no part, as its operator is told.
pub(crate) fn unfit(why: Unfit) -> Error {
    match why {
        Unfit::OldDisk(_) => old_disk(why),
        Unfit::Closing => Error::Stopped(why.to_string()),
    }
}

fn old_disk(why: impl std::fmt::Display) -> Error {
    Error::Told(Told::new(Code::StaleDisk, format!("{why}; {ANEW}")))
}

/// The way to the peers, over the pool of connections.
pub(crate) struct Peers(pub(crate) Arc<Pool>);

impl Transport for Peers {
    fn call(
        &self,
        to: &Member,
        request: Request,
        deadline: Duration,
    ) -> BoxFuture<'static, Result<Response, CallError>> {
        let (pool, to) = (self.0.clone(), wire(to));
        async move {
            pool.raft(&to, request, deadline).await.map_err(|error| match error {
                node_peer::CallError::Unreachable(why) => CallError::Unreachable(why),
                node_peer::CallError::Refused(told) => CallError::Refused(told.to_string()),
                _ => CallError::TimedOut,
            })
        }
        .boxed()
    }
}

/// A member as the wire names it.
pub(crate) fn wire(member: &Member) -> proto::peer::raft::Member {
    let Member { raft_id, node, address } = member.clone();
    proto::peer::raft::Member { raft_id, node, address }
}

/// Puts a state into the disk of a node that has none, as the snapshot that its log begins behind;
/// the node is the only one that votes. `starts` is what the disk counts on from, so that no number
/// of a request is used that the state knows already.
///
/// # Errors
/// [`Error`] when the disk cannot be written.
pub(crate) fn seed(
    directory: &Directory,
    card: &Card,
    address: &str,
    state: &[u8],
    starts: u64,
) -> Result<(), Error> {
    let files = Files::open(&directory.path(RAFT_DIRECTORY)).map_err(open_failed)?;
    let (_, mut writer) = RaftStore::open(&files)?;
    let at = LogId { term: 0, node: card.raft_id, index: 0 };
    let (node, address) = (card.node.clone(), address.to_owned());
    let membership = Membership {
        configs: vec![vec![card.raft_id]],
        members: vec![proto::peer::raft::Member { raft_id: card.raft_id, node, address }],
    };
    let parts: Vec<_> = state.chunks(SNAPSHOT_PART_BYTES).collect();
    let kept = Kept {
        number: 1,
        parts: u32::try_from(parts.len()).unwrap_or(u32::MAX),
        bytes: state.len() as u64,
        meta: SnapshotMeta {
            id: "restored".to_owned(),
            last_log: Some(at),
            membership_at: Some(at),
            membership,
        },
    };
    let mut writes: Vec<_> = (0..)
        .zip(parts)
        .map(|(part, bytes)| Write::SnapshotPart {
            number: 1,
            part,
            bytes: Bytes::copy_from_slice(bytes),
        })
        .collect();
    writes.push(Write::Snapshot(kept));
    let (cluster, node, raft_id) = (card.cluster.clone(), card.node.clone(), card.raft_id);
    writes.push(Write::Identity(Identity {
        cluster,
        node,
        raft_id,
        epoch: Epoch(0),
        nonce: 0,
        starts,
    }));
    writer.perform(&writes).map_err(|stopped| Error::Stopped(stopped.to_string()))
}

fn open_failed(error: store_disk::OpenError) -> Error {
    Error::Journal { directory: RAFT_DIRECTORY.to_owned(), error }
}
