//! What this node does for its peers. Raft comes first: it is served as soon as the replica is
//! open; sessions only once the node has started.

use std::sync::{Arc, OnceLock};

use consensus_raft::{ProposeError, Replica};
use consensus_state::{Denied, Reply, State};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, stream};
use node_api::Api;
use node_peer::certificate::{Authority, CertificateRequest, PeerName};
use node_peer::{Caller, Handler, Items, Joiner, Members as _};
use node_postgres::Cancels;
use node_session::Clock as _;
use node_session::clock::SystemClock;
use proto::entry::{Entry, NodeJoining};
use proto::peer::raft;
use proto::peer::{
    Cancel, Joined, Kill, Killed, MemberRecord, Renewed, Roster, SessionRows, SessionsAsk, Watch,
};
use proto::refusal::{Code, Told};

use crate::cluster_secrets::ClusterSecrets;
use crate::home::ClusterKey;
use crate::roster;

/// What peers may ask.
pub(crate) struct ForPeers {
    replica: OnceLock<Arc<Replica>>,
    api: OnceLock<Arc<Api>>,
    cancels: OnceLock<Arc<Cancels>>,
    roster: Arc<roster::Roster>,
    key: Arc<ClusterKey>,
}

impl ForPeers {
    /// Nothing is served before the replica is given.
    #[must_use]
    pub(crate) fn new(roster: Arc<roster::Roster>, key: Arc<ClusterKey>) -> Arc<Self> {
        let (replica, api, cancels) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Arc::new(Self { replica, api, cancels, roster, key })
    }

    /// Serves Raft from now on.
    pub(crate) fn agree_by(&self, replica: Arc<Replica>) {
        // Given once, by whoever wires the node.
        self.replica.set(replica).ok();
    }

    /// Serves questions about sessions from now on.
    pub(crate) fn answer_by(&self, api: Arc<Api>) {
        self.api.set(api).ok();
    }

    /// Ends statements of databases from now on.
    pub(crate) fn cancel_by(&self, cancels: Arc<Cancels>) {
        self.cancels.set(cancels).ok();
    }

    fn replica(&self) -> Result<Arc<Replica>, Told> {
        self.replica.get().cloned().ok_or_else(starting)
    }

    fn api(&self) -> Result<Arc<Api>, Told> {
        self.api.get().cloned().ok_or_else(starting)
    }

    fn authority(&self) -> Result<Authority, Told> {
        let replica = self.replica()?;
        let secrets = replica.with_state(|state| ClusterSecrets::of(state, &self.key.secret));
        let secrets = secrets.map_err(|error| {
            tracing::error!(%error, "the cluster's authority cannot be used");
            Told::plain(Code::Internal)
        })?;
        Ok(secrets.authority)
    }
}

fn starting() -> Told {
    Told::new(Code::PeerUnreachable, "the node is starting")
}

impl Handler for ForPeers {
    fn raft(&self, request: raft::Request) -> BoxFuture<'static, raft::Response> {
        let replica = self.replica.get().cloned();
        async move {
            match replica {
                Some(replica) => replica.handle(request.from, request).await,
                None => raft::Response {
                    clock: SystemClock.now().utc,
                    tell: raft::Tell::Stopped("it is starting".to_owned()),
                },
            }
        }
        .boxed()
    }

    fn roster(&self) -> Roster {
        let applied = self.replica.get().map_or(0, |replica| replica.with_state(State::applied));
        Roster { applied, members: self.roster.all() }
    }

    fn join(&self, joiner: Joiner) -> BoxFuture<'static, Result<Joined, Told>> {
        let (replica, authority) = (self.replica(), self.authority());
        let (key, roster) = (self.key.clone(), self.roster.clone());
        async move { join(&*replica?, &authority?, &key, &roster, joiner).await }.boxed()
    }

    fn renew(
        &self,
        from: Caller,
        request: CertificateRequest,
    ) -> BoxFuture<'static, Result<Renewed, Told>> {
        let authority = self.authority();
        async move {
            let authority = authority?;
            let now = SystemClock.now().utc;
            let certificate = authority.issue_node(&request, from.name(), now).map_err(internal)?;
            tracing::info!(node = %from.name().node, "a node's certificate was renewed");
            Ok(Renewed {
                certificate: certificate.to_vec(),
                authorities: vec![authority.certificate().to_vec()],
            })
        }
        .boxed()
    }

    fn sessions(
        &self,
        _: Caller,
        ask: SessionsAsk,
    ) -> BoxFuture<'static, Result<SessionRows, Told>> {
        let api = self.api();
        async move {
            let limit = usize::try_from(ask.limit).unwrap_or(usize::MAX);
            let listed = api?.own_sessions(ask.live, limit).await?;
            let more = listed.len() >= limit;
            let rows = listed.iter().map(serde_json::to_string).collect::<Result<_, _>>();
            Ok(SessionRows { rows: rows.map_err(internal)?, more })
        }
        .boxed()
    }

    fn watch(&self, _: Caller, watch: Watch) -> BoxFuture<'static, Result<Items, Told>> {
        let api = self.api();
        async move {
            let watching = api?.watch_own(&watch.session)?;
            let items = stream::unfold(watching, |mut watching| async move {
                let seen = watching.next().await?;
                let item = serde_json::to_vec(&seen).map_err(internal);
                Some((item, watching))
            });
            Ok(items.boxed())
        }
        .boxed()
    }

    fn cancel(&self, _: Caller, cancel: Cancel) -> BoxFuture<'static, Result<(), Told>> {
        let cancels = self.cancels.get().cloned().ok_or_else(starting);
        async move {
            let length = usize::from(cancel.length);
            cancels?.take(cancel.process, cancel.secret.reveal().get(..length).unwrap_or_default());
            Ok(())
        }
        .boxed()
    }

    fn kill(&self, _: Caller, kill: Kill) -> BoxFuture<'static, Result<Killed, Told>> {
        let api = self.api();
        async move { Ok(Killed { found: api?.kill_own(&kill.session, &kill.by, &kill.reason) }) }
            .boxed()
    }
}

fn internal(error: impl std::fmt::Display) -> Told {
    tracing::error!(%error, "a peer cannot be answered");
    Told::plain(Code::Internal)
}

async fn join(
    replica: &Replica,
    authority: &Authority,
    key: &ClusterKey,
    roster: &roster::Roster,
    joiner: Joiner,
) -> Result<Joined, Told> {
    let digest = joiner.request.digest();
    let entry = Entry::NodeJoined(NodeJoining {
        node: joiner.node.clone(),
        addresses: joiner.addresses.clone(),
        key: digest,
        token: joiner.token,
        supports: joiner.versions.newest,
    });
    let answer = replica.propose(entry).await.map_err(|error| not_proposed(&error))?;
    let raft_id = match answer.reply {
        Reply::Joined { raft_id } => raft_id,
        Reply::Refused(denied) => return Err(denied_join(&denied)),
        other => return Err(internal(format!("a join was answered {other:?}"))),
    };
    let cluster = replica.with_state(|state| state.cluster().clone());
    let name = PeerName { cluster, node: joiner.node.clone(), raft_id };
    let now = SystemClock.now().utc;
    let certificate = authority.issue_node(&joiner.request, &name, now).map_err(internal)?;
    tracing::info!(node = %joiner.node, raft_id, program = %joiner.program, "a node joins");
    let members: Vec<MemberRecord> = roster.all();
    Ok(Joined {
        raft_id,
        certificate: certificate.to_vec(),
        authorities: vec![authority.certificate().to_vec()],
        cluster_key: key.secret.clone(),
        generation: key.generation,
        members,
    })
}

/// What a node that may not join is told. A wrong token and a spent one get the same answer.
fn denied_join(denied: &Denied) -> Told {
    match denied {
        Denied::JoinTokenWrong => Told::new(
            Code::JoinRefused,
            "the join token is wrong, spent or over: `sallyport cluster join-token` makes another",
        ),
        other => Told::new(Code::JoinRefused, other.to_string()),
    }
}

/// What somebody is told whose change was not made, or may not have been.
pub(super) fn not_proposed(error: &ProposeError) -> Told {
    let code = match error {
        ProposeError::NoQuorum => Code::NoQuorum,
        ProposeError::Unknown => Code::OutcomeUnknown,
        ProposeError::Busy => Code::TooManyRequests,
        ProposeError::TooLarge(_) => Code::BadRequest,
        ProposeError::Stopped(_) => Code::RecordUnavailable,
    };
    Told::new(code, error.to_string())
}
