//! Requests for approvals: seen by those who asked or may rule, and ruled on.
//!
//! Who may rule is decided by the state machine alone, from what the request pinned.

mod rows;
mod watch;

pub(crate) use watch::watch;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use consensus_state::Approval;
use node_enforce::policy::Permission;
use node_session::ControlExt as _;
use proto::api::{ApprovalRow, ApprovalState, Page, RevocationAsked, RulingAsked};
use proto::entry::{ApprovalId, ApprovalRevocation, ApprovalRuling, Entry};
use proto::refusal::Code;
use serde::Deserialize;

use crate::caller::{Caller, may};
use crate::change::{by, propose, reason};
use crate::extract::{Asked, Body};
use crate::pages::{limit, not_a_place, page};
use crate::refuse::Refused;
use crate::state::Api;
use rows::Reader;

/// What may be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApprovalsAsked {
    state: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// Requests that the caller may see, the oldest first.
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Asked(asked): Asked<ApprovalsAsked>,
) -> Result<Json<Page<ApprovalRow>>, Refused> {
    let state = asked.state.as_deref().map(state).transpose()?;
    let after = match &asked.after {
        None => ApprovalId(0),
        Some(after) => ApprovalId(after.parse().map_err(|_| not_a_place())?),
    };
    let reader = Reader::new(&api, &caller);
    let (items, next) = api.given.control.look(|control| {
        let seen = control.approvals().filter(|one| one.id > after && reader.sees(one));
        let rows = seen.map(|one| reader.row(one, control.time(), false));
        let wanted = rows.filter(|row| state.is_none_or(|state| row.state == state));
        page(wanted, limit(asked.limit), |row| row.id.to_string())
    });
    Ok(Json(Page { items, next, revision: None }))
}

fn state(word: &str) -> Result<ApprovalState, Refused> {
    let found = ApprovalState::ALL.iter().find(|state| state.word() == word);
    found.copied().ok_or_else(|| {
        let words: Vec<_> = ApprovalState::ALL.iter().map(|state| state.word()).collect();
        let text = format!("state is {word:?}; expected one of {}", words.join(", "));
        Refused::new(Code::BadRequest, text)
    })
}

/// One request; a policy that waits with its document.
pub(crate) async fn show(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<ApprovalRow>, Refused> {
    shown(&api, &Reader::new(&api, &caller), id_of(&id)?).map(Json)
}

/// Approves or denies.
pub(crate) async fn rule(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Body(asked): Body<RulingAsked>,
) -> Result<Json<ApprovalRow>, Refused> {
    let approval = id_of(&id)?;
    let (by, reason) = (by(&caller)?, reason(&asked.reason)?);
    let ruling = ApprovalRuling { approval, by, ruling: asked.ruling, reason };
    propose(&api, Entry::ApprovalRuled(ruling)).await?;
    shown(&api, &Reader::new(&api, &caller), approval).map(Json)
}

/// Takes an approval back before it is used.
pub(crate) async fn revoke(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Body(asked): Body<RevocationAsked>,
) -> Result<Json<ApprovalRow>, Refused> {
    let (approval, reader) = (id_of(&id)?, Reader::new(&api, &caller));
    let (by, reason) = (by(&caller)?, reason(&asked.reason)?);
    // Taking back forbids, so whoever may end a session may do it too.
    let permitted = {
        let view = api.view();
        let policy = view.policy.as_ref().map(|(policy, _)| &**policy);
        let may =
            |permission| caller.principal.as_ref().is_some_and(|who| may(who, policy, permission));
        may(Permission::Kill) || may(Permission::Lock)
    };
    let known = api
        .given
        .control
        .look(|state| state.approval(approval).map(|one| (reader.sees(one), reader.is_party(one))));
    match known {
        None => return Err(unknown()),
        Some((_, true)) => {}
        Some(_) if permitted => {}
        Some((true, false)) => return Err(Refused::plain(Code::NotAnApprover)),
        Some((false, false)) => return Err(unknown()),
    }
    let revocation = ApprovalRevocation { approval, by, reason };
    propose(&api, Entry::ApprovalRevoked(revocation)).await?;
    let row = |state: &consensus_state::State| {
        state.approval(approval).map(|one| reader.row(one, state.time(), false))
    };
    api.given.control.look(row).map(Json).ok_or_else(unknown)
}

fn shown(api: &Api, reader: &Reader, id: ApprovalId) -> Result<ApprovalRow, Refused> {
    let row = api.given.control.look(|state| {
        let found = state.approval(id).filter(|one: &&Approval| reader.sees(one));
        found.map(|one| reader.row(one, state.time(), true))
    });
    row.ok_or_else(unknown)
}

/// The id of an approval or a lock in a path.
pub(crate) fn id_of(text: &str) -> Result<ApprovalId, Refused> {
    text.parse().map(ApprovalId).map_err(|_| {
        Refused::new(Code::BadRequest, format!("{text:?} is not an id; ids are numbers"))
    })
}

fn unknown() -> Refused {
    let text = "there is no such approval, or it is none of yours; see `sallyport approvals list`";
    Refused::new(Code::NotFound, text)
}
