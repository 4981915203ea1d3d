//! A node among its peers: certificates and mutual TLS as in the product, members that never change.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use consensus_raft::{CallError, Member, Replica, Transport};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use node_peer::certificate::{Authority, CertificateRequest, PeerName, PrivateKey};
use node_peer::{
    Caller, Handler, Items, Joiner, Local, Members, NodeIdentity, Pool, Program, Standing, Trust,
    WallClock,
};
use node_session::Clock as _;
use node_session::clock::SystemClock;
use proto::peer::raft::{Request, Response};
use proto::peer::{
    Cancel, Joined, Kill, Killed, MemberRecord, Renewed, Roster, SessionRows, SessionsAsk,
    Versions, Watch,
};
use proto::refusal::{Code, Told};
use proto::time::{Moment, Utc};
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::node::{AUTHORITY, CLUSTER, KEY, name};
use crate::order::Seat;

#[derive(Clone, Copy)]
pub(crate) struct Wall;

impl consensus_raft::Wall for Wall {
    fn now(&self) -> Moment {
        SystemClock.now()
    }
}

impl WallClock for Wall {
    fn utc(&self) -> Utc {
        SystemClock.now().utc
    }
}

/// All members, which never change here.
struct Known {
    records: Vec<MemberRecord>,
    changed: watch::Sender<u64>,
}

impl Members for Known {
    fn standing(&self, raft_id: u64) -> Standing {
        let found = self.records.iter().find(|record| record.raft_id == raft_id);
        found.map_or(Standing::Unknown, |record| Standing::Member {
            node: record.node.clone(),
            key: record.key,
        })
    }

    fn all(&self) -> Vec<MemberRecord> {
        self.records.clone()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

/// Serves Raft, and nothing else, once there is a replica.
pub(crate) struct ForPeers {
    pub(crate) replica: watch::Receiver<Option<Arc<Replica>>>,
    pub(crate) records: Vec<MemberRecord>,
}

fn refused<T: Send + 'static>() -> BoxFuture<'static, Result<T, Told>> {
    async { Err(Told::new(Code::BadRequest, "a node of a benchmark does not do that")) }.boxed()
}

impl Handler for ForPeers {
    fn raft(&self, request: Request) -> BoxFuture<'static, Response> {
        let mut replica = self.replica.clone();
        async move {
            let there = replica.wait_for(Option::is_some).await;
            let replica = there.ok().and_then(|there| there.clone());
            match replica {
                Some(replica) => replica.handle(request.from, request).await,
                None => std::future::pending().await,
            }
        }
        .boxed()
    }

    fn roster(&self) -> Roster {
        Roster { applied: 0, members: self.records.clone() }
    }

    fn join(&self, _: Joiner) -> BoxFuture<'static, Result<Joined, Told>> {
        refused()
    }

    fn renew(&self, _: Caller, _: CertificateRequest) -> BoxFuture<'static, Result<Renewed, Told>> {
        refused()
    }

    fn sessions(&self, _: Caller, _: SessionsAsk) -> BoxFuture<'static, Result<SessionRows, Told>> {
        refused()
    }

    fn watch(&self, _: Caller, _: Watch) -> BoxFuture<'static, Result<Items, Told>> {
        refused()
    }

    fn kill(&self, _: Caller, _: Kill) -> BoxFuture<'static, Result<Killed, Told>> {
        refused()
    }

    fn cancel(&self, _: Caller, _: Cancel) -> BoxFuture<'static, Result<(), Told>> {
        refused()
    }
}

/// The way to the peers, over the pool of connections.
pub(crate) struct Way(pub(crate) Arc<Pool>);

impl Transport for Way {
    fn call(
        &self,
        to: &Member,
        request: Request,
        deadline: Duration,
    ) -> BoxFuture<'static, Result<Response, CallError>> {
        let Member { raft_id, node, address } = to.clone();
        let (pool, to) = (self.0.clone(), proto::peer::raft::Member { raft_id, node, address });
        async move {
            pool.raft(&to, request, deadline).await.map_err(|error| match error {
                node_peer::CallError::Unreachable(why) => CallError::Unreachable(why),
                node_peer::CallError::Refused(told) => CallError::Refused(told.to_string()),
                _ => CallError::TimedOut,
            })
        }
        .boxed()
    }
}

pub(crate) fn record(seat: &Seat) -> Result<MemberRecord> {
    Ok(MemberRecord {
        raft_id: seat.raft_id,
        node: name(&seat.node)?,
        address: seat.address.clone(),
        key: seat.key.parse().map_err(|error| anyhow!("{error}"))?,
    })
}

/// What it shows to its peers.
pub(crate) fn local(folder: &Path, me: &Seat, records: Vec<MemberRecord>) -> Result<Arc<Local>> {
    let key = PrivateKey::from_der(Zeroizing::new(std::fs::read(folder.join(KEY))?))?;
    let authority = Authority::from_bytes(&std::fs::read(folder.join(AUTHORITY))?)?;
    let request = CertificateRequest::from_der(&key.request()?)?;
    let peer = PeerName { cluster: name(CLUSTER)?, node: name(&me.node)?, raft_id: me.raft_id };
    let certificate = authority.issue_node(&request, &peer, Wall.utc())?;
    let identity = NodeIdentity::new(&key, certificate, authority.certificate().clone())?;
    let trust = Trust::new(vec![authority.certificate().clone()])?;
    let versions = Versions { oldest: 1, newest: 1 };
    let program = Program { versions, version: "bench".to_owned() };
    let members = Known { records, changed: watch::channel(0).0 };
    Ok(Local::new(identity, trust, program, Arc::new(members), Arc::new(Wall)))
}
