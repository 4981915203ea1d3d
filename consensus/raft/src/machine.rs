//! The replicated state in memory, as openraft applies entries to it, and its snapshots.
//!
//! Applying touches no disk: after a start the state is the newest snapshot and what the log has
//! behind it. A snapshot is whole on the disk before the log lets go of what it contains.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use consensus_state::planted::{Bug, planted};
use consensus_state::{Effects, State};
use openraft::storage::RaftStateMachine;
use openraft::{
    AnyError, AsyncRuntime, EntryPayload, ErrorSubject, OptionalSend, RaftSnapshotBuilder,
    StorageIOError,
};
use parking_lot::{Mutex, RwLock};
use proto::entry::Entry;
use store_disk::raft::{Disk, Kept, SNAPSHOT_PART_BYTES, Write};
use tokio::sync::watch;

use crate::convert;
use crate::log_store::{perform, writing};
use crate::pace::Pace;
use crate::ports::{Observer, Wall};
use crate::types::{
    Answers, Batched, Entry as LogEntry, LogId, SnapshotMeta, StorageError, StoredMembership, Types,
};

type Snapshot<R> = openraft::Snapshot<Types<R>>;

/// How far this node has applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    /// The index behind the last applied entry of the log.
    pub(crate) log_end: u64,
    /// The control index.
    pub(crate) control: u64,
}

/// The state and where it stands.
pub(crate) struct Place {
    pub(crate) state: State,
    pub(crate) last: Option<LogId>,
    pub(crate) membership: StoredMembership,
}

/// What a replica shares with its state machine.
pub(crate) struct Shared {
    pub(crate) place: RwLock<Place>,
    pub(crate) pace: Mutex<Pace>,
    pub(crate) applied: watch::Sender<Applied>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) wall: Arc<dyn Wall>,
    disk: Arc<dyn Disk>,
    /// The number of the last snapshot that was begun.
    snapshots: AtomicU64,
    /// A snapshot that waits to be built: taken when nothing in it could be forgotten.
    taken: Mutex<Option<(SnapshotMeta, Bytes)>>,
}

/// A stored snapshot that cannot be read.
pub(crate) type BadSnapshot = String;

impl Shared {
    /// With the newest snapshot of the disk, or the state in which nothing has happened.
    pub(crate) fn open(
        empty: State,
        disk: Arc<dyn Disk>,
        observer: Arc<dyn Observer>,
        wall: Arc<dyn Wall>,
    ) -> Result<Self, BadSnapshot> {
        let kept = disk.store().heads().snapshot;
        let number = kept.as_ref().map_or(0, |kept| kept.number);
        let place = match kept {
            None => Place { state: empty, last: None, membership: StoredMembership::default() },
            Some(kept) => {
                let bytes = read(&*disk, &kept)?;
                let meta = convert::meta(kept.meta);
                let state = State::from_snapshot(&bytes).map_err(|error| error.to_string())?;
                Place { state, last: meta.last_log_id, membership: meta.last_membership }
            }
        };
        let (applied, _) = watch::channel(place.applied());
        let mut pace = Pace::default();
        if place.state.applied() > 0 {
            pace.saw(place.state.time(), wall.now().elapsed);
        }
        Ok(Self {
            place: RwLock::new(place),
            pace: Mutex::new(pace),
            applied,
            observer,
            wall,
            disk,
            snapshots: AtomicU64::new(number),
            taken: Mutex::new(None),
        })
    }

    /// Takes a snapshot of the state as it is, if every event of it is kept.
    pub(crate) fn take(&self) -> bool {
        let place = self.place.read();
        if self.observer.kept() < place.state.control_head().seq {
            return false;
        }
        let taken = (place.meta(), place.state.to_snapshot().into());
        *self.taken.lock() = Some(taken);
        true
    }

    fn apply(&self, at: LogId, batched: &Batched) -> Answers {
        for proposal in &batched.batch.proposals {
            match &proposal.entry {
                Entry::PolicySet(setting) => self.observer.foresee(&setting.document),
                Entry::PolicyProposed(proposed) => {
                    self.observer.foresee(&proposed.setting.document);
                }
                _ => {}
            }
        }
        let mut place = self.place.write();
        let mut effects = Effects::default();
        let mut answers = Vec::with_capacity(batched.batch.proposals.len());
        let stamp = batched.batch.at;
        let stamp = if planted(Bug::OwnTime) { self.wall.now().utc } else { stamp };
        for proposal in &batched.batch.proposals {
            let (reply, caused) = place.state.apply(stamp, proposal);
            answers.push((place.state.applied(), reply));
            effects.merge(caused);
        }
        place.last = Some(at);
        self.pace.lock().saw(place.state.time(), self.wall.now().elapsed);
        self.observer.applied(&place.state, effects.changed, effects.events);
        Answers(answers)
    }

    fn say(&self) {
        let applied = self.place.read().applied();
        self.applied.send_replace(applied);
    }

    /// Writes a snapshot; entries of the log are written between its parts.
    async fn keep(&self, meta: &SnapshotMeta, bytes: &Bytes) -> Result<(), StorageError> {
        let signature = Some(meta.signature());
        let error = |error| writing(ErrorSubject::Snapshot(signature.clone()), &error);
        let number = self.snapshots.fetch_add(1, Ordering::Relaxed) + 1;
        let mut parts = 0;
        while (parts as usize) * SNAPSHOT_PART_BYTES < bytes.len() {
            let from = parts as usize * SNAPSHOT_PART_BYTES;
            let end = bytes.len().min(from + SNAPSHOT_PART_BYTES);
            let part = Write::SnapshotPart { number, part: parts, bytes: bytes.slice(from..end) };
            perform(&*self.disk, part).await.map_err(error)?;
            parts += 1;
        }
        let meta = convert::wire_meta(meta);
        let kept = Kept { number, parts, bytes: bytes.len() as u64, meta };
        perform(&*self.disk, Write::Snapshot(kept)).await.map_err(error)
    }

    fn current(&self) -> Result<Option<(SnapshotMeta, Bytes)>, StorageError> {
        let Some(kept) = self.disk.store().heads().snapshot else { return Ok(None) };
        let bytes = read(&*self.disk, &kept).map_err(|why| unreadable(&why))?;
        Ok(Some((convert::meta(kept.meta), bytes)))
    }
}

impl Place {
    fn applied(&self) -> Applied {
        let log_end = self.last.map_or(0, |last| last.index + 1);
        Applied { log_end, control: self.state.applied() }
    }

    fn meta(&self) -> SnapshotMeta {
        let id = self.last.map_or_else(|| "empty".to_owned(), |last| last.to_string());
        SnapshotMeta {
            last_log_id: self.last,
            last_membership: self.membership.clone(),
            snapshot_id: id,
        }
    }
}

fn read(disk: &dyn Disk, kept: &Kept) -> Result<Bytes, String> {
    let mut bytes = BytesMut::new();
    for part in 0..kept.parts {
        let part = disk.store().snapshot_part(kept.number, part);
        bytes.extend_from_slice(&part.map_err(|error| error.to_string())?);
    }
    Ok(bytes.freeze())
}

fn unreadable(why: &str) -> StorageError {
    StorageIOError::read_snapshot(None, AnyError::error(why)).into()
}

/// openraft's handle on the state.
pub(crate) struct Machine(pub(crate) Arc<Shared>);

/// Builds one snapshot.
pub(crate) struct Builder {
    shared: Arc<Shared>,
    meta: SnapshotMeta,
    bytes: Bytes,
}

impl<R: AsyncRuntime> RaftSnapshotBuilder<Types<R>> for Builder {
    async fn build_snapshot(&mut self) -> Result<Snapshot<R>, StorageError> {
        self.shared.keep(&self.meta, &self.bytes).await?;
        let (meta, snapshot) = (self.meta.clone(), Box::new(self.bytes.clone()));
        Ok(Snapshot::<R> { meta, snapshot })
    }
}

impl<R: AsyncRuntime> RaftStateMachine<Types<R>> for Machine {
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), StorageError> {
        let place = self.0.place.read();
        Ok((place.last, place.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Answers>, StorageError>
    where
        I: IntoIterator<Item = LogEntry<R>> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut answers = Vec::new();
        for entry in entries {
            let at = entry.log_id;
            answers.push(match entry.payload {
                EntryPayload::Normal(batched) => self.0.apply(at, &batched),
                EntryPayload::Blank => {
                    self.0.place.write().last = Some(at);
                    Answers::default()
                }
                EntryPayload::Membership(membership) => {
                    let mut place = self.0.place.write();
                    place.last = Some(at);
                    place.membership = StoredMembership::new(Some(at), membership);
                    Answers::default()
                }
            });
        }
        self.0.say();
        Ok(answers)
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        let taken = self.0.taken.lock().take();
        let (meta, bytes) = taken.unwrap_or_else(|| {
            let place = self.0.place.read();
            (place.meta(), place.state.to_snapshot().into())
        });
        Builder { shared: Arc::clone(&self.0), meta, bytes }
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Bytes>, StorageError> {
        Ok(Box::default())
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: Box<Bytes>,
    ) -> Result<(), StorageError> {
        let state =
            State::from_snapshot(&snapshot).map_err(|error| unreadable(&error.to_string()))?;
        self.0.keep(meta, &snapshot).await?;
        if let Some(policy) = state.policy() {
            self.0.observer.foresee(&policy.document);
        }
        {
            let mut place = self.0.place.write();
            place.state = state;
            place.last = meta.last_log_id;
            place.membership = meta.last_membership.clone();
            self.0.pace.lock().saw(place.state.time(), self.0.wall.now().elapsed);
            let changed = consensus_state::Changed::ALL;
            self.0.observer.applied(&place.state, changed, Vec::new());
        }
        self.0.say();
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<R>>, StorageError> {
        let current = self.0.current()?;
        Ok(current.map(|(meta, bytes)| Snapshot::<R> { meta, snapshot: Box::new(bytes) }))
    }
}
