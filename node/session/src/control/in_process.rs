//! Entries are kept in a journal first and applied second, one at a time.

use std::sync::Arc;

use bytes::Bytes;
use consensus_state::{Changed, Reply, State};
use parking_lot::Mutex;
use proto::entry::{Entry, Proposal};
use proto::event::Stamped;
use proto::ids::{Chain, Digest, Epoch, Name};
use store_log::{Backend, Log, Position, ReadError, Record, Share, Urgency};
use tokio::sync::watch;

use super::view::{Compile, view};
use crate::ports::{Boxed, Clock, Control, ControlError, View};

/// How many entries are read at a time when the state is rebuilt.
const REPLAY_BATCH: usize = 1024;

/// Why the control plane does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The journal of entries cannot be read.
    #[error("the control journal cannot be read: {0}")]
    Read(#[from] ReadError),
    /// An entry is not one.
    #[error("entry {index} of the control journal is not one: {error}")]
    Entry {
        /// Which.
        index: u64,
        /// Why.
        error: proto::entry::BadProposal,
    },
    /// The policy in force does not compile with this version of the program.
    #[error("the policy in force does not compile: {0}")]
    Policy(String),
    /// The node's start could not be entered.
    #[error("the node's start cannot be entered: {0}")]
    Control(#[from] ControlError),
}

/// Keeps the events of the control chain in the record.
type Publish =
    dyn Fn(Stamped) -> Result<Option<store_log::Pending>, store_log::AppendError> + Send + Sync;

/// The control plane of a cluster of one.
pub struct InProcess<B> {
    node: Name,
    journal: Arc<B>,
    clock: Arc<dyn Clock>,
    compile: Box<Compile>,
    // Proposals are made one after the other: keeping, applying and publishing are one step.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    views: watch::Sender<Arc<View>>,
    unpublished: Mutex<Vec<Stamped>>,
    publish: Mutex<Option<Arc<Publish>>>,
}

impl<B: Backend> InProcess<B> {
    /// Rebuilds the state from its journal. `published` is the last event of the control chain
    /// that the record holds: later ones are published when [`InProcess::attach`] gives a log.
    ///
    /// # Errors
    /// [`StartError`] when an entry cannot be read or applied.
    pub fn open(
        cluster: Name,
        node: Name,
        journal: Arc<B>,
        clock: Arc<dyn Clock>,
        compile: Box<Compile>,
        published: u64,
    ) -> Result<Self, StartError> {
        let mut state = State::new(cluster);
        let mut unpublished = Vec::new();
        let mut from = Position(1);
        loop {
            let entries = journal.read(from, REPLAY_BATCH)?;
            let Some(last) = entries.last() else { break };
            from = last.position.next();
            for stored in entries {
                let index = stored.position.0;
                let proposal = Proposal::from_bytes(&stored.bytes)
                    .map_err(|error| StartError::Entry { index, error })?;
                let (_, effects) = state.apply(index, &proposal);
                unpublished.extend(effects.event.filter(|event| event.id.seq > published));
            }
        }
        let all = Changed { policy: true, people: true, targets: true };
        let first = view(&state, None, all, &*compile).map_err(StartError::Policy)?;
        Ok(Self {
            node,
            journal,
            clock,
            compile,
            turn: tokio::sync::Mutex::new(()),
            state: Mutex::new(state),
            views: watch::channel(Arc::new(first)).0,
            unpublished: Mutex::new(unpublished),
            publish: Mutex::new(None),
        })
    }

    /// Enters the node's start: it gets its next epoch.
    ///
    /// # Errors
    /// [`ControlError`] when the entry cannot be kept.
    pub async fn start(&self) -> Result<Epoch, ControlError> {
        match self.enter(Entry::NodeStarted { node: self.node.clone() }).await? {
            Reply::Epoch(epoch) => Ok(epoch),
            other => Err(ControlError::Unavailable(format!("a start was answered {other:?}"))),
        }
    }

    /// Gives the record: what is not yet in it is kept there now, in order.
    ///
    /// # Errors
    /// [`ControlError`] when the record refuses.
    pub async fn attach<L: Backend>(&self, log: Arc<Log<L>>) -> Result<(), ControlError> {
        let _turn = self.turn.lock().await;
        *self.publish.lock() = Some(Arc::new(move |event| log.keep_control(event)));
        self.publish_all().await
    }

    async fn enter(&self, entry: Entry) -> Result<Reply, ControlError> {
        let _turn = self.turn.lock().await;
        let index = self.state.lock().applied() + 1;
        let at = self.clock.now().utc;
        // The index is never used twice, so it names the request too.
        let proposal = Proposal { client: self.node.clone(), request: index, at, entry };
        self.keep(index, &proposal).await?;
        let (reply, effects, changed_view) = {
            let mut state = self.state.lock();
            let (reply, effects) = state.apply(index, &proposal);
            let before = self.views.borrow().clone();
            let next = view(&state, Some(&before), effects.changed, &*self.compile);
            (reply, effects, next)
        };
        self.unpublished.lock().extend(effects.event);
        let next = changed_view.map_err(ControlError::Unavailable)?;
        self.views.send_replace(Arc::new(next));
        self.publish_all().await?;
        Ok(reply)
    }

    async fn keep(&self, index: u64, proposal: &Proposal) -> Result<(), ControlError> {
        let unavailable = |error: &dyn std::fmt::Display| {
            ControlError::Unavailable(format!("the control journal refuses: {error}"))
        };
        let bytes = proposal.to_bytes().map_err(|error| unavailable(&error))?;
        let record = Record {
            chain: Chain::Control,
            epoch: Epoch(0),
            seq: index,
            session: None,
            share: Share::NODE,
            urgency: Urgency::LastWords,
            bytes: Bytes::from(bytes),
        };
        let (position, completion) =
            self.journal.enqueue(record).map_err(|because| unavailable(&because))?;
        if position != Position(index) {
            // An entry whose fate was unknown is in the journal after all: state and journal have
            // parted, and only replaying the journal brings them together.
            return Err(ControlError::Unknown);
        }
        match completion.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(failure)) => Err(unavailable(&failure)),
            Err(_) => Err(ControlError::Unknown),
        }
    }

    /// Keeps the events that are not in the record yet; one that fails stays for the next time.
    async fn publish_all(&self) -> Result<(), ControlError> {
        let Some(publish) = self.publish.lock().clone() else { return Ok(()) };
        loop {
            let Some(event) = self.unpublished.lock().first().cloned() else { return Ok(()) };
            let unavailable =
                |error: store_log::AppendError| ControlError::Unavailable(error.to_string());
            if let Some(pending) = publish(event).map_err(unavailable)? {
                drop(pending.await.map_err(unavailable)?);
            }
            self.unpublished.lock().remove(0);
        }
    }
}

impl<B: Backend> Control for InProcess<B> {
    fn propose(&self, entry: Entry) -> Boxed<'_, Result<Reply, ControlError>> {
        Box::pin(self.enter(entry))
    }

    fn views(&self) -> watch::Receiver<Arc<View>> {
        self.views.subscribe()
    }

    fn policy_text(&self, digest: &Digest) -> Option<String> {
        let state = self.state.lock();
        state.policy_by_digest(digest).map(|revision| revision.document.to_string())
    }
}
