//! What the nodes of tests do for their peers: little, and all of it can be seen and held up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use parking_lot::Mutex;
use proto::ids::Digest;
use proto::peer::raft::{Ask, ReadAnswer, Request, Response, Tell};
use proto::peer::{
    Cancel, Joined, Kill, Killed, MemberRecord, Renewed, Roster, Secret, SessionRows, SessionsAsk,
    Watch,
};
use proto::refusal::{Code, Told};
use proto::time::Utc;
use tokio::sync::{Notify, Semaphore, watch};

use super::world::{Cluster, TestClock, TestMembers};
use crate::certificate::{Authority, CertificateRequest, PeerName};
use crate::{Caller, Handler, Items, Joiner, Members as _, WallClock as _};

pub(super) const CLUSTER_KEY: [u8; 32] = [0x77; 32];

pub(super) struct TestHandler {
    /// Raft's calls, as they came.
    pub asked: Mutex<Vec<Request>>,
    /// Reads wait for a permit of this one.
    pub gate: Semaphore,
    /// Reads that wait now, and the most that ever did.
    pub inside: watch::Sender<usize>,
    pub most_inside: AtomicUsize,
    /// Items that were pulled from all streams.
    pub pulled: Arc<AtomicUsize>,
    /// Said when a stream is dropped.
    pub dropped: Arc<Notify>,
    /// Sessions that were killed, by whom.
    pub killed: Mutex<Vec<(String, String)>>,
    /// Statements that were to end, by which node's word.
    pub cancelled: Mutex<Vec<(String, Cancel)>>,
    /// Bytes of each row of sessions.
    pub row_bytes: AtomicUsize,
    /// The token that is good, and the key that it was spent by.
    pub token: Mutex<Option<(Digest, Option<Digest>)>>,
    /// Joins that came as far as this.
    pub joins: AtomicUsize,
    /// Changes what a joiner is told.
    pub twist: Mutex<Option<fn(&mut Joined)>>,
    /// Who certifies.
    pub authority: Mutex<Authority>,
    members: Arc<TestMembers>,
    clock: Arc<TestClock>,
}

impl TestHandler {
    pub(super) fn new(cluster: &Cluster) -> Arc<Self> {
        Arc::new(Self {
            asked: Mutex::default(),
            gate: Semaphore::new(0),
            inside: watch::channel(0).0,
            most_inside: AtomicUsize::new(0),
            pulled: Arc::default(),
            dropped: Arc::default(),
            killed: Mutex::default(),
            cancelled: Mutex::default(),
            row_bytes: AtomicUsize::new(2),
            token: Mutex::default(),
            joins: AtomicUsize::new(0),
            twist: Mutex::default(),
            authority: Mutex::new(cluster.authority.clone()),
            members: cluster.members.clone(),
            clock: cluster.clock.clone(),
        })
    }

    /// Waits until so many reads wait at the gate.
    pub(super) async fn until_inside(&self, many: usize) {
        self.inside.subscribe().wait_for(|inside| *inside == many).await.unwrap();
    }
}

/// A handler's methods take `&self` and give futures without a lifetime: what they need is copied.
impl Handler for Arc<TestHandler> {
    fn raft(&self, request: Request) -> BoxFuture<'static, Response> {
        let this = self.clone();
        async move {
            this.asked.lock().push(request.clone());
            let tell = match request.ask {
                Ask::Read => {
                    this.inside.send_modify(|inside| *inside += 1);
                    this.most_inside.fetch_max(*this.inside.borrow(), Ordering::SeqCst);
                    this.gate.acquire().await.unwrap().forget();
                    this.inside.send_modify(|inside| *inside -= 1);
                    Tell::Read(ReadAnswer::NotLeader(None))
                }
                Ask::Elect => Tell::Stopped("it stops".to_owned()),
                _ => Tell::Done,
            };
            Response { clock: Utc(this.clock.utc().0 + 5), tell }
        }
        .boxed()
    }

    fn roster(&self) -> Roster {
        Roster { applied: 7, members: self.members.all() }
    }

    fn join(&self, joiner: Joiner) -> BoxFuture<'static, Result<Joined, Told>> {
        let this = self.clone();
        async move { this.let_in(&joiner) }.boxed()
    }

    fn renew(
        &self,
        from: Caller,
        request: CertificateRequest,
    ) -> BoxFuture<'static, Result<Renewed, Told>> {
        let authority = self.authority.lock().clone();
        let certificate = authority.issue_node(&request, from.name(), self.clock.utc()).unwrap();
        let authorities = vec![authority.certificate().to_vec()];
        async move { Ok(Renewed { certificate: certificate.to_vec(), authorities }) }.boxed()
    }

    fn sessions(
        &self,
        _: Caller,
        ask: SessionsAsk,
    ) -> BoxFuture<'static, Result<SessionRows, Told>> {
        let row = "x".repeat(self.row_bytes.load(Ordering::SeqCst));
        let rows = vec![row; usize::try_from(ask.limit).unwrap()];
        async move { Ok(SessionRows { rows, more: ask.live }) }.boxed()
    }

    fn watch(&self, _: Caller, watch: Watch) -> BoxFuture<'static, Result<Items, Told>> {
        let (pulled, dropped) = (self.pulled.clone(), self.dropped.clone());
        let guard = Guard(dropped);
        async move {
            let text = watch.session.as_str();
            let (count, end) = match text.split_once('-') {
                Some(("count", many)) => (many.parse().unwrap(), None),
                Some(("broken", many)) => {
                    (many.parse().unwrap(), Some(Told::plain(Code::ContactLost)))
                }
                _ => return Err(Told::plain(Code::NotFound)),
            };
            let items = stream::iter(0..count).map(move |index: usize| {
                let _alive = &guard;
                pulled.fetch_add(1, Ordering::SeqCst);
                Ok(index.to_string().into_bytes())
            });
            Ok(items.chain(stream::iter(end.map(Err))).boxed())
        }
        .boxed()
    }

    fn cancel(&self, from: Caller, cancel: Cancel) -> BoxFuture<'static, Result<(), Told>> {
        self.cancelled.lock().push((from.name().node.to_string(), cancel));
        async { Ok(()) }.boxed()
    }

    fn kill(&self, from: Caller, kill: Kill) -> BoxFuture<'static, Result<Killed, Told>> {
        let by = format!("{} for {}", from.name().node, kill.by);
        self.killed.lock().push((kill.session.to_string(), by));
        async { Ok(Killed { found: true }) }.boxed()
    }
}

impl TestHandler {
    fn let_in(&self, joiner: &Joiner) -> Result<Joined, Told> {
        self.joins.fetch_add(1, Ordering::SeqCst);
        let key = joiner.request.digest();
        match &mut *self.token.lock() {
            Some((token, by)) if *token == joiner.token => match by {
                Some(other) if *other != key => return Err(Told::plain(Code::JoinRefused)),
                _ => *by = Some(key),
            },
            _ => return Err(Told::plain(Code::JoinRefused)),
        }
        let raft_id = 50;
        let (node, address) = (joiner.node.clone(), joiner.addresses.cluster.clone());
        let name = PeerName { cluster: "prod".parse().unwrap(), node: node.clone(), raft_id };
        let authority = self.authority.lock().clone();
        let now = self.clock.utc();
        let certificate = authority.issue_node(&joiner.request, &name, now).unwrap().to_vec();
        self.members.add(MemberRecord { raft_id, node, address, key });
        let mut joined = Joined {
            raft_id,
            certificate,
            authorities: vec![authority.certificate().to_vec()],
            cluster_key: Secret::new(CLUSTER_KEY),
            generation: 1,
            members: self.members.all(),
        };
        if let Some(twist) = *self.twist.lock() {
            twist(&mut joined);
        }
        Ok(joined)
    }
}

/// Says when a stream is dropped.
struct Guard(Arc<Notify>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}
