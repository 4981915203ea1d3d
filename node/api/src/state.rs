//! What the API needs of its node, and what it keeps for itself.

use std::sync::Arc;
use std::time::Duration;

use node_identity::{AdminToken, Challenges, IssuingKey, TokenKey, Tokens};
use node_session::{Clock, Control, Live, Record, View};
use proto::api::StreamStatus;
use proto::entry::LockScope;
use proto::ids::Name;
use proto::refusal::{Code, Told};
use proto::target::Target;
use store_log::{Backend, Position};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::attempts::Attempts;
use crate::caller::{Caller, check};
use crate::ports::{Chains, Cluster, Fleet};
use crate::refuse::Refused;
use crate::tail::Tail;
use crate::views::Views;

/// How many streams of events, requests and sessions may be open at once.
const STREAMS_LIMIT: usize = 64;

/// How many passwords are verified at once; each takes 19 MiB and tens of milliseconds.
const PASSWORDS_AT_ONCE: usize = 2;

/// How many documents are read at once; each may be megabytes, and hash passwords.
const DOCUMENTS_AT_ONCE: usize = 2;

/// What a node says of itself.
pub trait Node: Send + Sync + 'static {
    /// Why no command runs; empty when commands run.
    fn troubles(&self) -> Vec<Told>;

    /// Its metrics in Prometheus' text format.
    fn metrics(&self) -> String;

    /// How the replicated stream stands; nothing when there is none.
    fn stream(&self) -> Option<StreamStatus> {
        None
    }

    /// Why this node has no credential for a target; nothing when it has.
    fn problem_of(&self, target: &Target) -> Option<String>;

    /// An environment variable that a document may name.
    fn variable(&self, name: &str) -> Option<Zeroizing<String>>;

    /// Whether a target's host key may be believed when it is first seen; only `dev` does.
    fn trusts_on_first_use(&self) -> bool;
}

/// What is given to the API.
pub struct Given {
    /// The cluster.
    pub cluster: Name,
    /// The node.
    pub node: Name,
    /// The program's version.
    pub version: &'static str,
    /// The control plane.
    pub control: Arc<dyn Control>,
    /// The record, to write to.
    pub record: Arc<dyn Record>,
    /// The same record, to read from.
    pub log: Arc<dyn Backend>,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// Views of the same record.
    pub views: Arc<Views>,
    /// Live sessions.
    pub live: Live,
    /// The node.
    pub myself: Arc<dyn Node>,
    /// The live sessions of other nodes.
    pub fleet: Arc<dyn Fleet>,
    /// The chains of other nodes, when something keeps them beside those nodes.
    pub chains: Option<Arc<dyn Chains>>,
    /// Its members.
    pub members: Arc<dyn Cluster>,
    /// The administrator's token.
    pub admin: AdminToken,
    /// The key of the cluster's tokens.
    pub token_key: TokenKey,
    /// The key of the database credentials that it gives out.
    pub issuing: IssuingKey,
    /// Cancelled when the node stops.
    pub stop: CancellationToken,
}

/// The API of one node.
pub struct Api {
    pub(crate) given: Given,
    pub(crate) tokens: Tokens,
    pub(crate) challenges: Challenges,
    pub(crate) attempts: Attempts,
    pub(crate) tail: Tail,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) passwords: Semaphore,
    pub(crate) documents: Semaphore,
}

impl Api {
    /// The API over what is given. Must be called within a runtime.
    #[must_use]
    pub fn new(given: Given) -> Arc<Self> {
        let tail = Tail::start(given.log.clone(), given.stop.clone());
        crate::views::follow(&given.views, &tail, &given.stop);
        let api = Arc::new(Self {
            tokens: Tokens::new(given.token_key.clone(), node_identity::tokens::TOKEN_LIFETIME),
            challenges: Challenges::new(given.cluster.clone()),
            attempts: Attempts::default(),
            tail,
            streams: Arc::new(Semaphore::new(STREAMS_LIMIT)),
            passwords: Semaphore::new(PASSWORDS_AT_ONCE),
            documents: Semaphore::new(DOCUMENTS_AT_ONCE),
            given,
        });
        if let Some(chains) = api.given.chains.clone() {
            tokio::spawn(crate::foreign::follow(api.clone(), chains, api.given.stop.clone()));
        }
        api
    }

    /// What the control plane says now.
    pub(crate) fn view(&self) -> Arc<View> {
        self.given.control.views().borrow().clone()
    }

    /// T of promise 7, and how long ago this node had contact with the majority.
    pub(crate) fn contact(&self) -> (Duration, Duration) {
        let sent_at = self.given.control.contact().borrow().sent_at;
        let age = self.given.clock.now().elapsed.saturating_sub(sent_at);
        (self.view().contact, age)
    }

    /// Whether whoever was let in would be let in now: for streams, which last.
    pub(crate) fn still(&self, caller: &Caller) -> bool {
        let view = self.view();
        let principal = caller.shown.as_ref().and_then(|shown| self.principal(shown.text(), &view));
        let policy = view.policy.as_ref().map(|(policy, _)| &**policy);
        principal == caller.principal
            && locked(&view, caller).is_none()
            && check(caller.access, principal.as_ref(), policy).is_ok()
    }

    /// Who shows this token.
    pub(crate) fn principal(&self, token: &str, view: &View) -> Option<node_identity::Principal> {
        let (now, directory) = (self.given.clock.now().utc, &view.people);
        node_identity::tokens::authenticate(token, &self.given.admin, &self.tokens, directory, now)
    }

    /// One of the streams that may be open at once.
    pub(crate) fn stream(&self) -> Result<OwnedSemaphorePermit, Refused> {
        self.streams.clone().try_acquire_owned().map_err(|_| {
            let text = format!("{STREAMS_LIMIT} streams are open; try again later");
            Refused::new(Code::TooManyRequests, text)
        })
    }

    /// A stream over the log, when one more may be open.
    pub(crate) fn source(
        self: &Arc<Self>,
        caller: &Caller,
    ) -> Result<crate::lines::Source, Refused> {
        let (api, caller) = (self.clone(), caller.clone());
        Ok(crate::lines::Source {
            log: self.given.log.clone(),
            tail: self.tail.clone(),
            stop: self.given.stop.clone(),
            may: Box::new(move || api.still(&caller)),
            _permit: self.stream()?,
        })
    }

    /// The last position of the log now.
    pub(crate) fn last(&self) -> Position {
        self.given.log.usage().last
    }
}

/// The lock that shuts a person out of the API, when there is one. A lock on everything does not:
/// somebody must be able to lift it.
pub(crate) fn locked(view: &View, caller: &Caller) -> Option<String> {
    let person = caller.person()?;
    let locks = |scope: &LockScope| matches!(scope, LockScope::Person(name) if name == person);
    let lock = view.locks.iter().find(|lock| locks(&lock.scope))?;
    Some(format!("you are locked out (lock {})", lock.id))
}
