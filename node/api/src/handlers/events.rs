//! Events as they were recorded: the exact bytes, one event a line.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use proto::event::{AuditExported, Kind};
use proto::ids::SessionId;
use proto::refusal::Code;
use proto::time::Utc;
use serde::Deserialize;
use store_log::Position;

use super::lines;
use crate::caller::Caller;
use crate::extract::Asked;
use crate::lines::{Wanted, body};
use crate::note::note;
use crate::refuse::Refused;
use crate::state::Api;

/// The longest query that is recorded, in characters.
const QUERY_LIMIT: usize = 1024;

/// What may be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsAsked {
    position: Option<u64>,
    tail: Option<u64>,
    session: Option<String>,
    kind: Option<String>,
    from: Option<Utc>,
    to: Option<Utc>,
    follow: Option<bool>,
}

/// Events; that somebody asks for them is recorded first.
pub(crate) async fn events(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    Asked(asked): Asked<EventsAsked>,
) -> Result<Response, Refused> {
    let kinds: Vec<_> = asked.kind.iter().flat_map(|kinds| kinds.split(',')).collect();
    if let Some(unknown) = kinds.iter().find(|kind| !Kind::NAMES.contains(kind)) {
        let text = format!("{unknown:?} is not a kind of event; {}", Kind::NAMES.join(", "));
        return Err(Refused::new(Code::BadRequest, text));
    }
    // The end is taken before the export itself is recorded: whoever exports twice gets the same
    // bytes and one line more, not a line that moves on while it is read.
    let last = api.last();
    let source = api.source(&caller)?;
    let query: String = query.unwrap_or_default().chars().take(QUERY_LIMIT).collect();
    note(&api, caller.actor(), Kind::AuditExported(AuditExported { query })).await?;
    let newest = asked.tail.map(|tail| (last.0 + 1).saturating_sub(tail));
    let from = asked.position.unwrap_or(1).max(newest.unwrap_or(1));
    let wanted = Wanted {
        from: Position(from),
        until: last,
        session: asked.session.as_deref().map(SessionId::from_text),
        kinds: kinds.into_iter().map(str::to_owned).collect(),
        since: asked.from,
        before: asked.to,
        follow: asked.follow.unwrap_or(false),
    };
    Ok(lines(body(source, wanted), last))
}
