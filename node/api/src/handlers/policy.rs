//! The policy: as text, now and of any revision that was ever in force; and changed.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use consensus_state::PolicyRevision;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use node_session::ControlExt as _;
use proto::api::{Page, PolicyApplied, PolicyAsked, PolicyNow, PolicyRevisionRow, RollbackAsked};
use proto::ids::Digest;
use proto::refusal::Code;

use crate::caller::Caller;
use crate::documents::file_name;
use crate::enact::{Wanted, enact};
use crate::extract::Body;
use crate::refuse::Refused;
use crate::state::Api;

/// The policy in force.
pub(crate) async fn now(State(api): State<Arc<Api>>) -> Result<Json<PolicyNow>, Refused> {
    let now = api.given.control.look(|state| state.policy().map(shown));
    let none = || Refused::new(Code::NotFound, "there is no policy yet, so nothing is granted");
    now.map(Json).ok_or_else(none)
}

/// All revisions, the oldest first.
pub(crate) async fn revisions(State(api): State<Arc<Api>>) -> Json<Page<PolicyRevisionRow>> {
    let (items, revision) = api.given.control.look(|state| {
        let current = state.policy().map_or(0, |policy| policy.revision);
        let row = |one: &PolicyRevision| PolicyRevisionRow {
            id: one.revision,
            digest: one.digest,
            at: one.at,
            by: one.by.to_string(),
            approval: one.approval,
            in_force: one.revision == current,
        };
        (state.policy_revisions().iter().map(row).collect(), current)
    });
    Json(Page { items, next: None, revision: Some(revision) })
}

/// One revision.
pub(crate) async fn revision(
    State(api): State<Arc<Api>>,
    Path(revision): Path<String>,
) -> Result<Json<PolicyNow>, Refused> {
    let number: u64 = revision.parse().map_err(|_| {
        let text = format!("{revision:?} is not a revision; revisions are numbers from 1");
        Refused::new(Code::BadRequest, text)
    })?;
    of_revision(&api, number).map(Json)
}

/// The exact text of a policy.
pub(crate) async fn by_digest(
    State(api): State<Arc<Api>>,
    Path(digest): Path<String>,
) -> Result<Response, Refused> {
    let not_one = |error: proto::ids::NotADigest| Refused::new(Code::BadRequest, error.to_string());
    let digest: Digest = digest.parse().map_err(not_one)?;
    let text = api.given.control.policy_text(&digest);
    let none = || Refused::new(Code::NotFound, "no policy with this digest was ever in force");
    Ok(([(CONTENT_TYPE, "application/yaml")], text.ok_or_else(none)?).into_response())
}

/// Brings a policy into force, or has it wait for a second person.
pub(crate) async fn apply(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Body(asked): Body<PolicyAsked>,
) -> Result<Response, Refused> {
    let PolicyAsked { document, file, expected_revision } = asked;
    let file = file_name(file, "policy")?;
    let wanted = Wanted { file, document, expected_revision };
    enact(&api, &caller, wanted).await.map(answer)
}

/// Brings an earlier policy into force, or has it wait for a second person.
pub(crate) async fn rollback(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Body(asked): Body<RollbackAsked>,
) -> Result<Response, Refused> {
    let RollbackAsked { revision, expected_revision } = asked;
    let document = of_revision(&api, revision)?.document;
    let file = format!("revision {revision}");
    enact(&api, &caller, Wanted { file, document, expected_revision }).await.map(answer)
}

fn of_revision(api: &Api, number: u64) -> Result<PolicyNow, Refused> {
    let find = |state: &consensus_state::State| {
        state.policy_revisions().iter().find(|one| one.revision == number).map(shown)
    };
    api.given.control.look(find).ok_or_else(|| {
        let text = format!("there is no revision {number}; see `sallyport policy history`");
        Refused::new(Code::NotFound, text)
    })
}

fn shown(policy: &PolicyRevision) -> PolicyNow {
    let (revision, digest) = (policy.revision, policy.digest);
    PolicyNow { revision, digest, document: policy.document.to_string() }
}

/// 200 when it is in force, 202 when it waits.
fn answer(applied: PolicyApplied) -> Response {
    let status = if applied.approval.is_some() { StatusCode::ACCEPTED } else { StatusCode::OK };
    (status, Json(applied)).into_response()
}
