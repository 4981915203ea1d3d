//! What the leader sees to: that time passes, that lost nodes are called lost, that the cluster's
//! version rises, that Raft's configuration follows the state, that kept events are let go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use consensus_state::{Node, Presence, State};
use openraft::{AsyncRuntime, ChangeMembers};
use proto::entry::{ControlPublication, Entry, NodeEpoch, Passing, VersionRaise};
use proto::time::Utc;

use crate::config::{DUTY_INTERVAL, EVENTS_KEPT};
use crate::ports::Member;
use crate::replica::Replica;
use crate::seats::Seats;
use crate::types::Seat;

/// A node is lost after so many T without contact.
const LOST_AFTER: u32 = 3;
/// More nodes than this are learners.
const VOTERS_MOST: usize = 7;
/// A learner may vote when it lacks at most so many entries, and was heard of a moment ago.
const BEHIND_ENTRIES: u64 = 64;
const HEARD_LATELY: Duration = Duration::from_secs(2);
/// When this leader did not run for longer than this, nobody is called lost for what it missed.
const STALL: Duration = Duration::from_secs(2);
/// So many bytes of events that are kept elsewhere stay in the state at most, about.
const OUTBOX_BYTES: usize = 8 * 1024 * 1024;

/// What a leader must remember between two looks.
#[derive(Debug, Default)]
pub(crate) struct Duties {
    /// Since when it leads, or since when it runs again.
    since: Option<Duration>,
    last: Duration,
}

impl Duties {
    /// Looks after everything once; gives how long to wait before the next look.
    pub(crate) async fn look_after<R: AsyncRuntime>(&mut self, replica: &Replica<R>) -> Duration {
        let (now, seats) = (replica.now(), replica.seats());
        let stalled = now.saturating_sub(self.last) > STALL;
        self.last = now;
        if !seats.leads() || replica.is_leaving() {
            self.since = None;
            return DUTY_INTERVAL;
        }
        if stalled {
            self.since = Some(now);
        }
        let since = *self.since.get_or_insert(now);
        for entry in due(replica, since, now) {
            // What could not be done is due again at the next look.
            if let Err(error) = replica.propose(entry).await {
                tracing::debug!(%error, "a duty of the leader waits");
            }
        }
        if let Some(change) = replica.with_state(|state| next_change(replica, &seats, state)) {
            match change {
                Change::Members(change) => {
                    if let Err(error) = replica.change(change).await {
                        tracing::warn!(%error, "the configuration waits");
                    }
                }
                // The next leader takes this node out.
                Change::Leave => drop(replica.step_down().await),
            }
        }
        self.last = replica.now();
        pause(replica)
    }
}

/// Until the next thing runs out, at most the usual time.
fn pause<R: AsyncRuntime>(replica: &Replica<R>) -> Duration {
    let running = replica.shared.pace.lock().running(replica.now());
    let next = replica.with_state(State::next_deadline);
    let left = running.zip(next).map(|(now, next)| next.0.saturating_sub(now.0));
    let left = left.and_then(|left| u64::try_from(left).ok()).map(Duration::from_micros);
    left.map_or(DUTY_INTERVAL, |left| left.clamp(Duration::from_millis(10), DUTY_INTERVAL))
}

fn due<R: AsyncRuntime>(replica: &Replica<R>, since: Duration, now: Duration) -> Vec<Entry> {
    let running = replica.shared.pace.lock().running(now);
    let kept = replica.shared.observer.kept();
    replica.with_state(|state| {
        let tick = is_late(state, running)
            .then(|| Entry::Tick(Passing { node: replica.config.node.clone() }));
        let lost = lost(replica, state, since, now).map(Entry::NodeLost);
        let raise = next_version(state).map(|to| Entry::VersionRaised(VersionRaise { to }));
        let publish =
            publication(state, kept).map(|seq| Entry::ControlPublished(ControlPublication { seq }));
        tick.into_iter().chain(lost).chain(raise).chain(publish).collect()
    })
}

fn is_late(state: &State, running: Option<Utc>) -> bool {
    state.next_deadline().zip(running).is_some_and(|(next, now)| next <= now)
}

fn lost<R: AsyncRuntime>(
    replica: &Replica<R>,
    state: &State,
    since: Duration,
    now: Duration,
) -> impl Iterator<Item = NodeEpoch> {
    let patience = state.contact() * LOST_AFTER;
    let is_silent = |node: &&Node| {
        let heard = replica.peers.last_heard(node.raft_id).unwrap_or_default().max(since);
        node.presence == Presence::Up
            && node.raft_id != replica.config.raft_id
            && now.saturating_sub(heard) > patience
    };
    let lost = state.nodes().filter(is_silent);
    let lost = lost.map(|node| NodeEpoch { node: node.name.clone(), epoch: node.epoch });
    lost.collect::<Vec<_>>().into_iter()
}

/// The version that all members understand, when it is above the one in use.
fn next_version(state: &State) -> Option<u32> {
    let members = state.nodes().filter(|node| node.is_member());
    let all = members.map(|node| node.supports).min()?;
    (all > state.cluster_version() && state.cluster_version() > 0).then_some(all)
}

/// Up to where events need not stay in the state. Those that this node's journal keeps go when
/// there are many; the last ones stay for nodes that come by a snapshot.
fn publication(state: &State, kept: u64) -> Option<u64> {
    let count = state.unpublished().len();
    let bytes: usize = state.unpublished().map(|event| event.bytes.len()).sum();
    let stay = if bytes > OUTBOX_BYTES { count / 2 } else { EVENTS_KEPT };
    if count <= 2 * EVENTS_KEPT && bytes <= OUTBOX_BYTES {
        return None;
    }
    // Counted in events: their places jump where a backup was restored. One always stays, so that a
    // record that begins with it can say what it follows.
    let goes = state.unpublished().take(count.saturating_sub(stay.max(1)));
    goes.map(|event| event.id.seq).take_while(|seq| *seq <= kept).last()
}

/// What to change about Raft's configuration.
enum Change {
    Members(ChangeMembers<u64, Seat>),
    Leave,
}

/// The next step towards the configuration that the state says: one at a time.
fn next_change<R: AsyncRuntime>(
    replica: &Replica<R>,
    seats: &Seats,
    state: &State,
) -> Option<Change> {
    let (members, voters) = (seats.members(), seats.voters());
    let wanted: BTreeMap<u64, Member> = state
        .nodes()
        .filter(|node| node.is_member())
        .map(|node| (node.raft_id, member(node)))
        .collect();
    if wanted.is_empty() {
        return None;
    }
    let gone = members.keys().copied().find(|raft_id| !wanted.contains_key(raft_id));
    if let Some(gone) = gone {
        if gone == replica.config.raft_id {
            return Some(Change::Leave);
        }
        let ids = BTreeSet::from([gone]);
        let is_voter = voters.contains(&gone);
        return Some(Change::Members(if is_voter {
            ChangeMembers::RemoveVoters(ids)
        } else {
            ChangeMembers::RemoveNodes(ids)
        }));
    }
    let differs = wanted.values().find(|wanted| {
        let seat = members.get(&wanted.raft_id);
        seat.is_none_or(|seat| seat.address != wanted.address)
    });
    if let Some(Member { raft_id, node, address }) = differs.cloned() {
        let nodes = BTreeMap::from([(raft_id, Seat { node, address })]);
        let is_new = !members.contains_key(&raft_id);
        return Some(Change::Members(if is_new {
            ChangeMembers::AddNodes(nodes)
        } else {
            ChangeMembers::SetNodes(nodes)
        }));
    }
    let learner = members.keys().copied().find(|raft_id| {
        !voters.contains(raft_id)
            && voters.len() < VOTERS_MOST
            && keeps_up(replica, seats, *raft_id)
    })?;
    Some(Change::Members(ChangeMembers::AddVoterIds(BTreeSet::from([learner]))))
}

fn member(node: &Node) -> Member {
    let address = node.addresses.cluster.clone();
    Member { raft_id: node.raft_id, node: node.name.clone(), address }
}

fn keeps_up<R: AsyncRuntime>(replica: &Replica<R>, seats: &Seats, raft_id: u64) -> bool {
    let last = seats.0.last_log_index.unwrap_or(0);
    let has = seats.matched(raft_id).is_some_and(|has| has > 0 && has + BEHIND_ENTRIES >= last);
    let heard = replica.peers.last_heard(raft_id);
    let lately = heard.is_some_and(|heard| replica.now().saturating_sub(heard) < HEARD_LATELY);
    has && lately
}
