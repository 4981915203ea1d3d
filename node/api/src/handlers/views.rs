//! The audit views: how they are, and folded anew.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use proto::api::{Page, RebuildAsked, ViewsStatus};
use proto::refusal::Code;
use tokio::runtime::Handle;

use super::chains::taken_away;
use crate::extract::Body;
use crate::foreign::Earlier;
use crate::refuse::Refused;
use crate::state::Api;

/// How far each home is.
pub(crate) async fn status(State(api): State<Arc<Api>>) -> Json<Page<ViewsStatus>> {
    Json(Page::whole(api.given.views.status()))
}

/// Has one home folded anew: from this node's record, and from the replicated stream what was taken
/// away from the record's start. What is nowhere any more is not dropped.
pub(crate) async fn rebuild(
    State(api): State<Arc<Api>>,
    Body(asked): Body<RebuildAsked>,
) -> Result<Json<Page<ViewsStatus>>, Refused> {
    let earlier = taken_away(&api).await?;
    let earlier = earlier.map(|(chains, parts)| Earlier::new(chains, parts, Handle::current()));
    if !api.given.views.rebuild(&asked.home, earlier) {
        let homes: Vec<_> = api.given.views.status().into_iter().map(|home| home.id).collect();
        let text = format!("this node has no such views; it has {}", homes.join(", "));
        return Err(Refused::new(Code::NotFound, text));
    }
    Ok(status(State(api)).await)
}
