//! A small cluster: members that a test can take out, a clock that it can set, nodes that listen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use proto::ids::{Digest, Name};
use proto::peer::raft::{Ask, Member, Request, Response};
use proto::peer::{MemberRecord, Versions};
use proto::time::Utc;
use rustls_pki_types::CertificateDer;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::handler::TestHandler;
use super::{NOW, name};
use crate::certificate::{Authority, CertificateRequest, PeerName, PrivateKey};
use crate::random::new_key;
use crate::{
    CallError, Limits, Local, Members, NodeIdentity, Pool, Program, Server, Standing, Trust,
    WallClock,
};

/// Long enough for any call of a test, short enough to notice a hang.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct TestClock(AtomicI64);

impl TestClock {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(NOW.0)))
    }

    pub(super) fn advance(&self, micros: i64) {
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl WallClock for TestClock {
    fn utc(&self) -> Utc {
        Utc(self.0.load(Ordering::SeqCst))
    }
}

/// What one node's state says of members.
pub(super) struct TestMembers {
    known: Mutex<BTreeMap<u64, Option<MemberRecord>>>,
    changed: watch::Sender<u64>,
}

impl TestMembers {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { known: Mutex::default(), changed: watch::channel(0).0 })
    }

    pub(super) fn add(&self, record: MemberRecord) {
        self.known.lock().insert(record.raft_id, Some(record));
        self.changed.send_modify(|count| *count += 1);
    }

    pub(super) fn remove(&self, raft_id: u64) {
        self.known.lock().insert(raft_id, None);
        self.changed.send_modify(|count| *count += 1);
    }
}

impl Members for TestMembers {
    fn standing(&self, raft_id: u64) -> Standing {
        match self.known.lock().get(&raft_id) {
            Some(Some(record)) => Standing::Member { node: record.node.clone(), key: record.key },
            Some(None) => Standing::Removed,
            None => Standing::Unknown,
        }
    }

    fn all(&self) -> Vec<MemberRecord> {
        self.known.lock().values().flatten().cloned().collect()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

/// The cluster that most tests are about.
pub(super) struct Cluster {
    pub authority: Authority,
    pub members: Arc<TestMembers>,
    pub clock: Arc<TestClock>,
    pub limits: Limits,
}

/// One node that listens.
pub(super) struct Node {
    pub key: PrivateKey,
    pub local: Arc<Local>,
    pub pool: Arc<Pool>,
    pub handler: Arc<TestHandler>,
    pub member: Member,
    pub serving: JoinHandle<()>,
    pub stop: CancellationToken,
}

pub(super) fn new_authority() -> Authority {
    Authority::create(&name("prod"), new_key().unwrap(), NOW).unwrap()
}

pub(super) fn peer_name(node: &str, raft_id: u64) -> PeerName {
    PeerName { cluster: name("prod"), node: name(node), raft_id }
}

pub(super) fn certify(
    authority: &Authority,
    key: &PrivateKey,
    name: &PeerName,
    now: Utc,
) -> NodeIdentity {
    let request = CertificateRequest::from_der(&key.request().unwrap()).unwrap();
    let certificate = authority.issue_node(&request, name, now).unwrap();
    NodeIdentity::new(key, certificate, authority.certificate().clone()).unwrap()
}

pub(super) fn program(oldest: u32, newest: u32) -> Program {
    Program { versions: Versions { oldest, newest }, version: "0.1.0".to_owned() }
}

pub(super) fn trusting(authorities: &[&Authority]) -> Trust {
    let certificates: Vec<CertificateDer<'static>> =
        authorities.iter().map(|one| one.certificate().clone()).collect();
    Trust::new(certificates).unwrap()
}

impl Cluster {
    pub(super) fn new() -> Self {
        Self {
            authority: new_authority(),
            members: TestMembers::new(),
            clock: TestClock::new(),
            limits: Limits::default(),
        }
    }

    /// A member that listens; all others know it.
    pub(super) async fn node(&self, raft_id: u64) -> Node {
        self.node_with(raft_id, program(1, 1), self.members.clone()).await
    }

    pub(super) async fn node_with(
        &self,
        raft_id: u64,
        program: Program,
        members: Arc<TestMembers>,
    ) -> Node {
        let key = new_key().unwrap();
        let name = peer_name(&format!("gw-{raft_id}"), raft_id);
        let identity = certify(&self.authority, &key, &name, self.clock.utc());
        let trust = trusting(&[&self.authority]);
        let local = Local::new(identity, trust, program, members, self.clock.clone());
        let node = listen(local, key, self.limits.clone(), TestHandler::new(self)).await;
        self.members.add(record(&node.member, node.key.digest()));
        node
    }
}

pub(super) fn record(member: &Member, key: Digest) -> MemberRecord {
    let Member { raft_id, node, address } = member.clone();
    MemberRecord { raft_id, node, address, key }
}

async fn listen(
    local: Arc<Local>,
    key: PrivateKey,
    limits: Limits,
    handler: Arc<TestHandler>,
) -> Node {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = Server::new(local.clone(), Arc::new(handler.clone()), limits.clone()).unwrap();
    let stop = CancellationToken::new();
    let serving = tokio::spawn(server.serve(listener, stop.clone()));
    let PeerName { node, raft_id, .. } = local.name().clone();
    let pool = Pool::new(local.clone(), limits);
    let member = Member { raft_id, node, address };
    Node { key, local, pool, handler, member, serving, stop }
}

impl Node {
    /// Asks another node for its clock.
    pub(super) async fn ask(&self, to: &Member) -> Result<Response, CallError> {
        self.raft(to, Ask::Clock).await
    }

    pub(super) async fn raft(&self, to: &Member, ask: Ask) -> Result<Response, CallError> {
        let request = Request { from: 99, clock: Utc(1), ask };
        self.pool.raft(to, request, DEADLINE).await
    }
}

pub(super) fn node_name(raft_id: u64) -> Name {
    name(&format!("gw-{raft_id}"))
}
