//! A control plane that is the pure state and nothing else: what a majority would have agreed on,
//! at once, unless it is told to fail.

use std::sync::Arc;
use std::time::Duration;

use consensus_state::{Changed, Reply, State};
use node_enforce::mask::is_detector;
use node_enforce::policy::Policy;
use node_session::control::view;
use node_session::{Boxed, Contact, Control, ControlError, View};
use parking_lot::Mutex;
use proto::entry::{
    Client, ClusterCreation, Entry, NodeAddresses, NodeJoining, NodeStart, Proposal,
};
use proto::ids::{Digest, Epoch, Name};
use proto::time::Utc;
use store_log::Log;
use store_log::memory::Memory;
use tokio::sync::watch;

use super::world::name;

/// T of promise 7 in these tests.
pub(crate) const CONTACT: Duration = Duration::from_secs(15);

pub(crate) struct Alone {
    state: Mutex<State>,
    requests: Mutex<u64>,
    views: watch::Sender<Arc<View>>,
    contact: watch::Sender<Contact>,
    log: Mutex<Option<Arc<Log<Memory>>>>,
    fails: Mutex<Option<ControlError>>,
    proposed: Mutex<Vec<&'static str>>,
    behind: Mutex<Vec<Entry>>,
    before: Mutex<Vec<Entry>>,
}

fn compile(text: &str) -> Result<Arc<Policy>, String> {
    let parsed = Policy::parse("policy", text, &is_detector);
    parsed.map(|(policy, _)| Arc::new(policy)).map_err(|errors| errors.to_string())
}

pub(crate) fn addresses(node: &Name) -> NodeAddresses {
    NodeAddresses { cluster: format!("{node}:7400"), api: format!("{node}:8443") }
}

impl Alone {
    /// A cluster of one node, which has started.
    pub(crate) fn new(cluster: Name, founder: &Name, now: Duration) -> Self {
        let state = State::new(cluster);
        let first = view(&state, None, Changed::ALL, &compile).expect("an empty view");
        let this = Self {
            state: Mutex::new(state),
            requests: Mutex::default(),
            views: watch::channel(Arc::new(first)).0,
            contact: watch::channel(Contact { sent_at: now }).0,
            log: Mutex::default(),
            fails: Mutex::default(),
            proposed: Mutex::default(),
            behind: Mutex::default(),
            before: Mutex::default(),
        };
        this.enter(Entry::ClusterCreated(ClusterCreation {
            contact_ms: 15_000,
            founder: founder.clone(),
            addresses: addresses(founder),
            key: Digest([1; 32]),
        }));
        this.start(founder, 1);
        this
    }

    /// Events of the control chain are kept here from now on.
    pub(crate) fn attach(&self, log: Arc<Log<Memory>>) {
        *self.log.lock() = Some(log);
    }

    pub(crate) fn start(&self, node: &Name, raft_id: u64) -> Reply {
        self.enter(Entry::NodeStarted(NodeStart {
            node: node.clone(),
            raft_id,
            last_epoch: Epoch(0),
            nonce: raft_id,
            supports: 1,
            version: "0.0.0".to_owned(),
            addresses: addresses(node),
        }))
    }

    /// Another node joins and starts.
    pub(crate) fn join(&self, node: &Name) {
        let token = proto::entry::JoinToken {
            digest: Digest([9; 32]),
            lasts_ms: 60_000,
            by: proto::entry::By::Administrator,
        };
        assert_eq!(self.enter(Entry::JoinTokenCreated(token)), Reply::Done);
        let joined = self.enter(Entry::NodeJoined(NodeJoining {
            node: node.clone(),
            addresses: addresses(node),
            key: Digest([node.as_str().len() as u8 + 1; 32]),
            token: Digest([9; 32]),
            supports: 1,
        }));
        let Reply::Joined { raft_id } = joined else { panic!("{joined:?}") };
        assert_eq!(self.start(node, raft_id), Reply::Epoch(Epoch(1)));
    }

    /// What is asked from now on fails like this; nothing is changed by it.
    pub(crate) fn fail(&self, with: Option<ControlError>) {
        *self.fails.lock() = with;
    }

    /// When the last contact with the majority was.
    pub(crate) fn contact_was(&self, sent_at: Duration) {
        self.contact.send_replace(Contact { sent_at });
    }

    /// The majority agreed on this, and the node learns of it when it asks.
    pub(crate) fn fall_behind(&self, entry: Entry) {
        self.behind.lock().push(entry);
    }

    /// Somebody else is faster than the next proposal.
    pub(crate) fn be_overtaken(&self, entry: Entry) {
        self.before.lock().push(entry);
    }

    /// The kinds of entries that were proposed by the API.
    pub(crate) fn proposed(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.proposed.lock())
    }

    /// Enters something as if another node had asked for it.
    pub(crate) fn enter(&self, entry: Entry) -> Reply {
        let mut state = self.state.lock();
        let request = {
            let mut requests = self.requests.lock();
            *requests += 1;
            *requests
        };
        let node = name("gw-1");
        let proposal = Proposal { client: Client { node, lane: 0 }, request, entry };
        let now = Utc(state.time().0.max(0) + 1_000);
        self.apply(&mut state, now, &proposal)
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, time: Duration) {
        let mut state = self.state.lock();
        let now = Utc(state.time().0 + i64::try_from(time.as_micros()).expect("short"));
        let effects = state.advance(now);
        self.publish(&state, effects);
    }

    fn apply(&self, state: &mut State, at: Utc, proposal: &Proposal) -> Reply {
        let (reply, effects) = state.apply(at, proposal);
        self.publish(state, effects);
        reply
    }

    fn publish(&self, state: &State, effects: consensus_state::Effects) {
        if let Some(log) = &*self.log.lock() {
            for event in effects.events {
                drop(log.keep_control(event).expect("room"));
            }
        }
        let before = self.views.borrow().clone();
        let next = view(state, Some(&before), effects.changed, &compile).expect("a view");
        self.views.send_replace(Arc::new(next));
    }
}

impl Control for Alone {
    fn propose(&self, entry: Entry) -> Boxed<'_, Result<Reply, ControlError>> {
        if let Some(error) = self.fails.lock().clone() {
            return Box::pin(std::future::ready(Err(error)));
        }
        for faster in std::mem::take(&mut *self.before.lock()) {
            self.enter(faster);
        }
        self.proposed.lock().push(entry.name());
        Box::pin(std::future::ready(Ok(self.enter(entry))))
    }

    fn tell(&self, entry: Entry) -> Result<(), ControlError> {
        self.enter(entry);
        Ok(())
    }

    fn read(&self) -> Boxed<'_, Result<u64, ControlError>> {
        let read = match self.fails.lock().clone() {
            Some(error @ ControlError::NoQuorum) => Err(error),
            _ => {
                for missed in std::mem::take(&mut *self.behind.lock()) {
                    self.enter(missed);
                }
                Ok(self.state.lock().applied())
            }
        };
        Box::pin(std::future::ready(read))
    }

    fn contact(&self) -> watch::Receiver<Contact> {
        self.contact.subscribe()
    }

    fn views(&self) -> watch::Receiver<Arc<View>> {
        self.views.subscribe()
    }

    fn with_state(&self, look: &mut dyn FnMut(&State)) {
        look(&self.state.lock());
    }
}
