//! Rows of the list of sessions: this node's from its record, others' from the nodes that serve
//! them, and of a node that does not answer what the control plane knows of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use consensus_state::{OpenSession, Presence};
use node_session::ControlExt as _;
use proto::api::SessionListed;
use proto::ids::{Name, SessionId};
use store_views::SessionState;
use tokio::task::JoinSet;

use crate::own::listed;
use crate::refuse::Refused;
use crate::state::Api;
use crate::views::{SESSIONS_LIMIT, caught_up};

/// How long another node gets to list its sessions.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many sessions of another node are asked for, the newest.
const OF_ANOTHER: usize = 1_000;

/// The state of a session that goes on.
pub(super) const OPEN: &str = "open";

/// Whether a session's end is not known.
pub(super) fn is_unknown(state: &str) -> bool {
    [SessionState::OutcomeUnknown, SessionState::Lost].iter().any(|one| one.to_string() == state)
}

/// Sessions of all nodes, in no order; only those that go on, if so asked.
pub(super) async fn of_all(api: &Arc<Api>, live: bool) -> Result<Vec<SessionListed>, Refused> {
    let (open, others) = api.given.control.look(|state| {
        let here = &api.given.node;
        let open = state.open_sessions().filter(|one| one.opening.node != *here).cloned();
        let running = state.nodes().filter(|node| node.presence == Presence::Up);
        let others = running.map(|node| node.name.clone()).filter(|name| name != here);
        (open.collect::<Vec<_>>(), others.collect::<Vec<_>>())
    });
    let asking = of_others(api, others, live);
    let mut rows: BTreeMap<SessionId, SessionListed> = BTreeMap::new();
    let entered = open.iter().map(entered);
    let kept = caught_up(&api.given.views, move |views| views.foreign_sessions(live)).await;
    let kept = kept.map_err(|error| Refused(error.told()))?;
    // A chain may be behind its node: what the control plane knows is open is open.
    let is_open: BTreeSet<_> = open.iter().map(|one| &one.opening.session).collect();
    let kept = kept.iter().filter(|row| !is_open.contains(&row.id)).map(|row| listed(row, None));
    // What a node says of its sessions is more than what the control plane knows of them.
    let own = api.own_sessions(live, SESSIONS_LIMIT).await?;
    for row in kept.chain(entered).chain(asking.await).chain(own) {
        rows.insert(row.id.clone(), row);
    }
    Ok(rows.into_values().collect())
}

/// What other nodes say of their sessions, as far as they answer.
async fn of_others(api: &Arc<Api>, nodes: Vec<Name>, live: bool) -> Vec<SessionListed> {
    let mut asking = JoinSet::new();
    for node in nodes {
        let api = api.clone();
        asking.spawn(async move {
            let asked = api.given.fleet.sessions(&node, live, OF_ANOTHER);
            match tokio::time::timeout(PATIENCE, asked).await {
                Ok(Ok(sessions)) => sessions,
                Ok(Err(told)) => {
                    tracing::debug!(%node, %told, "a node does not list its sessions");
                    Vec::new()
                }
                Err(_) => Vec::new(),
            }
        });
    }
    asking.join_all().await.into_iter().flatten().collect()
}

fn entered(session: &OpenSession) -> SessionListed {
    let opening = &session.opening;
    SessionListed {
        id: opening.session.clone(),
        state: OPEN.to_owned(),
        person: opening.person.clone(),
        target: opening.target.clone(),
        login: opening.login.clone(),
        channel: None,
        grant: None,
        from: None,
        opened: session.at,
        closed: None,
        reason: None,
        node: opening.node.clone(),
        epoch: opening.epoch,
        commands_judged: None,
        doing: None,
    }
}
