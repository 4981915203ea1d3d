//! Chains as they are kept beside their nodes: one of them for whoever exports it, and the start of
//! this node's own record when that was taken away here.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use proto::event::{AuditExported, Kind};
use proto::ids::Chain;
use proto::refusal::Code;
use serde::Deserialize;
use store_log::{Backend, Position, ReadError};

use super::events::QUERY_LIMIT;
use super::lines;
use crate::caller::Caller;
use crate::extract::Asked;
use crate::foreign::{self, Foreign, Part};
use crate::lines::Wanted;
use crate::note::note;
use crate::ports::Chains;
use crate::refuse::Refused;
use crate::state::Api;

/// How many records are looked at a time.
const BATCH: usize = 256;

/// Which places are asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlacesAsked {
    first: Option<u64>,
    last: Option<u64>,
}

/// A chain's events; that somebody asks for them is recorded first.
pub(crate) async fn events(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(chain): Path<String>,
    RawQuery(query): RawQuery,
    Asked(asked): Asked<PlacesAsked>,
) -> Result<Response, Refused> {
    let not_found = |text: String| Refused::new(Code::NotFound, text);
    let chain: Chain = chain.parse().map_err(|_| not_found(format!("{chain} is no chain")))?;
    let Some(chains) = api.given.chains.clone() else {
        let text = "nothing keeps chains beside their nodes: there is no replicated stream";
        return Err(not_found(text.to_owned()));
    };
    let from = asked.first.unwrap_or(1).max(1);
    if chains.read(&chain, from, 1).await.map_err(Refused)?.is_empty() {
        return Err(not_found(format!("the replicated stream has no event {chain}/{from}")));
    }
    let source = api.source(&caller)?;
    let query: String = format!("chain={chain}&{}", query.unwrap_or_default());
    let query = query.chars().take(QUERY_LIMIT).collect();
    note(&api, caller.actor(), Kind::AuditExported(AuditExported { query })).await?;
    let parts = vec![Part { chain, from, until: asked.last }];
    let foreign = Foreign { chains, parts, wanted: Wanted::default(), source };
    Ok(lines(foreign::body(foreign), (Position(1), Position(0))))
}

/// What was taken away from the start of this node's record, and where it is kept; nothing when all
/// of it is here.
///
/// # Errors
/// [`Code::RecordTrimmed`] when it is nowhere, saying what is here.
pub(super) async fn taken_away(api: &Api) -> Result<Option<(Arc<dyn Chains>, Vec<Part>)>, Refused> {
    let log = api.given.log.clone();
    let first = log.usage().first;
    if first <= Position(1) {
        return Ok(None);
    }
    let looking = tokio::task::spawn_blocking(move || begins(&*log, first)).await;
    let begins = looking.map_err(|error| Refused::new(Code::Internal, error.to_string()))?;
    let begins = begins.map_err(|error| Refused::new(Code::RecordDamaged, error.to_string()))?;
    let own = Chain::Node(api.given.node.clone());
    let parts: Vec<_> = [(own, begins.own), (Chain::Control, begins.control)]
        .into_iter()
        .filter(|(_, begins)| *begins > 1)
        .map(|(chain, begins)| Part { chain, from: 1, until: Some(begins - 1) })
        .collect();
    let here: Vec<_> = parts
        .iter()
        .map(|part| format!("{} from {} on", part.chain, part.until.unwrap_or_default() + 1))
        .collect();
    let trimmed = |why: &str| {
        let text = format!("this node holds {} only, and {why}", here.join(" and "));
        Refused::new(Code::RecordTrimmed, text)
    };
    let Some(chains) = api.given.chains.clone() else {
        return Err(trimmed("there is no replicated stream that has the rest"));
    };
    for part in &parts {
        match chains.read(&part.chain, 1, 1).await {
            Ok(found) if !found.is_empty() => {}
            Ok(_) => return Err(trimmed(&format!("the stream has no {}/1", part.chain))),
            Err(told) => {
                return Err(trimmed(&format!("the stream does not give the rest: {told}")));
            }
        }
    }
    Ok(Some((chains, parts)))
}

/// The first places that a log holds.
struct Begins {
    own: u64,
    control: u64,
}

fn begins(log: &dyn Backend, first: Position) -> Result<Begins, ReadError> {
    let (mut own, mut control, mut next) = (None, None, first);
    while own.is_none() || control.is_none() {
        let batch = log.read(next, BATCH)?;
        let Some(last) = batch.last() else { break };
        next = last.position.next();
        for stored in &batch {
            if stored.control { &mut control } else { &mut own }.get_or_insert(stored.seq);
        }
    }
    Ok(Begins { own: own.unwrap_or(1), control: control.unwrap_or(1) })
}
