//! Entries are put into a journal in order, and applied in that order by one task once each is
//! durable: proposals that come together share a sync, and a proposer that goes away loses nothing.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use consensus_state::{Changed, Reply, State};
use parking_lot::Mutex;
use proto::entry::{Entry, Proposal};
use proto::ids::{Chain, Digest, Epoch, Name};
use store_log::{Backend, Log, Position, ReadError, Record, Share, Urgency};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::applier::{Applier, Entered, Line, Shared};
use super::view::{Compile, view};
use crate::ports::{Boxed, Clock, Control, ControlError, View};

/// How many entries are read at a time when the state is rebuilt.
const REPLAY_BATCH: usize = 1024;

/// How many entries may wait for their sync.
const WAITING_LIMIT: usize = 4096;

/// How long a proposer waits for its reply; then the outcome is unknown.
const PROPOSAL_DEADLINE: Duration = Duration::from_secs(10);

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

/// Where a proposal's reply arrives.
type Answer = oneshot::Receiver<Result<Reply, ControlError>>;

/// The control plane of a cluster of one.
pub struct InProcess<B> {
    node: Name,
    journal: Arc<B>,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
    views: watch::Receiver<Arc<View>>,
    line: mpsc::Sender<Line>,
    // The last index that was given: the order of the journal and of the line are one.
    given: Mutex<u64>,
}

impl<B: Backend> InProcess<B> {
    /// Rebuilds the state from its journal, and starts the task that applies entries. `published`
    /// is the last event of the control chain that the record holds: later ones are published when
    /// [`InProcess::attach`] gives a log.
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
        let given = Mutex::new(state.applied());
        let (sender, views) = watch::channel(Arc::new(first));
        let (line, waiting) = mpsc::channel(WAITING_LIMIT);
        let shared = Arc::new(Shared::new(state, unpublished));
        tokio::spawn(Applier::new(shared.clone(), compile, sender).run(waiting));
        Ok(Self { node, journal, clock, shared, views, line, given })
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
        self.shared.attach(Arc::new(move |event| log.keep_control(event)));
        let (reply, published) = oneshot::channel();
        self.line.send(Line::Publish(reply)).await.map_err(|_| stopped())?;
        published.await.map_err(|_| stopped())?
    }

    async fn enter(&self, entry: Entry) -> Result<Reply, ControlError> {
        let place = self.line.reserve().await.map_err(|_| stopped())?;
        let answer = self.put(place, entry)?;
        match timeout(PROPOSAL_DEADLINE, answer).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) => Err(stopped()),
            Err(_) => Err(ControlError::Unknown),
        }
    }

    /// Puts an entry into the journal and into the line, in one order.
    fn put(&self, place: mpsc::Permit<'_, Line>, entry: Entry) -> Result<Answer, ControlError> {
        let (reply, answer) = oneshot::channel();
        let mut given = self.given.lock();
        let index = *given + 1;
        let (proposal, completion) = self.keep(index, entry)?;
        *given = index;
        place.send(Line::Entered(Box::new(Entered { index, proposal, completion, reply })));
        Ok(answer)
    }

    fn keep(
        &self,
        index: u64,
        entry: Entry,
    ) -> Result<(Proposal, store_log::Completion), ControlError> {
        let unavailable = |error: &dyn std::fmt::Display| {
            ControlError::Unavailable(format!("the control journal refuses: {error}"))
        };
        // What ends something may use the room that is kept back; what begins something may not.
        let begins = matches!(entry, Entry::SessionOpen(_));
        let urgency = if begins { Urgency::Ordinary } else { Urgency::LastWords };
        let at = self.clock.now().utc;
        // The index is never used twice, so it names the request too.
        let proposal = Proposal { client: self.node.clone(), request: index, at, entry };
        let bytes = proposal.to_bytes().map_err(|error| unavailable(&error))?;
        let record = Record {
            chain: Chain::Control,
            epoch: Epoch(0),
            seq: index,
            session: None,
            share: Share::NODE,
            urgency,
            bytes: Bytes::from(bytes),
        };
        let kept = self.journal.enqueue(record);
        let (position, completion) = kept.map_err(|because| unavailable(&because))?;
        if position == Position(index) { Ok((proposal, completion)) } else { Err(stopped()) }
    }
}

/// The answer when nothing can be entered any more until the node starts again.
pub(super) fn stopped() -> ControlError {
    ControlError::Unavailable("the control journal stopped; start the node again".to_owned())
}

impl<B: Backend> Control for InProcess<B> {
    fn propose(&self, entry: Entry) -> Boxed<'_, Result<Reply, ControlError>> {
        Box::pin(self.enter(entry))
    }

    fn tell(&self, entry: Entry) -> Result<(), ControlError> {
        let full = |_| ControlError::Unavailable("too much waits for the disk".to_owned());
        let place = self.line.try_reserve().map_err(full)?;
        self.put(place, entry).map(drop)
    }

    fn views(&self) -> watch::Receiver<Arc<View>> {
        self.views.clone()
    }

    fn policy_text(&self, digest: &Digest) -> Option<String> {
        self.shared.policy_text(digest)
    }
}
