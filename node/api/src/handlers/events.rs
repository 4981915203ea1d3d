//! Events as they were recorded: the exact bytes, one event a line.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use axum::{Extension, Json};
use node_session::ControlExt as _;
use proto::api::{ChainNote, Seals, SigningKey};
use proto::event::{AuditExported, Kind};
use proto::ids::{Chain, SessionId};
use proto::refusal::Code;
use proto::time::Utc;
use serde::Deserialize;
use store_log::Position;
use tokio_stream::StreamExt as _;

use super::chains::taken_away;
use super::lines;
use crate::caller::Caller;
use crate::extract::Asked;
use crate::foreign::{self, Foreign};
use crate::lines::{Wanted, body};
use crate::note::note;
use crate::refuse::Refused;
use crate::state::Api;

/// The longest query that is recorded, in characters.
pub(super) const QUERY_LIMIT: usize = 1024;

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
    here: Option<bool>,
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
    let first = api.given.log.usage().first;
    if asked.position.is_some_and(|position| (1..first.0).contains(&position)) {
        let text = format!("this node holds its record from position {} on", first.0);
        return Err(Refused::new(Code::RecordTrimmed, text));
    }
    // What was taken away from the start is a part of what is asked for.
    let begins_here = asked.position.is_some() || asked.tail.is_some() || asked.session.is_some();
    let elsewhere = match begins_here || asked.here.unwrap_or(false) {
        true => None,
        false => taken_away(&api).await?,
    };
    // The end is taken before the export itself is recorded: whoever exports twice gets the same
    // bytes and one line more, not a line that moves on while it is read.
    let last = api.last();
    let source = api.source(&caller)?;
    let query: String = query.unwrap_or_default().chars().take(QUERY_LIMIT).collect();
    note(&api, caller.actor(), Kind::AuditExported(AuditExported { query })).await?;
    let newest = asked.tail.map(|tail| (last.0 + 1).saturating_sub(tail));
    let from = asked.position.unwrap_or(1).max(newest.unwrap_or(1)).max(first.0);
    let wanted = Wanted {
        from: Position(from),
        until: last,
        session: asked.session.as_deref().map(SessionId::from_text),
        kinds: kinds.into_iter().map(str::to_owned).collect(),
        since: asked.from,
        before: asked.to,
        follow: asked.follow.unwrap_or(false),
    };
    let Some((chains, parts)) = elsewhere else {
        return Ok(lines(body(source, wanted), (first, last)));
    };
    let before = Foreign { chains, parts, wanted: wanted.clone(), source: api.source(&caller)? };
    let before = foreign::body(before).into_data_stream();
    let all = before.chain(body(source, wanted).into_data_stream());
    Ok(lines(Body::from_stream(all), (first, last)))
}

/// What proves the record: public keys, and the newest checkpoints. None of it is secret.
pub(crate) async fn seals(State(api): State<Arc<Api>>) -> Json<Seals> {
    Json(api.given.control.look(|state| {
        let key = |node: &consensus_state::Node| {
            let key = state.node_key(&node.name)?;
            Some(SigningKey {
                id: node.name.clone(),
                key: key.to_string(),
                member: node.is_member(),
            })
        };
        let note = |node: &consensus_state::Node| {
            let note = state.chain_note(&node.name)?;
            Some(ChainNote { chain: Chain::Node(node.name.clone()), note: note.to_string() })
        };
        Seals {
            cluster: api.given.cluster.clone(),
            keys: state.nodes().filter_map(key).collect(),
            chains: state.nodes().filter_map(note).collect(),
            control: state.control_note().map(|note| note.to_string()),
        }
    }))
}
