//! A control plane that is the pure state and nothing else: what a majority would have agreed on,
//! at once.

use std::sync::Arc;

use anyhow::{Result, ensure};
use consensus_state::{Changed, Effects, Reply, State};
use node_enforce::policy::Policy;
use node_session::control::view;
use node_session::{Boxed, Clock as _, Contact, Control, ControlError, View};
use parking_lot::Mutex;
use proto::entry::{Client, ClusterCreation, Entry, NodeAddresses, NodeStart, Proposal};
use proto::ids::{Digest, Epoch, Name};
use proto::time::Utc;
use tokio::sync::watch;

/// A cluster of one node that needs nobody's agreement.
pub(super) struct Alone {
    node: Name,
    state: Mutex<(State, u64)>,
    views: watch::Sender<Arc<View>>,
    contact: watch::Sender<Contact>,
}

fn compile(text: &str) -> Result<Arc<Policy>, String> {
    let parsed = Policy::parse("policy", text, &|_| true);
    parsed.map(|(policy, _)| Arc::new(policy)).map_err(|errors| errors.to_string())
}

impl Alone {
    /// Founds it and starts its node, which is in contact from now on for T.
    pub(super) fn new(cluster: Name, node: &Name) -> Result<Self> {
        let state = State::new(cluster);
        let first = view(&state, None, Changed::ALL, &compile).map_err(anyhow::Error::msg)?;
        let sent_at = node_session::clock::SystemClock.now().elapsed;
        let this = Self {
            node: node.clone(),
            state: Mutex::new((state, 0)),
            views: watch::channel(Arc::new(first)).0,
            contact: watch::channel(Contact { sent_at }).0,
        };
        let addresses = || NodeAddresses { cluster: "gw:7400".into(), api: "gw:8443".into() };
        this.enter(Entry::ClusterCreated(ClusterCreation {
            contact_ms: 60_000,
            founder: node.clone(),
            addresses: addresses(),
            key: Digest([1; 32]),
        }));
        let started = this.enter(Entry::NodeStarted(NodeStart {
            node: node.clone(),
            raft_id: 1,
            last_epoch: Epoch(0),
            nonce: 1,
            supports: 1,
            version: "0.0.0".to_owned(),
            addresses: addresses(),
        }));
        ensure!(started == Reply::Epoch(Epoch(1)), "{started:?}");
        Ok(this)
    }

    fn enter(&self, entry: Entry) -> Reply {
        let (state, requests) = &mut *self.state.lock();
        *requests += 1;
        let client = Client { node: self.node.clone(), lane: 0 };
        let proposal = Proposal { client, request: *requests, entry };
        let now = Utc(state.time().0.max(0) + 1_000);
        let (reply, effects): (Reply, Effects) = state.apply(now, &proposal);
        let before = self.views.borrow().clone();
        if let Ok(next) = view(state, Some(&before), effects.changed, &compile) {
            self.views.send_replace(Arc::new(next));
        }
        reply
    }
}

impl Control for Alone {
    fn propose(&self, entry: Entry) -> Boxed<'_, Result<Reply, ControlError>> {
        Box::pin(std::future::ready(Ok(self.enter(entry))))
    }

    fn tell(&self, entry: Entry) -> Result<(), ControlError> {
        self.enter(entry);
        Ok(())
    }

    fn read(&self) -> Boxed<'_, Result<u64, ControlError>> {
        Box::pin(std::future::ready(Ok(self.state.lock().0.applied())))
    }

    fn contact(&self) -> watch::Receiver<Contact> {
        self.contact.subscribe()
    }

    fn views(&self) -> watch::Receiver<Arc<View>> {
        self.views.subscribe()
    }

    fn with_state(&self, look: &mut dyn FnMut(&State)) {
        look(&self.state.lock().0);
    }
}
