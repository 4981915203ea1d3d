//! The log of one node: it alone chains events and mints receipts.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::Mutex;
use proto::event::{Draft, DraftKey, Head, Stamped, stamp};
use proto::ids::{Chain, Digest, Epoch, EventId, Name};
use proto::reading::Durability;
use store_proof::tree;

use crate::backend::{
    AppendError, Backend, Completion, Heads, Health, Position, ReadError, Record, RefusedBecause,
    Share, Stored, Stream, Urgency, Usage,
};
use crate::leaves::{Leaf, Leaves};
use crate::pending::{Hurry, Pending, Replicating};
use crate::receipt::Receipt;
use crate::sessions::SessionTrees;

/// Why a log cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The log holds events of this epoch or a later one: another process has this node's name,
    /// or the control plane was set back.
    #[error("the log already holds epoch {held}, so epoch {given} cannot write to it")]
    StaleEpoch {
        /// The epoch of the newest event in the log.
        held: u64,
        /// The epoch that was given.
        given: u64,
    },
}

/// An event on its way: accepted in order, and waited for or not.
#[derive(Debug)]
pub struct Appending {
    /// The proof that the journal accepted it in order ([`Durability::Queued`]).
    pub queued: Receipt,
    /// The receipt to come.
    pub pending: Pending,
}

/// The log of one node.
pub struct Log<B> {
    backend: Arc<B>,
    cluster: Name,
    chain: Chain,
    epoch: Epoch,
    head: Mutex<Head>,
    sessions: Mutex<SessionTrees>,
    leaves: Mutex<Leaves>,
    control: Mutex<Head>,
    stream: OnceLock<Arc<dyn Stream>>,
}

impl<B: Backend> Log<B> {
    /// Opens the log of a node for one epoch.
    ///
    /// # Errors
    /// [`OpenError::StaleEpoch`] when the log holds this epoch or a later one.
    pub fn open(
        backend: Arc<B>,
        cluster: Name,
        node: Name,
        epoch: Epoch,
    ) -> Result<Self, OpenError> {
        let Heads { node: head, control, epoch: held } = backend.heads();
        if head.seq > 0 && held >= epoch {
            return Err(OpenError::StaleEpoch { held: held.0, given: epoch.0 });
        }
        let chain = Chain::Node(node);
        let (head, control) = (head.into(), control.into());
        let (sessions, leaves) = (Mutex::default(), Mutex::default());
        let stream = OnceLock::new();
        Ok(Self { backend, cluster, chain, epoch, head, sessions, leaves, control, stream })
    }

    /// Puts an event into the node's chain. The order of calls is the order of the chain.
    ///
    /// # Errors
    /// [`AppendError::Refused`] or [`AppendError::TooLarge`]: then the event is certainly absent.
    pub fn append(
        &self,
        draft: &Draft,
        share: Share,
        urgency: Urgency,
    ) -> Result<Appending, AppendError> {
        // Stamping and handing over are one step under the lock: an event's place, its link to the
        // one before, and its place in the backend are the same order.
        let mut head = self.head.lock();
        let id = EventId { chain: self.chain.clone(), epoch: self.epoch, seq: head.seq + 1 };
        let mut sessions = self.sessions.lock();
        let closing = sessions.closing(draft);
        let draft = closing.as_ref().unwrap_or(draft);
        let stamped = stamp(&self.cluster, id, *head, draft)
            .map_err(|large| AppendError::TooLarge(large.bytes))?;
        let (hash, leaf) = (sha256(&stamped.bytes), tree::leaf(&stamped.bytes));
        let session = draft.about.session.clone();
        let Stamped { id, key, bytes } = stamped;
        let record = Record {
            chain: id.chain.clone(),
            epoch: id.epoch,
            seq: id.seq,
            session,
            share,
            urgency,
            bytes: Bytes::from(bytes),
        };
        let (position, completion) =
            self.backend.enqueue(record.clone()).map_err(AppendError::Refused)?;
        *head = Head { seq: id.seq, hash: Some(hash) };
        sessions.took(draft, leaf);
        self.leaves.lock().push(Leaf { seq: id.seq, position, leaf, hash });
        drop((sessions, head));
        let queued = Receipt::mint(id.clone(), key.clone(), position, Durability::Queued);
        Ok(Appending { queued, pending: self.pending(id, key, record, completion) })
    }

    /// Asks again for an event whose answer was lost, under the same id and with the same bytes.
    ///
    /// # Errors
    /// [`AppendError::Refused`] when the backend says that it does not keep it.
    pub fn ask_again(&self, pending: Pending) -> Result<Pending, AppendError> {
        let Pending { event, key, record, .. } = pending;
        let (_, completion) = self.backend.enqueue(record.clone()).map_err(AppendError::Refused)?;
        Ok(self.pending(event, key, record, completion))
    }

    fn pending(
        &self,
        event: EventId,
        key: DraftKey,
        record: Record,
        completion: Completion,
    ) -> Pending {
        let durability = self.backend.durability();
        let hurry = Some(Hurry(self.backend.clone()));
        Pending { event, key, durability, record, completion, hurry }
    }

    /// What is known of the events behind a place of the node's chain, up to a position, in order;
    /// nothing when not all of them were appended here lately: then they must be read.
    #[must_use]
    pub fn leaves(&self, behind: u64, until: Position) -> Option<Vec<Leaf>> {
        self.leaves.lock().behind(behind, until)
    }

    /// Where the control chain stands in this log.
    #[must_use]
    pub fn control_head(&self) -> Head {
        *self.control.lock()
    }

    /// Says which replicated stream follows this log; once, before anybody waits for it.
    pub fn follow(&self, stream: Arc<dyn Stream>) {
        if self.stream.set(stream).is_err() {
            debug_assert!(false, "a log has one stream");
        }
    }

    /// Whether a replicated stream follows this log and takes records now, as far as is known.
    #[must_use]
    pub fn has_stream(&self) -> bool {
        self.stream.get().is_some_and(|stream| stream.is_up())
    }

    /// Waits for the replicated stream too, for an event of this node that is kept already.
    ///
    /// # Errors
    /// [`AppendError::Refused`] when the stream is down, or there is none: nobody waits for it.
    pub fn replicate(&self, kept: Receipt) -> Result<Replicating, AppendError> {
        let none = AppendError::Refused(RefusedBecause::NoStream);
        let Some(stream) = self.stream.get() else { return Err(none) };
        if kept.event().chain != self.chain || kept.durability() < Durability::Local {
            return Err(AppendError::Refused(RefusedBecause::Misfit));
        }
        let has = stream.has(kept.event().seq, kept.position());
        has.map(|completion| Replicating::new(kept, completion)).map_err(AppendError::Refused)
    }

    /// Keeps an event of the control chain, whose bytes are a pure result of applying an entry.
    /// One that is already kept is passed over.
    ///
    /// # Errors
    /// [`AppendError::Refused`] when it cannot be kept.
    pub fn keep_control(&self, stamped: Stamped) -> Result<Option<Pending>, AppendError> {
        let mut head = self.control.lock();
        if stamped.id.chain != Chain::Control {
            return Err(AppendError::Refused(RefusedBecause::Misfit));
        }
        if stamped.id.seq <= head.seq {
            return Ok(None);
        }
        let hash = sha256(&stamped.bytes);
        let record = Record {
            chain: Chain::Control,
            epoch: stamped.id.epoch,
            seq: stamped.id.seq,
            session: stamped.key.session.clone(),
            share: Share::NODE,
            urgency: Urgency::LastWords,
            bytes: Bytes::from(stamped.bytes),
        };
        let (_, completion) = self.backend.enqueue(record.clone()).map_err(AppendError::Refused)?;
        *head = Head { seq: stamped.id.seq, hash: Some(hash) };
        Ok(Some(self.pending(stamped.id, stamped.key, record, completion)))
    }

    /// Reads durable records in order; see [`Backend::read`].
    ///
    /// # Errors
    /// [`ReadError`] when any of them cannot be served.
    pub fn read(&self, from: Position, limit: usize) -> Result<Vec<Stored>, ReadError> {
        self.backend.read(from, limit)
    }

    /// The backend, for its status and its index.
    #[must_use]
    pub fn backend(&self) -> &Arc<B> {
        &self.backend
    }

    /// The place of the last event that was appended to the node's chain.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.head.lock().seq
    }

    /// The node's epoch.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// What the backend says of itself.
    #[must_use]
    pub fn health(&self) -> Health {
        self.backend.health()
    }

    /// How full the backend is.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.backend.usage()
    }
}

fn sha256(bytes: &[u8]) -> Digest {
    let mut digest = [0; 32];
    digest.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    Digest(digest)
}
