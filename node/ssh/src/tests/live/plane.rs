//! A control plane of one member for the rig: the real replica and the real control plane over it,
//! on a disk in memory.

use std::sync::Arc;
use std::time::Duration;

use consensus_raft::{CallError, Config, Member, Replica, Timing, Transport, Wall};
use consensus_state::Reply;
use node_enforce::policy::Policy;
use node_session::control::RaftControl;
use node_session::{Boxed, Clock};
use proto::entry::{ClusterCreation, Entry, NodeAddresses, NodeStart};
use proto::ids::{Digest, Epoch, Name};
use proto::peer::raft::{Request, Response};
use proto::time::Moment;
use store_disk::Simulated;
use store_disk::raft::{Inline, RaftStore};
use store_log::Log;
use store_log::memory::Memory;

/// T of the rig's cluster, in milliseconds.
pub(super) const CONTACT_MS: u64 = 15_000;

/// There are no peers.
struct Nobody;

impl Transport for Nobody {
    fn call(
        &self,
        to: &Member,
        _: Request,
        _: Duration,
    ) -> Boxed<'static, Result<Response, CallError>> {
        let address = to.address.clone();
        Box::pin(async { Err(CallError::Unreachable(address)) })
    }
}

struct Clocks(Arc<dyn Clock>);

impl Wall for Clocks {
    fn now(&self) -> Moment {
        self.0.now()
    }
}

fn compile(text: &str) -> Result<Policy, String> {
    let parsed = Policy::parse("policy.yaml", text, &|_| true);
    parsed.map(|(policy, _)| policy).map_err(|error| error.to_string())
}

/// Founds a cluster, starts its node, and gives its control plane and its log.
pub(super) async fn found(
    cluster: Name,
    node: &Name,
    clock: Arc<dyn Clock>,
    record: &Arc<Memory>,
) -> (Arc<RaftControl>, Arc<Log<Memory>>) {
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
        contact_ms: CONTACT_MS,
        founder: node.clone(),
        addresses: addresses.clone(),
        key: Digest([1; 32]),
    });
    let member = Member { raft_id: 1, node: node.clone(), address };
    replica.found(member, creation).await.expect("a new cluster");
    let start = Entry::NodeStarted(NodeStart {
        node: node.clone(),
        raft_id: 1,
        last_epoch: Epoch(0),
        nonce: replica.identity().nonce,
        supports: 1,
        version: "0.0.0".to_owned(),
        addresses,
    });
    let started = replica.propose(start).await.expect("a majority of one").reply;
    let Reply::Epoch(epoch) = started else { panic!("a start was answered {started:?}") };
    let log = Log::open(record.clone(), cluster, node.clone(), epoch).expect("a log");
    let (log, control) = (Arc::new(log), RaftControl::new(replica, seen).await.expect("contact"));
    control.attach(log.clone(), clock).await.expect("attached");
    (Arc::new(control), log)
}
