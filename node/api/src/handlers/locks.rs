//! Locks: somebody or something is shut out, on every node.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use consensus_state::{Lock, Reply};
use node_session::ControlExt as _;
use proto::api::{LiftAsked, LockAsked, LockRow, LockedOut, Page};
use proto::entry::{Entry, LockLift, LockScope, LockSetting};
use proto::refusal::Code;

use super::approvals::id_of;
use crate::caller::Caller;
use crate::change::{by, propose, reason};
use crate::extract::Body;
use crate::refuse::Refused;
use crate::state::Api;

/// Locks in force, the oldest first.
pub(crate) async fn list(State(api): State<Arc<Api>>) -> Json<Page<LockRow>> {
    let items = api.given.control.look(|state| state.locks().map(row).collect());
    Json(Page::whole(items))
}

/// Locks somebody or something out.
pub(crate) async fn set(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Body(asked): Body<LockAsked>,
) -> Result<Json<LockRow>, Refused> {
    let scope = match asked.lock {
        LockedOut::Person(name) => LockScope::Person(name),
        LockedOut::Target(name) => LockScope::Target(name),
        LockedOut::Node(name) => LockScope::Node(name),
        LockedOut::All => LockScope::All,
    };
    let for_ms = asked.for_seconds.map(|seconds| seconds.saturating_mul(1000));
    let (by, reason) = (by(&caller)?, reason(&asked.reason)?);
    let setting = LockSetting { scope, for_ms, reason, by };
    let Reply::Lock(id) = propose(&api, Entry::LockSet(setting)).await? else {
        return Err(Refused::plain(Code::Internal));
    };
    // One that ran out within its own answer is gone already.
    let find = |state: &consensus_state::State| state.locks().find(|lock| lock.id == id).map(row);
    api.given.control.look(find).map(Json).ok_or_else(unknown)
}

/// Lifts a lock.
pub(crate) async fn lift(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Body(asked): Body<LiftAsked>,
) -> Result<Json<LockRow>, Refused> {
    let lock = id_of(&id)?;
    let (by, reason) = (by(&caller)?, reason(&asked.reason)?);
    let find = |state: &consensus_state::State| state.locks().find(|one| one.id == lock).map(row);
    let row = api.given.control.look(find).ok_or_else(unknown)?;
    propose(&api, Entry::LockLifted(LockLift { lock, reason, by })).await?;
    Ok(Json(row))
}

fn row(lock: &Lock) -> LockRow {
    LockRow {
        id: lock.id,
        scope: lock.scope.to_string(),
        since: lock.at,
        until: lock.until,
        reason: lock.reason.clone(),
        by: lock.by.to_string(),
    }
}

fn unknown() -> Refused {
    Refused::new(Code::NotFound, "there is no such lock in force; see `sallyport lock list`")
}
