//! Replicas in one process, over a network and disks that fail on demand. Time is paused: it jumps
//! ahead whenever nothing else can happen.

mod cluster;
mod one;
mod suite;
mod told;
mod units;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use consensus_state::{Changed, Reply, State};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use proto::entry::{
    By, ClusterCreation, Entry, JoinToken, LockScope, LockSetting, NodeAddresses, NodeJoining,
    NodeStart, SessionClosing,
};
use proto::event::Stamped;
use proto::ids::{Digest, Epoch, Name, SessionId};
use proto::peer::Message;
use proto::peer::raft::{Request, Response};
use proto::time::{Moment, Utc};
use store_disk::Simulated;
use store_disk::raft::{Inline, RaftStore};
use tokio::time::Instant;

use crate::{
    Answer, CallError, Config, Member, Observer, OpenError, ProposeError, Replica, Timing,
    Transport, Wall,
};

const SEEN_YEAR: i64 = 1_800_000_000_000_000;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// A wall clock that can be off, and one that cannot.
struct Clock {
    start: Instant,
    off: Arc<AtomicI64>,
}

impl Wall for Clock {
    fn now(&self) -> Moment {
        let elapsed = self.start.elapsed() + Duration::from_secs(1000);
        let micros = i64::try_from(elapsed.as_micros()).unwrap();
        let utc = Utc(SEEN_YEAR + micros + self.off.load(Ordering::Relaxed));
        Moment { utc, offset_minutes: 0, elapsed }
    }
}

/// What a journal does when a policy is foreseen.
type Foresees = Box<dyn Fn() + Send>;

/// The journal of a node: it remembers what it was shown.
#[derive(Default)]
struct Journal {
    events: Mutex<BTreeMap<u64, Vec<u8>>>,
    kept: AtomicU64,
    changes: AtomicU64,
    /// Policies that were foreseen, and what to do then.
    foreseen: Mutex<Vec<String>>,
    foresees: Mutex<Option<Foresees>>,
}

impl Observer for Journal {
    fn foresee(&self, policy: &str) {
        self.foreseen.lock().push(policy.to_owned());
        if let Some(act) = &*self.foresees.lock() {
            act();
        }
    }

    fn applied(&self, state: &State, changed: Changed, events: Vec<Stamped>) {
        self.changes.fetch_add(1, Ordering::Relaxed);
        let mut kept = self.events.lock();
        let missing = state.unpublished().cloned();
        let all: Vec<_> = if changed == Changed::ALL { missing.collect() } else { events };
        for event in all {
            let earlier = kept.insert(event.id.seq, event.bytes.clone());
            assert!(earlier.is_none_or(|earlier| earlier == event.bytes), "two events at a place");
        }
    }

    fn kept(&self) -> u64 {
        self.kept.load(Ordering::Relaxed)
    }
}

/// The network between all replicas.
#[derive(Default)]
struct Net {
    replicas: Mutex<BTreeMap<u64, Weak<Replica>>>,
    /// Messages from the first to the second are lost.
    cut: Mutex<BTreeSet<(u64, u64)>>,
    /// Every answer takes so much longer.
    late: Mutex<Duration>,
    calls: AtomicU64,
}

impl Net {
    fn is_cut(&self, from: u64, to: u64) -> bool {
        self.cut.lock().contains(&(from, to))
    }

    /// Each of the one side loses every message to and from each of the other.
    fn partition(&self, one: &[u64], other: &[u64]) {
        let pairs = one.iter().flat_map(|a| other.iter().flat_map(|b| [(*a, *b), (*b, *a)]));
        self.cut.lock().extend(pairs);
    }

    fn heal(&self) {
        self.cut.lock().clear();
    }
}

struct Wire {
    me: u64,
    net: Arc<Net>,
}

/// Over the wire and back, as bytes.
fn over_the_wire<T>(message: &Message, back: impl FnOnce(Message) -> T) -> T {
    let bytes = message.to_bytes().unwrap();
    back(Message::read(message.kind(), &bytes).unwrap())
}

impl Transport for Wire {
    fn call(
        &self,
        to: &Member,
        request: Request,
        deadline: Duration,
    ) -> BoxFuture<'static, Result<Response, CallError>> {
        let (me, net, to) = (self.me, Arc::clone(&self.net), to.clone());
        async move {
            net.calls.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_micros(200)).await;
            let replica = net.replicas.lock().get(&to.raft_id).and_then(Weak::upgrade);
            let Some(replica) = replica else {
                return Err(CallError::Unreachable(to.address));
            };
            if net.is_cut(me, to.raft_id) {
                tokio::time::sleep(deadline).await;
                return Err(CallError::TimedOut);
            }
            let asked =
                over_the_wire(&Message::asking(request), |message| message.into_asked(me).unwrap());
            let answer = tokio::time::timeout(deadline, replica.handle(me, asked)).await;
            let answer = answer.map_err(|_| CallError::TimedOut)?;
            let late = *net.late.lock();
            tokio::time::sleep(Duration::from_micros(200) + late).await;
            if net.is_cut(to.raft_id, me) {
                tokio::time::sleep(deadline).await;
                return Err(CallError::TimedOut);
            }
            let telling = Message::telling(answer);
            Ok(over_the_wire(&telling, |message| message.into_told().unwrap()))
        }
        .boxed()
    }
}

/// One node: what stays when it is killed.
struct Seat {
    node: Name,
    disk: Simulated,
    journal: Arc<Journal>,
    clock_off: Arc<AtomicI64>,
    replica: Option<Arc<Replica>>,
}

/// A cluster.
struct Cluster {
    net: Arc<Net>,
    seats: BTreeMap<u64, Seat>,
    start: Instant,
    nonces: u64,
}

impl Cluster {
    fn new() -> Self {
        Self { net: Arc::default(), seats: BTreeMap::new(), start: Instant::now(), nonces: 0 }
    }

    fn member(raft_id: u64) -> Member {
        let node = name(&format!("gw-{raft_id}"));
        Member { raft_id, address: format!("{node}:7400"), node }
    }

    fn seat(&mut self, raft_id: u64) -> &mut Seat {
        self.seats.entry(raft_id).or_insert_with(|| Seat {
            node: Self::member(raft_id).node,
            disk: Simulated::new(raft_id),
            journal: Arc::new(Journal { kept: AtomicU64::new(u64::MAX), ..Journal::default() }),
            clock_off: Arc::default(),
            replica: None,
        })
    }

    /// Opens a node on the disk that it has.
    async fn open(&mut self, raft_id: u64) -> Result<Arc<Replica>, OpenError> {
        self.nonces += 1;
        let (nonce, start, net) = (self.nonces, self.start, Arc::clone(&self.net));
        let seat = self.seat(raft_id);
        let config = Config {
            cluster: name("fleet"),
            node: seat.node.clone(),
            raft_id,
            nonce,
            supports: 1,
            timing: Timing::default(),
        };
        let (_, writer) = RaftStore::open(&seat.disk).unwrap();
        let clock = Clock { start, off: Arc::clone(&seat.clock_off) };
        let replica = Replica::open(
            config,
            Arc::new(Inline::new(writer)),
            Arc::new(Wire { me: raft_id, net: Arc::clone(&net) }),
            Arc::clone(&seat.journal) as Arc<dyn Observer>,
            Arc::new(clock),
        )
        .await?;
        net.replicas.lock().insert(raft_id, Arc::downgrade(&replica));
        self.seat(raft_id).replica = Some(Arc::clone(&replica));
        Ok(replica)
    }

    /// The process is gone at once; what it had not synced may be lost.
    async fn kill(&mut self, raft_id: u64) {
        self.net.replicas.lock().remove(&raft_id);
        let seat = self.seat(raft_id);
        let disk = seat.disk.power_cut();
        seat.disk = disk;
        if let Some(replica) = seat.replica.take() {
            replica.shutdown().await;
        }
    }

    fn replica(&self, raft_id: u64) -> Arc<Replica> {
        Arc::clone(self.seats[&raft_id].replica.as_ref().unwrap())
    }

    fn running(&self) -> Vec<Arc<Replica>> {
        self.seats.values().filter_map(|seat| seat.replica.clone()).collect()
    }

    /// A cluster of one, with its first node started.
    async fn of_one() -> Self {
        let mut cluster = Self::new();
        let first = cluster.open(1).await.unwrap();
        let answer = first.found(Self::member(1), creation()).await.unwrap();
        assert_eq!(answer.reply, Reply::Joined { raft_id: 1 });
        begin(&first).await.unwrap();
        cluster
    }

    /// A cluster of so many nodes, all of them voters and started.
    async fn of(count: u64) -> Self {
        let mut cluster = Self::of_one().await;
        for raft_id in 2..=count {
            cluster.join(raft_id).await;
        }
        let voters: Vec<_> = (1..=count).collect();
        let first = cluster.replica(1);
        until("all vote", || first.status().voters == voters).await;
        cluster
    }

    /// A node joins by way of whoever runs, and starts.
    async fn join(&mut self, raft_id: u64) {
        let any = self.running().remove(0);
        let joined = any.propose(joining(raft_id)).await;
        let (by, digest) = (By::Administrator, token(raft_id));
        if joined.as_ref().is_ok_and(|answer| matches!(answer.reply, Reply::Refused(_))) {
            let token = Entry::JoinTokenCreated(JoinToken { digest, lasts_ms: 60_000, by });
            any.propose(token).await.unwrap();
            let joined = any.propose(joining(raft_id)).await.unwrap();
            assert_eq!(joined.reply, Reply::Joined { raft_id });
        }
        let replica = self.open(raft_id).await.unwrap();
        until("it is found by the leader", || replica.status().leader.is_some()).await;
        begin(&replica).await.unwrap();
    }

    /// Whoever leads, by its own word and that of a quorum.
    async fn leader(&self) -> Arc<Replica> {
        let mut leader = None;
        until("somebody leads", || {
            leader = self
                .running()
                .into_iter()
                .find(|replica| replica.status().leader == Some(replica.config.raft_id));
            leader.is_some()
        })
        .await;
        leader.unwrap()
    }

    async fn followers(&self) -> Vec<Arc<Replica>> {
        let leader = self.leader().await.config.raft_id;
        self.running().into_iter().filter(|one| one.config.raft_id != leader).collect()
    }

    /// All running nodes have applied the same, and are equal.
    async fn agree(&self) {
        let running = self.running();
        until("all agree", || {
            let mut applied = running.iter().map(|replica| replica.status().applied);
            let first = applied.next();
            applied.all(|other| Some(other) == first)
        })
        .await;
        let mut snapshots = running.iter().map(|one| one.with_state(State::to_snapshot));
        let first = snapshots.next().unwrap();
        assert!(snapshots.all(|other| other == first), "states differ");
    }
}

fn addresses(raft_id: u64) -> NodeAddresses {
    let Member { node, address, .. } = Cluster::member(raft_id);
    NodeAddresses { cluster: address, api: format!("{node}:8443") }
}

fn creation() -> Entry {
    Entry::ClusterCreated(ClusterCreation {
        contact_ms: 15_000,
        founder: name("gw-1"),
        addresses: addresses(1),
        key: Digest([1; 32]),
    })
}

fn token(raft_id: u64) -> Digest {
    Digest([u8::try_from(raft_id).unwrap() + 100; 32])
}

fn joining(raft_id: u64) -> Entry {
    Entry::NodeJoined(NodeJoining {
        node: Cluster::member(raft_id).node,
        addresses: addresses(raft_id),
        key: Digest([u8::try_from(raft_id).unwrap(); 32]),
        token: token(raft_id),
        supports: 1,
    })
}

/// The node starts: it gets its next epoch and remembers it.
async fn begin(replica: &Replica) -> Result<Epoch, Reply> {
    match replica.propose(starting(replica)).await.unwrap().reply {
        Reply::Epoch(epoch) => {
            replica.keep_epoch(epoch).await.unwrap();
            Ok(epoch)
        }
        other => Err(other),
    }
}

/// The start of a node, as its disk remembers it.
fn starting(replica: &Replica) -> Entry {
    let identity = replica.identity();
    Entry::NodeStarted(NodeStart {
        node: identity.node.clone(),
        raft_id: identity.raft_id,
        last_epoch: identity.epoch,
        nonce: identity.nonce,
        supports: 1,
        version: "1".to_owned(),
        addresses: addresses(identity.raft_id),
    })
}

/// Something small that changes nothing and is answered.
fn closing(number: u64) -> Entry {
    let session = SessionId::from_text(&format!("gw-1-1-{number}"));
    Entry::SessionClose(SessionClosing { session })
}

/// A change that counts: each that is performed makes one more lock.
fn counting() -> Entry {
    let (scope, reason) = (LockScope::All, "counted".to_owned());
    let by = By::Administrator;
    Entry::LockSet(LockSetting { scope, for_ms: None, reason, by })
}

fn counted(replica: &Replica) -> usize {
    replica.with_state(|state| state.locks().len())
}

/// Waits until something is so; time is paused, so this costs nothing.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        for _ in 0..3000 {
            if is_so() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("after a minute it is still not so that {what} ({caller})");
    }
}

/// Proposals from so many tasks at once.
async fn propose_from(replica: &Arc<Replica>, count: u64) -> Vec<Result<Answer, ProposeError>> {
    let one = |number| {
        let replica = Arc::clone(replica);
        tokio::spawn(async move { replica.propose(closing(number)).await })
    };
    let all = futures_util::future::join_all((0..count).map(one)).await;
    all.into_iter().map(Result::unwrap).collect()
}
