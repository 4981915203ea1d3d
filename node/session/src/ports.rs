//! What a session needs from the rest of the node, as traits.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use consensus_state::{Lock, Reply, State};
use node_enforce::mask::KnownValue;
use node_enforce::policy::Policy;
use node_identity::Directory;
use proto::entry::{Entry, LockScope};
use proto::event::{Draft, PolicyRef};
use proto::ids::{Digest, Epoch, Name};
use proto::refusal::{Code, Told};
use proto::target::Target;
use proto::time::Moment;
use store_log::{
    AppendError, Appending, Backend, Health, Log, Pending, Receipt, Replicating, Share, Urgency,
};
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

    /// See [`Log::replicate`].
    ///
    /// # Errors
    /// As there.
    fn replicate(&self, kept: Receipt) -> Result<Replicating, AppendError>;

    /// Whether a replicated stream takes its events now, as far as is known.
    fn has_stream(&self) -> bool;

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

    fn replicate(&self, kept: Receipt) -> Result<Replicating, AppendError> {
        Log::replicate(self, kept)
    }

    fn has_stream(&self) -> bool {
        Log::has_stream(self)
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
    /// T of promise 7: how long this node acts on what it knows without contact.
    pub contact: Duration,
    /// The policy in force, when there is one.
    pub policy: Option<(Arc<Policy>, PolicyRef)>,
    /// The people.
    pub people: Arc<Directory>,
    /// The targets by name.
    pub targets: Arc<BTreeMap<Name, Arc<Target>>>,
    /// Who and what is locked out.
    pub locks: Arc<Vec<Lock>>,
    /// The control index at which an approval changed last.
    pub approvals: u64,
    /// The control index at which a node changed last.
    pub nodes: u64,
}

impl View {
    /// What a node sees before anything was applied: nobody and nothing.
    #[must_use]
    pub(crate) fn empty() -> Self {
        Self {
            applied: 0,
            contact: Duration::ZERO,
            policy: None,
            people: Arc::new(Directory::new(&[])),
            targets: Arc::default(),
            locks: Arc::default(),
            approvals: 0,
            nodes: 0,
        }
    }

    /// The lock that shuts somebody out of a target on a node, if there is one.
    #[must_use]
    pub fn locked(&self, person: &Name, target: &Name, node: &Name) -> Option<&Lock> {
        let shuts_out = |lock: &&Lock| match &lock.scope {
            LockScope::Person(name) => name == person,
            LockScope::Target(name) => name == target,
            LockScope::Node(name) => name == node,
            LockScope::All => true,
        };
        self.locks.iter().find(shuts_out)
    }

    /// Whether sessions that were judged by the other view need not be judged again.
    #[must_use]
    pub(crate) fn judges_as(&self, other: &Self) -> bool {
        let policy = match (&self.policy, &other.policy) {
            (Some((_, one)), Some((_, other))) => one == other,
            (None, None) => true,
            _ => false,
        };
        policy
            && Arc::ptr_eq(&self.people, &other.people)
            && Arc::ptr_eq(&self.targets, &other.targets)
            && Arc::ptr_eq(&self.locks, &other.locks)
    }
}

/// Why a change was not made, or is not known to have been made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// No majority could be reached in time. Nothing was changed.
    #[error("the cluster has no majority that this node can reach; nothing was changed")]
    NoQuorum,
    /// It may have been applied or not.
    #[error("it is unknown whether the change was made")]
    Unknown,
    /// It is larger than an entry may be. Nothing was changed.
    #[error("the change is larger than the control plane takes")]
    TooLarge,
    /// The control plane of this node takes nothing now. Nothing was changed.
    #[error("the control plane is unavailable: {0}")]
    Unavailable(String),
}

impl ControlError {
    /// What a client or an operator is told. The precise reason stays in the log.
    #[must_use]
    pub fn told(&self) -> Told {
        Told::plain(match self {
            Self::NoQuorum => Code::NoQuorum,
            Self::Unknown => Code::OutcomeUnknown,
            Self::TooLarge => Code::BadRequest,
            Self::Unavailable(_) => Code::RecordUnavailable,
        })
    }
}

/// The last time that this node knew what the majority knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contact {
    /// When the last read that a majority confirmed was sent, on the clock that counts suspend.
    pub sent_at: Duration,
}

/// A future without a name.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The control plane, as one node reaches it.
pub trait Control: Send + Sync + 'static {
    /// Asks for a change, and waits until a majority keeps it and it is applied here: state and
    /// views of this node show it when this answers. Bounded: it ends within ten seconds.
    fn propose(&self, entry: Entry) -> Boxed<'_, Result<Reply, ControlError>>;

    /// Asks for a change in order with all others, and does not wait for the reply; it is tried
    /// again until it is made.
    ///
    /// # Errors
    /// [`ControlError`] when it certainly was not taken.
    fn tell(&self, entry: Entry) -> Result<(), ControlError>;

    /// Catches up: when it answers, all that any node had acknowledged before it was called is
    /// applied here. Gives the control index. Bounded like [`Control::propose`].
    fn read(&self) -> Boxed<'_, Result<u64, ControlError>>;

    /// The last contact with the majority, now and whenever there is a newer one.
    fn contact(&self) -> watch::Receiver<Contact>;

    /// What has been applied, now and whenever it changes.
    fn views(&self) -> watch::Receiver<Arc<View>>;

    /// Shows the state, under its lock: look quickly, and never wait in there.
    fn with_state(&self, look: &mut dyn FnMut(&State));

    /// A policy of any revision by its digest, for deriving decisions again.
    fn policy_text(&self, digest: &Digest) -> Option<String> {
        self.look(|state| state.policy_by_digest(digest).map(|one| one.document.to_string()))
    }
}

/// What every control plane can do besides.
pub trait ControlExt: Control {
    /// As [`Control::with_state`], and gives what was seen.
    fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        let (mut look, mut seen) = (Some(look), None);
        self.with_state(&mut |state| seen = look.take().map(|look| look(state)));
        seen.expect("a control plane shows its state once")
    }
}

impl<C: Control + ?Sized> ControlExt for C {}

/// The node's clocks.
pub trait Clock: Send + Sync + 'static {
    /// Now, on both.
    fn now(&self) -> Moment;

    /// Now, on the one that counts suspend.
    fn elapsed(&self) -> Duration {
        self.now().elapsed
    }
}

/// Secrets that the gateway holds for a target, which must never be seen in its output.
pub trait KnownValues: Send + Sync + 'static {
    /// Those of one target.
    fn of(&self, target: &Target) -> Vec<KnownValue>;
}
