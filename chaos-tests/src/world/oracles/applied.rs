//! What all nodes make of the log: at the same control index they are in the same state, whichever
//! way they came there; time does not go back; and no state has in it what must never be.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hasher};
use std::time::Duration;

use consensus_state::{State, Status};
use parking_lot::Mutex;
use proto::entry::ApprovalId;
use proto::ids::SessionId;
use proto::time::Utc;

use crate::world::network::Id;
use crate::world::runtime;

/// So much may the cluster's time be ahead of what has passed: a leader's clock may be as far
/// behind as a leader's may be (5 s), and the next one's as far ahead; the rest is on its way.
pub(crate) const CLOCK_BOUND: Duration = Duration::from_secs(12);

/// What was ever applied, by any node.
#[derive(Default)]
pub(crate) struct Applied(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    /// Digests of the states, and whoever was there first, by control index.
    states: BTreeMap<u64, (u64, Utc, Id)>,
    /// How each approval stood when anybody was furthest.
    approvals: BTreeMap<ApprovalId, Status>,
    sessions: BTreeSet<SessionId>,
    /// Since when a request can have been made at the earliest, by its command.
    asked: BTreeMap<(SessionId, u64), Duration>,
    violations: BTreeSet<String>,
}

impl Applied {
    /// A command asks for an approval from now on.
    pub(crate) fn asks(&self, session: &SessionId, command: u64) {
        let mut seen = self.0.lock();
        seen.asked.entry((session.clone(), command)).or_insert_with(runtime::now);
    }

    /// A node has applied up to here.
    pub(crate) fn saw(&self, who: Id, state: &State) {
        let mut hasher = DefaultHasher::new();
        hasher.write(&state.to_snapshot());
        let (digest, at) = (hasher.finish(), state.applied());
        let mut seen = self.0.lock();
        let is_first = seen.states.last_key_value().is_none_or(|(last, _)| *last < at);
        let (first, _, by) = *seen.states.entry(at).or_insert((digest, state.time(), who));
        if first != digest {
            seen.violated(format!("at {at}, gw-{who} is in another state than gw-{by} was"));
        }
        if is_first {
            seen.time(at, state.time());
            seen.approvals(state);
            seen.sessions(state);
        }
    }

    pub(crate) fn violated(&self, what: String) {
        self.0.lock().violated(what);
    }

    /// How far anybody has applied.
    pub(crate) fn last(&self) -> u64 {
        self.0.lock().states.last_key_value().map_or(0, |(last, _)| *last)
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.0.lock().violations.iter().cloned().collect()
    }
}

impl Seen {
    fn violated(&mut self, what: String) {
        self.violations.insert(what);
    }

    fn time(&mut self, at: u64, time: Utc) {
        let before = self.states.range(..at).next_back().map(|(_, (_, before, _))| *before);
        if before.is_some_and(|before| time < before) {
            self.violated(format!("at {at} time went back to {time}"));
        }
    }

    /// Over is over, and nothing runs out before its time.
    fn approvals(&mut self, state: &State) {
        for approval in state.approvals() {
            let (id, now) = (approval.id, approval.status);
            let before = self.approvals.insert(id, now);
            if let Some(before) = before.filter(|before| is_over(*before) && *before != now) {
                self.violated(format!("approval {id} was {before}, and is {now}"));
            }
            if now != Status::Expired || before == Some(now) {
                continue;
            }
            if let consensus_state::Asked::Command(request) = &approval.asked {
                let command = (request.command.session.clone(), request.command.command);
                let lasts = Duration::from_millis(request.expires_ms);
                let early = self.asked.get(&command).is_some_and(|asked| {
                    runtime::now().saturating_sub(*asked) + CLOCK_BOUND < lasts
                });
                if early {
                    self.violated(format!("approval {id} ran out long before {lasts:?}"));
                }
            }
        }
    }

    /// Nobody opened a session who was locked out by then.
    fn sessions(&mut self, state: &State) {
        for session in state.open_sessions() {
            let opening = &session.opening;
            if !self.sessions.insert(opening.session.clone()) {
                continue;
            }
            let lock = state.locked(&opening.person, &opening.target, &opening.node);
            if let Some(lock) = lock.filter(|lock| lock.at < session.at) {
                let (session, lock) = (&opening.session, lock.id);
                self.violated(format!("{session} was opened although lock {lock} held"));
            }
        }
    }
}

/// Whether nothing may run by it any more, for ever.
fn is_over(status: Status) -> bool {
    match status {
        Status::Open | Status::Approved | Status::Consumed { until: Some(_) } => false,
        Status::Consumed { until: None }
        | Status::Denied
        | Status::Withdrawn(_)
        | Status::Expired
        | Status::Revoked => true,
    }
}
