//! One lane to one member: at most one connection, made when it is needed. When making it failed,
//! nothing is tried for a while, and whoever calls is told at once.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use proto::peer::Lane as LaneName;
use proto::peer::raft::Member;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use super::dial::dial;
use super::error::CallError;
use crate::limits::Limits;
use crate::local::Local;

type Outcome = Option<Result<Arc<Connection>, CallError>>;

pub(super) struct Lane {
    local: Arc<Local>,
    to: Member,
    name: LaneName,
    limits: Limits,
    closing: CancellationToken,
    state: Mutex<State>,
}

enum State {
    /// Nothing was tried yet, or what there was is over.
    Idle,
    /// A connection is being made; all who want it wait for the same one.
    Dialling(watch::Receiver<Outcome>),
    Up(Arc<Connection>),
    /// It failed; nothing is tried until then.
    Down {
        until: Instant,
        failures: u32,
        why: CallError,
    },
}

impl Lane {
    pub(super) fn new(
        local: Arc<Local>,
        to: Member,
        name: LaneName,
        limits: Limits,
        closing: CancellationToken,
    ) -> Arc<Self> {
        let state = Mutex::new(State::Idle);
        Arc::new(Self { local, to, name, limits, closing, state })
    }

    /// The connection; made now when there is none. The caller sets the deadline.
    pub(super) async fn connection(self: &Arc<Self>) -> Result<Arc<Connection>, CallError> {
        let mut outcome = match self.look()? {
            Found::Up(connection) => return Ok(connection),
            Found::Dialling(outcome) => outcome,
        };
        let gone = |_| CallError::Unreachable("the connection was given up".to_owned());
        let made = outcome.wait_for(Option::is_some).await.map_err(gone)?;
        made.clone().unwrap_or_else(|| Err(CallError::TimedOut))
    }

    /// Why nothing is tried now, if so.
    pub(super) fn down(&self) -> Option<CallError> {
        match &*self.state.lock() {
            State::Down { until, why, .. } if Instant::now() < *until => Some(why.clone()),
            _ => None,
        }
    }

    fn look(self: &Arc<Self>) -> Result<Found, CallError> {
        if self.closing.is_cancelled() {
            return Err(CallError::Unreachable("this node is stopping".to_owned()));
        }
        let mut state = self.state.lock();
        let failures = match &*state {
            State::Up(connection) if connection.is_up() => {
                return Ok(Found::Up(connection.clone()));
            }
            State::Dialling(outcome) => return Ok(Found::Dialling(outcome.clone())),
            State::Down { until, why, .. } if Instant::now() < *until => return Err(why.clone()),
            State::Down { failures, .. } => *failures,
            State::Up(_) | State::Idle => 0,
        };
        let (tell, outcome) = watch::channel(None);
        *state = State::Dialling(outcome.clone());
        drop(state);
        tokio::spawn(make(self.clone(), failures, tell));
        Ok(Found::Dialling(outcome))
    }
}

enum Found {
    Up(Arc<Connection>),
    Dialling(watch::Receiver<Outcome>),
}

/// Makes the connection, and tells all who wait for it.
async fn make(lane: Arc<Lane>, failures: u32, tell: watch::Sender<Outcome>) {
    let Lane { local, to, name, limits, closing, state } = &*lane;
    let dialling = tokio::time::timeout(limits.dial, dial(local, to, *name));
    let dialled = tokio::select! {
        () = closing.cancelled() => Err(CallError::Unreachable("this node is stopping".to_owned())),
        dialled = dialling => dialled.unwrap_or_else(|_| {
            let Member { node, address, .. } = to;
            Err(CallError::Unreachable(format!("node {node} at {address} did not answer in time")))
        }),
    };
    let outcome = match dialled {
        Ok(dialled) => {
            let closing = closing.child_token();
            let connection = Connection::start(local.clone(), dialled, limits, closing);
            *state.lock() = State::Up(connection.clone());
            Ok(connection)
        }
        Err(why) => {
            metrics::counter!("sallyport_peer_dials_failed_total").increment(1);
            // Said once: what follows are the same words again.
            if failures == 0 {
                tracing::warn!(peer = %to.node, lane = ?name, %why, "a peer cannot be reached");
            }
            let until = Instant::now() + pause(limits, failures);
            let failures = failures.saturating_add(1);
            *state.lock() = State::Down { until, failures, why: why.clone() };
            Err(why)
        }
    };
    tell.send_replace(Some(outcome));
}

fn pause(limits: &Limits, failures: u32) -> Duration {
    let doubled = limits.backoff.saturating_mul(2_u32.saturating_pow(failures));
    doubled.min(limits.longest_backoff)
}
