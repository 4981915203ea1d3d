//! A control plane of one member: the real replica and the real control plane over it, on a disk in
//! memory.

use std::sync::Arc;
use std::time::Duration;

use consensus_raft::{CallError, Config, Member, Replica, Timing, Transport, Wall};
use consensus_state::Reply;
use node_enforce::policy::Policy;
use proto::entry::{ClusterCreation, Entry, NodeAddresses, NodeStart};
use proto::ids::{Digest, Epoch};
use proto::peer::raft::{Request, Response};
use proto::time::Moment;
use store_disk::Simulated;
use store_disk::raft::{Inline, RaftStore};
use store_log::Log;
use store_log::memory::Memory;

use super::node::{T, TestClock, name};
use crate::Clock;
use crate::control::RaftControl;

/// There are no peers.
struct Nobody;

impl Transport for Nobody {
    fn call(
        &self,
        to: &Member,
        _: Request,
        _: Duration,
    ) -> crate::Boxed<'static, Result<Response, CallError>> {
        let address = to.address.clone();
        Box::pin(async { Err(CallError::Unreachable(address)) })
    }
}

struct Clocks(Arc<TestClock>);

impl Wall for Clocks {
    fn now(&self) -> Moment {
        self.0.now()
    }
}

pub(super) fn compile(text: &str) -> Result<Policy, String> {
    let parsed = Policy::parse("policy", text, &|_| true);
    parsed.map(|(policy, _)| policy).map_err(|errors| errors.to_string())
}

/// Founds a cluster, starts its node, and gives its control plane and its record.
pub(super) async fn found(
    clock: &Arc<TestClock>,
    events: &Arc<Memory>,
) -> (RaftControl, Arc<Log<Memory>>) {
    let (control, log) = found_apart(clock, events).await;
    control.attach(log.clone(), clock.clone()).await.expect("memory keeps it");
    (control, log)
}

/// The same, and the control plane does not have the record yet.
pub(super) async fn found_apart(
    clock: &Arc<TestClock>,
    events: &Arc<Memory>,
) -> (RaftControl, Arc<Log<Memory>>) {
    let (cluster, node) = (name("test"), name("gw-1"));
    let (_, writer) = RaftStore::open(&Simulated::new(1)).expect("an empty disk");
    let seen = RaftControl::observe(Box::new(compile), 0);
    let config = Config {
        cluster: cluster.clone(),
        node: node.clone(),
        raft_id: 1,
        nonce: 1,
        supports: 1,
        timing: Timing::default(),
    };
    let disk = Arc::new(Inline::new(writer));
    let clocks = Arc::new(Clocks(clock.clone()));
    let replica = Replica::open(config, disk, Arc::new(Nobody), seen.clone(), clocks).await;
    let replica = replica.expect("an empty disk");
    let address = "127.0.0.1:1".to_owned();
    let addresses = NodeAddresses { cluster: address.clone(), api: address.clone() };
    let creation = Entry::ClusterCreated(ClusterCreation {
        contact_ms: u64::try_from(T.as_millis()).expect("a short time"),
        founder: node.clone(),
        addresses: addresses.clone(),
        key: Digest([1; 32]),
    });
    let member = Member { raft_id: 1, node: node.clone(), address };
    replica.found(member, creation).await.expect("a new cluster");
    let start = NodeStart {
        node: node.clone(),
        raft_id: 1,
        last_epoch: Epoch(0),
        nonce: 1,
        supports: 1,
        version: "test".to_owned(),
        addresses,
    };
    let answer = replica.propose(Entry::NodeStarted(start)).await.expect("a majority of one");
    assert_eq!(answer.reply, Reply::Epoch(Epoch(1)));
    replica.keep_epoch(Epoch(1)).await.expect("memory keeps it");
    let log = Log::open(events.clone(), cluster, node, Epoch(1)).expect("an empty log");
    let log = Arc::new(log);
    let control = RaftControl::new(replica, seen).await.expect("there is contact");
    (control, log)
}
