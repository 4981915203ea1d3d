//! What the API needs of its node, and what it keeps for itself.

use std::sync::Arc;

use node_identity::{AdminToken, Challenges, Tokens};
use node_session::{Clock, Control, Live, Record, View};
use proto::ids::Name;
use proto::refusal::{Code, Told};
use proto::target::Target;
use store_log::{Backend, Position};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::attempts::Attempts;
use crate::refuse::Refused;
use crate::tail::Tail;
use crate::views::Views;

/// How many streams of events may be open at once.
const STREAMS_LIMIT: usize = 64;

/// How many passwords are verified at once; each takes 19 MiB and tens of milliseconds.
const PASSWORDS_AT_ONCE: usize = 2;

/// What a node says of itself.
pub trait Node: Send + Sync + 'static {
    /// Why no command runs; empty when commands run.
    fn troubles(&self) -> Vec<Told>;

    /// Its metrics in Prometheus' text format.
    fn metrics(&self) -> String;

    /// Why this node has no credential for a target; nothing when it has.
    fn problem_of(&self, target: &Target) -> Option<String>;
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
    /// The administrator's token.
    pub admin: AdminToken,
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
}

impl Api {
    /// The API over what is given. Must be called within a runtime.
    #[must_use]
    pub fn new(given: Given) -> Arc<Self> {
        let tail = Tail::start(given.log.clone(), given.stop.clone());
        let views = given.views.clone();
        tokio::spawn(crate::views::follow(views, tail.clone(), given.stop.clone()));
        Arc::new(Self {
            tokens: Tokens::new(node_identity::tokens::TOKEN_LIFETIME),
            challenges: Challenges::new(given.cluster.clone()),
            attempts: Attempts::default(),
            tail,
            streams: Arc::new(Semaphore::new(STREAMS_LIMIT)),
            passwords: Semaphore::new(PASSWORDS_AT_ONCE),
            given,
        })
    }

    /// What the control plane says now.
    pub(crate) fn view(&self) -> Arc<View> {
        self.given.control.views().borrow().clone()
    }

    /// A stream over the log, when one more may be open.
    pub(crate) fn source(&self) -> Result<crate::lines::Source, Refused> {
        let permit = self.streams.clone().try_acquire_owned().map_err(|_| {
            let text = format!("{STREAMS_LIMIT} streams of events are open; try again later");
            Refused::new(Code::TooManyRequests, text)
        })?;
        Ok(crate::lines::Source {
            log: self.given.log.clone(),
            tail: self.tail.clone(),
            stop: self.given.stop.clone(),
            _permit: permit,
        })
    }

    /// The last position of the log now.
    pub(crate) fn last(&self) -> Position {
        self.given.log.usage().last
    }
}
