//! Live sessions, on whatever node they are: watched and ended.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::{Extension, Json};
use bytes::Bytes;
use node_session::ControlExt as _;
use proto::api::{KillAsked, SessionListed, Watched};
use proto::event::{Kind, ReplayViewed};
use proto::ids::{Name, SessionId};
use proto::refusal::{Code, Told};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;

use super::{lines, rows};
use crate::caller::Caller;
use crate::change::{by, reason};
use crate::extract::{Asked, Body as Asking};
use crate::note::note;
use crate::own::{Watch, not_live};
use crate::refuse::Refused;
use crate::state::Api;

/// How many lines wait for a slow reader; what does not fit behind them is missed, and said.
const LINES_WAITING: usize = 16;

/// Where what is let through comes from.
enum Source {
    Here(Watch),
    There(mpsc::Receiver<Watched>),
}

impl Source {
    /// What comes next.
    async fn next(&mut self) -> Watched {
        let next = match self {
            Self::Here(watch) => watch.next().await,
            Self::There(receiver) => receiver.recv().await,
        };
        let text = "the way to the node that serves the session broke";
        next.unwrap_or_else(|| Watched::Broken { told: Told::new(Code::PeerUnreachable, text) })
    }
}

/// What may be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WatchAsked {
    #[serde(rename = "follow")]
    _follow: Option<bool>,
}

/// What is let through to a session's client from now on; that somebody watches is recorded first.
pub(crate) async fn watch(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Asked(_): Asked<WatchAsked>,
) -> Result<Response, Refused> {
    let session = SessionId::from_text(&id);
    let node = place(&api, &session)?;
    let permit = api.stream()?;
    let kind = Kind::ReplayViewed(ReplayViewed { viewed: session.clone() });
    note(&api, caller.actor(), kind).await?;
    let source = match node {
        None => Source::Here(api.watch_own(&session)?),
        Some(node) => Source::There(api.given.fleet.watch(&node, &session).await?),
    };
    let (sender, receiver) = mpsc::channel(LINES_WAITING);
    let last = api.last();
    tokio::spawn(show(api, caller, source, sender, permit));
    Ok(lines(Body::from_stream(ReceiverStream::new(receiver)), (store_log::Position(1), last)))
}

/// Ends a session.
pub(crate) async fn kill(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Asking(asked): Asking<KillAsked>,
) -> Result<Json<SessionListed>, Refused> {
    let session = SessionId::from_text(&id);
    let (by, reason) = (by(&caller)?, reason(&asked.reason)?);
    let node = place(&api, &session)?;
    let all = rows::of_all(&api, true).await?;
    let row = all.into_iter().find(|row| row.id == session);
    let was_live = match node {
        None => api.kill_own(&session, &by, &reason),
        Some(node) => api.given.fleet.kill(&node, &session, &by, &reason).await?,
    };
    match row.filter(|_| was_live) {
        Some(row) => Ok(Json(row)),
        None => Err(not_live().into()),
    }
}

/// The other node that serves a session; nothing when it is this one.
fn place(api: &Api, session: &SessionId) -> Result<Option<Name>, Refused> {
    if api.given.live.list().iter().any(|live| live.id == *session) {
        return Ok(None);
    }
    let node = api
        .given
        .control
        .look(|state| state.open_session_by_id(session).map(|open| open.opening.node.clone()));
    node.filter(|node| *node != api.given.node).map(Some).ok_or_else(|| not_live().into())
}

async fn show(
    api: Arc<Api>,
    caller: Caller,
    mut source: Source,
    sender: mpsc::Sender<Result<Bytes, serde_json::Error>>,
    _permit: OwnedSemaphorePermit,
) {
    loop {
        let watched = tokio::select! {
            () = api.given.stop.cancelled() => {
                Watched::Broken { told: Told::plain(Code::Draining) }
            }
            () = sender.closed() => return,
            watched = source.next() => watched,
        };
        // Anew each time: whoever may watch no more sees nothing more.
        let watched = if api.still(&caller) {
            watched
        } else {
            Watched::Broken { told: Told::plain(Code::NotPermitted) }
        };
        let is_last = matches!(watched, Watched::Over | Watched::Broken { .. });
        let line = serde_json::to_vec(&watched).map(|mut line| {
            line.push(b'\n');
            line.into()
        });
        if sender.send(line).await.is_err() || is_last {
            return;
        }
    }
}
