//! A receipt that has not come yet.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use proto::event::DraftKey;
use proto::ids::EventId;
use proto::reading::Durability;

use crate::backend::{AppendError, Backend, Completion, Failure, Record};
use crate::receipt::Receipt;

/// Waits until an event is as durable as its log makes it. It may be dropped: the event is kept
/// all the same.
#[derive(Debug)]
pub struct Pending {
    pub(crate) event: EventId,
    pub(crate) key: DraftKey,
    pub(crate) durability: Durability,
    pub(crate) record: Record,
    pub(crate) completion: Completion,
    pub(crate) hurry: Option<Hurry>,
}

/// Tells the backend, once, that somebody waits.
pub(crate) struct Hurry(pub(crate) Arc<dyn Backend>);

impl std::fmt::Debug for Hurry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hurry")
    }
}

impl Pending {
    /// Which event.
    #[must_use]
    pub fn event(&self) -> &EventId {
        &self.event
    }

    fn settle(&self, answer: Result<crate::Position, Failure>) -> Result<Receipt, AppendError> {
        let position = answer?;
        Ok(Receipt::mint(self.event.clone(), self.key.clone(), position, self.durability))
    }
}

impl Future for Pending {
    type Output = Result<Receipt, AppendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match Pin::new(&mut self.completion).poll(context) {
            Poll::Pending => {
                if let Some(Hurry(backend)) = self.hurry.take() {
                    backend.hurry();
                }
                return Poll::Pending;
            }
            Poll::Ready(Ok(answer)) => answer,
            // Whoever should have answered is gone: nobody knows.
            Poll::Ready(Err(_)) => Err(Failure::Unknown),
        };
        Poll::Ready(self.settle(answer))
    }
}

/// Waits until the replicated stream has an event that the log keeps already.
#[derive(Debug)]
pub struct Replicating {
    kept: Option<Receipt>,
    completion: Completion,
}

impl Replicating {
    pub(crate) fn new(kept: Receipt, completion: Completion) -> Self {
        Self { kept: Some(kept), completion }
    }
}

impl Future for Replicating {
    type Output = Result<Receipt, AppendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match Pin::new(&mut self.completion).poll(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(answer)) => answer,
            Poll::Ready(Err(_)) => Err(Failure::Unknown),
        };
        Poll::Ready(match (answer, self.kept.take()) {
            (Ok(_), Some(kept)) => Ok(kept.replicated()),
            (Err(failure), _) => Err(failure.into()),
            (Ok(_), None) => Err(AppendError::Unknown),
        })
    }
}
