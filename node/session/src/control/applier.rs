//! Applies entries, one after the other, each once it is durable: the only place where the state
//! changes.

use std::sync::Arc;

use consensus_state::{Reply, State};
use parking_lot::Mutex;
use proto::entry::Proposal;
use proto::event::Stamped;
use proto::ids::Digest;
use store_log::{AppendError, Completion, Pending};
use tokio::sync::{mpsc, oneshot, watch};

use super::in_process::stopped;
use super::view::{Compile, view};
use crate::ports::{ControlError, View};

/// Keeps an event of the control chain in the record.
pub(super) type Publish = dyn Fn(Stamped) -> Result<Option<Pending>, AppendError> + Send + Sync;

/// What waits to be done, in order.
pub(super) enum Line {
    /// An entry that is on its way to the disk.
    Entered(Box<Entered>),
    /// What is not in the record yet is to be kept there.
    Publish(oneshot::Sender<Result<(), ControlError>>),
}

/// An entry that is on its way to the disk.
pub(super) struct Entered {
    pub(super) index: u64,
    pub(super) proposal: Proposal,
    pub(super) completion: Completion,
    pub(super) reply: oneshot::Sender<Result<Reply, ControlError>>,
}

/// What the applier and the control plane share.
pub(super) struct Shared {
    state: Mutex<State>,
    unpublished: Mutex<Vec<Stamped>>,
    publish: Mutex<Option<Arc<Publish>>>,
}

impl Shared {
    pub(super) fn new(state: State, unpublished: Vec<Stamped>) -> Self {
        let (state, unpublished) = (Mutex::new(state), Mutex::new(unpublished));
        Self { state, unpublished, publish: Mutex::new(None) }
    }

    pub(super) fn attach(&self, publish: Arc<Publish>) {
        *self.publish.lock() = Some(publish);
    }

    pub(super) fn policy_text(&self, digest: &Digest) -> Option<String> {
        let state = self.state.lock();
        state.policy_by_digest(digest).map(|revision| revision.document.to_string())
    }

    /// Keeps the events that are not in the record yet; one that fails stays for the next time.
    async fn publish_all(&self) -> Result<(), ControlError> {
        let Some(publish) = self.publish.lock().clone() else { return Ok(()) };
        let unavailable = |error: AppendError| ControlError::Unavailable(error.to_string());
        loop {
            let Some(event) = self.unpublished.lock().first().cloned() else { return Ok(()) };
            if let Some(pending) = publish(event).map_err(unavailable)? {
                drop(pending.await.map_err(unavailable)?);
            }
            self.unpublished.lock().remove(0);
        }
    }
}

/// The task that applies.
pub(super) struct Applier {
    shared: Arc<Shared>,
    compile: Box<Compile>,
    views: watch::Sender<Arc<View>>,
}

impl Applier {
    pub(super) fn new(
        shared: Arc<Shared>,
        compile: Box<Compile>,
        views: watch::Sender<Arc<View>>,
    ) -> Self {
        Self { shared, compile, views }
    }

    /// Works until nobody can propose any more, or until an entry's fate is unknown: then state
    /// and journal have parted, and only replaying the journal brings them together.
    pub(super) async fn run(self, mut line: mpsc::Receiver<Line>) {
        while let Some(next) = line.recv().await {
            match next {
                Line::Entered(entered) => {
                    let Entered { index, proposal, completion, reply } = *entered;
                    if !matches!(completion.await, Ok(Ok(_))) {
                        tracing::error!(index, "an entry of the control plane is not kept");
                        reply.send(Err(ControlError::Unknown)).ok();
                        return;
                    }
                    // A proposer that no longer waits changes nothing: its entry counts.
                    reply.send(self.apply(index, &proposal).await).ok();
                }
                Line::Publish(reply) => {
                    reply.send(self.shared.publish_all().await).ok();
                }
            }
        }
    }

    async fn apply(&self, index: u64, proposal: &Proposal) -> Result<Reply, ControlError> {
        let (reply, next) = {
            let mut state = self.shared.state.lock();
            let (reply, effects) = state.apply(index, proposal);
            self.shared.unpublished.lock().extend(effects.event);
            let before = self.views.borrow().clone();
            (reply, view(&state, Some(&before), effects.changed, &*self.compile))
        };
        let next = next.map_err(|error| {
            // It was compiled before it was proposed, so this is a bug; the view before stays.
            tracing::error!(error, "the policy in force does not compile");
            stopped()
        })?;
        self.views.send_replace(Arc::new(next));
        if let Err(error) = self.shared.publish_all().await {
            tracing::warn!(%error, "an event of the control chain waits for the record");
        }
        Ok(reply)
    }
}
