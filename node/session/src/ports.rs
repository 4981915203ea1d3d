//! What a session needs from the rest of the node, as traits.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use consensus_state::Reply;
use node_enforce::mask::KnownValue;
use node_enforce::policy::Policy;
use node_identity::Directory;
use proto::entry::Entry;
use proto::event::{Draft, PolicyRef};
use proto::ids::{Epoch, Name};
use proto::target::Target;
use proto::time::Moment;
use store_log::{AppendError, Appending, Backend, Health, Log, Pending, Share, Urgency};
use tokio::sync::watch;

/// The record, without the type of its backend.
pub trait Record: Send + Sync + 'static {
    /// See [`Log::append`].
    ///
    /// # Errors
    /// As there.
    fn append(
        &self,
        draft: &Draft,
        share: Share,
        urgency: Urgency,
    ) -> Result<Appending, AppendError>;

    /// See [`Log::ask_again`].
    ///
    /// # Errors
    /// As there.
    fn ask_again(&self, pending: Pending) -> Result<Pending, AppendError>;

    /// Whether it can be relied on now.
    fn health(&self) -> Health;

    /// The node's epoch.
    fn epoch(&self) -> Epoch;
}

impl<B: Backend> Record for Log<B> {
    fn append(
        &self,
        draft: &Draft,
        share: Share,
        urgency: Urgency,
    ) -> Result<Appending, AppendError> {
        Log::append(self, draft, share, urgency)
    }

    fn ask_again(&self, pending: Pending) -> Result<Pending, AppendError> {
        Log::ask_again(self, pending)
    }

    fn health(&self) -> Health {
        Log::health(self)
    }

    fn epoch(&self) -> Epoch {
        Log::epoch(self)
    }
}

/// What the control plane says now: one consistent view, replaced as a whole.
pub struct View {
    /// The control index that it shows.
    pub applied: u64,
    /// The policy in force, when there is one.
    pub policy: Option<(Arc<Policy>, PolicyRef)>,
    /// The people.
    pub people: Arc<Directory>,
    /// The targets by name.
    pub targets: Arc<BTreeMap<Name, Arc<Target>>>,
}

/// Why a proposal has no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// The control plane cannot keep entries now.
    #[error("the control plane is unavailable: {0}")]
    Unavailable(String),
    /// It may have been applied or not; the same request may be sent again.
    #[error("it is unknown whether the change was made")]
    Unknown,
}

/// A future without a name.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The control plane, as one node reaches it.
pub trait Control: Send + Sync + 'static {
    /// Asks for a change, and waits until it is durable and applied.
    fn propose(&self, entry: Entry) -> Boxed<'_, Result<Reply, ControlError>>;

    /// Asks for a change in order with all others, and does not wait for the reply.
    ///
    /// # Errors
    /// [`ControlError`] when it certainly was not taken.
    fn tell(&self, entry: Entry) -> Result<(), ControlError>;

    /// What has been applied, now and whenever it changes.
    fn views(&self) -> watch::Receiver<Arc<View>>;

    /// A policy of any revision by its digest, for deriving decisions again.
    fn policy_text(&self, digest: &proto::ids::Digest) -> Option<String>;
}

/// The node's clocks.
pub trait Clock: Send + Sync + 'static {
    /// Now, on both.
    fn now(&self) -> Moment;
}

/// Secrets that the gateway holds for a target, which must never be seen in its output.
pub trait KnownValues: Send + Sync + 'static {
    /// Those of one target.
    fn of(&self, target: &Target) -> Vec<KnownValue>;
}
