//! Sessions: a list, one of them, and its events for a replay.
//!
//! A node's record has the sessions that it served itself; of all others it asks those that did.

mod live;
mod rows;

pub(crate) use live::{kill, watch};

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use node_session::ControlExt as _;
use proto::api::{Page, SessionListed};
use proto::event::{Event, Kind, ReplayViewed};
use proto::ids::{Chain, Name, SessionId};
use proto::refusal::Code;
use proto::time::Utc;
use serde::Deserialize;
use store_log::{Backend, Position, ReadError};
use tokio_stream::StreamExt as _;

use super::chains::taken_away;
use super::lines;
use crate::caller::Caller;
use crate::extract::Asked;
use crate::foreign::{self, Foreign, Part};
use crate::lines::{Wanted, body};
use crate::note::note;
use crate::pages::{limit, not_a_place, page};
use crate::refuse::Refused;
use crate::state::Api;
use crate::views::{FollowError, caught_up};

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
    fn takes(&self, row: &SessionListed) -> bool {
        let state = match self.state.as_deref() {
            None => true,
            Some("open") => row.state == rows::OPEN,
            Some("closed") => row.state != rows::OPEN,
            Some(_) => rows::is_unknown(&row.state),
        };
        state
            && self.person.as_deref().is_none_or(|person| row.person.as_str() == person)
            && self.target.as_deref().is_none_or(|target| row.target.as_str() == target)
            && self.from.is_none_or(|from| row.opened >= from)
            && self.to.is_none_or(|to| row.opened < to)
    }
}

/// Where a row stands in the list: by when it was opened, then by its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place(Utc, String);

impl Place {
    fn of(row: &SessionListed) -> Self {
        Self(row.opened, row.id.to_string())
    }

    fn read(text: &str) -> Option<Self> {
        let (micros, id) = text.split_once('.')?;
        Some(Self(Utc(micros.parse().ok()?), id.to_owned()))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0.0, self.1)
    }
}

/// Sessions of all nodes, the oldest first.
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    Asked(asked): Asked<SessionsAsked>,
) -> Result<Json<Page<SessionListed>>, Refused> {
    if let Some(state) = &asked.state
        && !["open", "closed", "unknown"].contains(&state.as_str())
    {
        let text = format!("state is {state:?}; expected open, closed or unknown");
        return Err(Refused::new(Code::BadRequest, text));
    }
    let after = match &asked.after {
        None => None,
        Some(after) => Some(Place::read(after).ok_or_else(not_a_place)?),
    };
    let mut all = rows::of_all(&api, asked.state.as_deref() == Some("open")).await?;
    all.retain(|row| {
        asked.takes(row) && after.as_ref().is_none_or(|after| Place::of(row) > *after)
    });
    all.sort_by_cached_key(Place::of);
    let (items, next) = page(all, limit(asked.limit), |row| Place::of(row).to_string());
    Ok(Json(Page { items, next, revision: None }))
}

/// One session with its commands; of one on another node, what a list shows.
pub(crate) async fn show(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let id = SessionId::from_text(&id);
    let wanted = id.clone();
    let found = caught_up(&api.given.views, move |views| views.session(&wanted)).await;
    if let Some(row) = found.map_err(unreadable)? {
        return Ok(Json(row).into_response());
    }
    let all = rows::of_all(&api, false).await?;
    match all.into_iter().find(|row| row.id == id) {
        Some(row) => Ok(Json(row).into_response()),
        None => Err(unknown(&api, &id)),
    }
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
    let looking = move || begins(&*log, &wanted);
    let found = tokio::task::spawn_blocking(looking).await;
    let found = found.map_err(|error| Refused::new(Code::Internal, error.to_string()))?;
    let found = found.map_err(damaged)?;
    if found == Begins::Nowhere {
        return kept(&api, &caller, session).await;
    }
    let before =
        if found == Begins::Earlier { before(&api, &caller, &session).await } else { None };
    let source = api.source(&caller)?;
    let kind = Kind::ReplayViewed(ReplayViewed { viewed: session.clone() });
    note(&api, caller.actor(), kind).await?;
    let from = api.given.log.usage().first;
    let wanted = Wanted { from, until: last, session: Some(session), ..Wanted::default() };
    let here = body(source, wanted);
    let Some(before) = before else { return Ok(lines(here, (Position(1), last))) };
    let all = before.into_data_stream().chain(here.into_data_stream());
    Ok(lines(Body::from_stream(all), (Position(1), last)))
}

/// How much of a session this node's record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begins {
    /// It begins here.
    Here,
    /// Its start was taken away.
    Earlier,
    /// It is not here.
    Nowhere,
}

fn begins(log: &dyn Backend, session: &SessionId) -> Result<Begins, ReadError> {
    // The index may know of more than is still here.
    let Some(first) = log.positions_of(session, log.usage().first, 1)?.first().copied() else {
        return Ok(Begins::Nowhere);
    };
    if log.positions_of(session, Position(1), 1)?.first().is_some_and(|known| *known < first) {
        return Ok(Begins::Earlier);
    }
    let Some(stored) = log.read(first, 1)?.into_iter().next() else { return Ok(Begins::Nowhere) };
    let event = Event::read(&stored.bytes)
        .map_err(|error| ReadError::Damaged { position: first.0, what: error.to_string() })?;
    let opens = matches!(event.kind, Some(Kind::SessionOpened(_)));
    Ok(if opens { Begins::Here } else { Begins::Earlier })
}

/// The events of a session that is not in this node's record: of another node, or taken away here.
/// They come from wherever the chain is kept beside its node.
async fn kept(api: &Arc<Api>, caller: &Caller, session: SessionId) -> Result<Response, Refused> {
    let place = place(api, &session).await.map_err(unreadable)?;
    let (Some((node, from, until)), Some(chains)) = (place, api.given.chains.clone()) else {
        return Err(unknown(api, &session));
    };
    let source = api.source(caller)?;
    let kind = Kind::ReplayViewed(ReplayViewed { viewed: session.clone() });
    note(api, caller.actor(), kind).await?;
    let parts = vec![Part { chain: Chain::Node(node), from, until: Some(until) }];
    let wanted = Wanted { session: Some(session), ..Wanted::default() };
    let foreign = Foreign { chains, parts, wanted, source };
    Ok(lines(foreign::body(foreign), (Position(1), Position(until))))
}

/// The events of a session that were taken away from the start of this node's record; nothing when
/// nobody has them.
async fn before(api: &Arc<Api>, caller: &Caller, session: &SessionId) -> Option<Body> {
    let (node, from, _) = place(api, session).await.ok()??;
    let (chains, parts) = taken_away(api).await.ok()??;
    let own = parts.into_iter().find(|part| part.chain == Chain::Node(node.clone()))?;
    let parts = vec![Part { from, ..own }];
    let wanted = Wanted { session: Some(session.clone()), ..Wanted::default() };
    let source = api.source(caller).ok()?;
    Some(foreign::body(Foreign { chains, parts, wanted, source }))
}

async fn place(
    api: &Arc<Api>,
    session: &SessionId,
) -> Result<Option<(Name, u64, u64)>, FollowError> {
    let session = session.clone();
    caught_up(&api.given.views, move |views| views.place(&session)).await
}

/// A session that this node knows nothing of; perhaps it knows who does.
fn unknown(api: &Api, id: &SessionId) -> Refused {
    let elsewhere = api.given.control.look(|state| {
        let (rest, _) = id.as_str().rsplit_once('-')?;
        let node: Name = rest.rsplit_once('-')?.0.parse().ok()?;
        let node = state.node(&node).filter(|node| node.name != api.given.node)?;
        Some((node.name.clone(), node.addresses.api.clone()))
    });
    let text = match elsewhere {
        Some((node, address)) => format!(
            "this node has no record of that session: if it ever was, it was one of {node}, whose \
             API is at https://{address}"
        ),
        None => "there is no such session; see `sallyport sessions list`".to_owned(),
    };
    Refused::new(Code::NotFound, text)
}

fn unreadable(error: FollowError) -> Refused {
    tracing::error!(%error, "the views cannot be read");
    Refused(error.told())
}

fn damaged(error: ReadError) -> Refused {
    tracing::error!(%error, "the record cannot be read");
    Refused::new(Code::RecordDamaged, error.to_string())
}
