//! Sessions: a list, one of them, and its events for a replay.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use axum::{Extension, Json};
use proto::api::Page;
use proto::event::{Kind, ReplayViewed};
use proto::ids::SessionId;
use proto::refusal::Code;
use proto::time::Utc;
use serde::Deserialize;
use store_log::{Position, ReadError};
use store_views::{SessionRow, SessionState};

use super::lines;
use crate::caller::Caller;
use crate::extract::Asked;
use crate::lines::{Wanted, body};
use crate::note::note;
use crate::refuse::Refused;
use crate::state::Api;
use crate::views::caught_up;

/// How many rows a page has when it is not said.
const PAGE: usize = 100;
/// How many rows a page has at most.
const LARGEST_PAGE: usize = 1000;

/// What may be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionsAsked {
    person: Option<String>,
    target: Option<String>,
    state: Option<String>,
    from: Option<Utc>,
    to: Option<Utc>,
    after: Option<String>,
    limit: Option<usize>,
}

impl SessionsAsked {
    fn takes(&self, row: &SessionRow) -> bool {
        let state = match self.state.as_deref() {
            None => true,
            Some("open") => row.state == SessionState::Open,
            Some("closed") => row.state != SessionState::Open,
            Some(_) => matches!(row.state, SessionState::OutcomeUnknown | SessionState::Lost),
        };
        state
            && self.person.as_deref().is_none_or(|person| row.person.as_str() == person)
            && self.target.as_deref().is_none_or(|target| row.target.as_str() == target)
            && self.from.is_none_or(|from| row.opened >= from)
            && self.to.is_none_or(|to| row.opened < to)
    }
}

/// Sessions, the oldest first. Rows of a list have no commands.
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    Asked(asked): Asked<SessionsAsked>,
) -> Result<Json<Page<SessionRow>>, Refused> {
    if let Some(state) = &asked.state
        && !["open", "closed", "unknown"].contains(&state.as_str())
    {
        let text = format!("state is {state:?}; expected open, closed or unknown");
        return Err(Refused::new(Code::BadRequest, text));
    }
    caught_up(&api.given.views).await.map_err(damaged)?;
    let limit = asked.limit.unwrap_or(PAGE).clamp(1, LARGEST_PAGE);
    let sessions = api.given.views.sessions();
    let mut rows: Box<dyn Iterator<Item = &SessionRow>> = Box::new(sessions.rows());
    if let Some(after) = &asked.after {
        let after = SessionId::from_text(after);
        if sessions.get(&after).is_none() {
            let text = "the session in `after` is not in the list any more; begin anew";
            return Err(Refused::new(Code::BadRequest, text));
        }
        rows = Box::new(sessions.rows().skip_while(move |row| row.id != after).skip(1));
    }
    let mut rows = rows.filter(|row| asked.takes(row));
    let items: Vec<_> = rows.by_ref().take(limit).map(without_commands).collect();
    let more = rows.next().is_some();
    let next = items.last().filter(|_| more).map(|row| row.id.to_string());
    Ok(Json(Page { items, next }))
}

fn without_commands(row: &SessionRow) -> SessionRow {
    // Copied field by field where it is large: a row may hold a thousand commands.
    SessionRow {
        commands: std::collections::VecDeque::new(),
        id: row.id.clone(),
        person: row.person.clone(),
        target: row.target.clone(),
        login: row.login.clone(),
        grant: row.grant.clone(),
        from: row.from.clone(),
        reason: row.reason.clone(),
        node: row.node.clone(),
        ..*row
    }
}

/// One session with its commands.
pub(crate) async fn show(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
) -> Result<Json<SessionRow>, Refused> {
    caught_up(&api.given.views).await.map_err(damaged)?;
    let row = api.given.views.sessions().get(&SessionId::from_text(&id)).cloned();
    row.map(Json).ok_or_else(unknown)
}

/// The exact bytes of a session's events; that somebody asks for them is recorded first.
pub(crate) async fn events(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let session = SessionId::from_text(&id);
    let last = api.last();
    // The log knows older sessions than the view holds, so the log is asked.
    let (log, wanted) = (api.given.log.clone(), session.clone());
    let looking = move || log.positions_of(&wanted, Position(1), 1);
    let found = tokio::task::spawn_blocking(looking).await;
    let found = found.map_err(|error| Refused::new(Code::Internal, error.to_string()))?;
    if found.map_err(damaged)?.is_empty() {
        return Err(unknown());
    }
    let source = api.source()?;
    let kind = Kind::ReplayViewed(ReplayViewed { viewed: session.clone() });
    note(&api, caller.actor(), kind).await?;
    let wanted =
        Wanted { from: Position(1), until: last, session: Some(session), ..Wanted::default() };
    Ok(lines(body(source, wanted), last))
}

fn unknown() -> Refused {
    Refused::new(Code::NotFound, "there is no such session; see `sallyport sessions list`")
}

fn damaged(error: ReadError) -> Refused {
    tracing::error!(%error, "the record cannot be read");
    Refused::new(Code::RecordDamaged, error.to_string())
}
