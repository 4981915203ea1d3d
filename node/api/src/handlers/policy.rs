//! The policy, as text: now, and of any revision that was ever in force.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use proto::api::PolicyNow;
use proto::ids::Digest;
use proto::refusal::Code;

use crate::refuse::Refused;
use crate::state::Api;

/// The policy in force.
pub(crate) async fn now(State(api): State<Arc<Api>>) -> Result<Json<PolicyNow>, Refused> {
    let view = api.view();
    let none = || Refused::new(Code::NotFound, "there is no policy yet, so nothing is granted");
    let (_, reference) = view.policy.as_ref().ok_or_else(none)?;
    let document = api.given.control.policy_text(&reference.digest).ok_or_else(none)?;
    Ok(Json(PolicyNow { revision: reference.revision, digest: reference.digest, document }))
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
