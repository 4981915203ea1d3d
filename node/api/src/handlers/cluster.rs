//! The cluster: how it is, and who is in it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use consensus_state::{Node, Presence, Status};
use http::header::CONTENT_TYPE;
use node_session::ControlExt as _;
use node_session::seal::backup::Recipient;
use proto::api::{
    BackupAsked, ClusterProblem, ClusterStatus, JoinTokenGiven, LedgerHead, NodePresence, NodeRole,
    NodeRow,
};
use proto::event::{BackupTaken, Kind};
use proto::ids::Name;
use proto::reading::Durability;
use proto::refusal::{Code, Told};

use crate::caller::Caller;
use crate::change::{and_now, by};
use crate::extract::Body;
use crate::note::note;
use crate::ports::Agreement;
use crate::refuse::Refused;
use crate::state::Api;

/// The content type of a backup.
const BYTES: &str = "application/octet-stream";

/// How the cluster is, as this node knows it: also without a majority.
pub(crate) async fn status(State(api): State<Arc<Api>>) -> Json<ClusterStatus> {
    let agreement = api.given.members.agreement();
    let (contact, contact_age) = api.contact();
    let milliseconds = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(0);
    let problems = problems(&api, &agreement);
    let stream = api.given.myself.stream();
    let replicated = stream.as_ref().is_some_and(|stream| stream.up);
    let durability = if replicated { Durability::Replicated } else { api.given.log.durability() };
    let status = api.given.control.look(|state| {
        let (count, root) = state.ledger();
        let open = state.approvals().filter(|one| one.status == Status::Open);
        ClusterStatus {
            id: api.given.cluster.clone(),
            node: api.given.node.clone(),
            leader: agreement.leader.clone(),
            term: agreement.term,
            applied: state.applied(),
            cluster_version: state.cluster_version(),
            contact_ms: milliseconds(contact),
            contact_age_ms: milliseconds(contact_age),
            has_contact: contact_age <= contact,
            policy_revision: state.policy().map_or(0, |policy| policy.revision),
            nodes: state.nodes().map(|node| row(node, &agreement)).collect(),
            locks: state.locks().len() as u64,
            open_approvals: open.count() as u64,
            open_sessions: state.open_sessions().len() as u64,
            ledger: LedgerHead { count, root },
            durability,
            stream,
            problems,
        }
    });
    Json(status)
}

/// What is wrong here, and what others said of themselves.
fn problems(api: &Api, agreement: &Agreement) -> Vec<ClusterProblem> {
    let here = |told| ClusterProblem { node: api.given.node.clone(), told };
    let mut problems: Vec<_> = api.given.myself.troubles().into_iter().map(here).collect();
    // Said below, and for how long.
    problems.retain(|problem| problem.told.code != Code::ContactLost);
    let (contact, age) = api.contact();
    if age > contact {
        let text = format!(
            "no contact with the majority for {} s: nothing opens on this node",
            age.as_secs()
        );
        problems.push(here(Told::new(Code::ContactLost, text)));
    }
    let view = api.view();
    problems.extend(view.targets.values().filter_map(|target| {
        let problem = api.given.myself.problem_of(target)?;
        let text = format!("target {} cannot be reached: {problem}", target.name);
        Some(here(Told::new(Code::CredentialMissing, text)))
    }));
    for problem in &agreement.problems {
        let same = |said: &&ClusterProblem| {
            (&said.node, said.told.code) == (&problem.node, problem.told.code)
        };
        if problems.iter().find(same).is_none() {
            problems.push(problem.clone());
        }
    }
    let lost = api.given.control.look(|state| {
        let lost = state.nodes().filter(|node| node.presence == Presence::Lost);
        lost.map(|node| node.name.clone()).collect::<Vec<_>>()
    });
    let told = || Told::new(Code::PeerUnreachable, "the leader has no contact with the node");
    problems.extend(lost.into_iter().map(|node| ClusterProblem { node, told: told() }));
    problems
}

fn row(node: &Node, agreement: &Agreement) -> NodeRow {
    let name = &node.name;
    let presence = match node.presence {
        Presence::Joined => NodePresence::Joined,
        Presence::Up => NodePresence::Up,
        Presence::Stopped => NodePresence::Stopped,
        Presence::Lost => NodePresence::Lost,
        Presence::Removed => NodePresence::Removed,
    };
    let role = if presence == NodePresence::Removed {
        NodeRole::None
    } else if agreement.leader.as_ref() == Some(name) {
        NodeRole::Leader
    } else if agreement.voters.contains(name) {
        NodeRole::Voter
    } else if agreement.learners.contains(name) {
        NodeRole::Learner
    } else {
        NodeRole::None
    };
    NodeRow {
        id: name.clone(),
        role,
        presence,
        since: node.since,
        epoch: node.epoch,
        raft_id: node.raft_id,
        version: node.version.clone(),
        supports: node.supports,
        cluster_address: node.addresses.cluster.clone(),
        api_address: node.addresses.api.clone(),
        heard_ms: agreement.heard_ms.get(name).copied(),
        behind: agreement.behind.get(name).copied(),
    }
}

/// Makes a token by which one node may join.
pub(crate) async fn join_token(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<JoinTokenGiven>, Refused> {
    let given = api.given.members.join_token(by(&caller)?).await;
    given.map(Json).map_err(and_now)
}

/// Takes a node out.
pub(crate) async fn remove(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Json<NodeRow>, Refused> {
    let none =
        || Refused::new(Code::NotFound, "there is no such node; see `sallyport cluster status`");
    let name: Name = name.parse().map_err(|_| none())?;
    let find = |state: &consensus_state::State| {
        state.node(&name).map(|node| row(node, &api.given.members.agreement()))
    };
    let is_member = api
        .given
        .control
        .look(|state| state.node(&name).is_some_and(|node| node.presence != Presence::Removed));
    if !is_member {
        return Err(none());
    }
    api.given.members.remove(name.clone(), by(&caller)?).await.map_err(and_now)?;
    api.given.control.look(find).map(Json).ok_or_else(none)
}

/// The control plane, encrypted; that it is taken is recorded first.
pub(crate) async fn backup(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Body(asked): Body<BackupAsked>,
) -> Result<Response, Refused> {
    let recipient: Recipient =
        asked.recipient.parse().map_err(|error: node_session::seal::backup::NotAKey| {
            Refused::new(Code::BadRequest, format!("recipient: {error}"))
        })?;
    let kind = Kind::BackupTaken(BackupTaken { recipient: recipient.digest() });
    note(&api, caller.actor(), kind).await?;
    let bytes = api.given.members.backup(recipient).await.map_err(and_now)?;
    Ok(([(CONTENT_TYPE, BYTES)], bytes).into_response())
}
