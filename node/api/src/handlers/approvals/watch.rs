//! Requests as they change, one a line: those that are open when it begins, then each one again.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use consensus_state::Approval;
use node_session::ControlExt as _;
use proto::api::{ApprovalRow, ApprovalState};
use proto::entry::ApprovalId;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;

use super::rows::Reader;
use crate::caller::Caller;
use crate::extract::Asked;
use crate::handlers::lines;
use crate::refuse::Refused;
use crate::state::Api;

/// How many lines wait for a slow reader; it gets the newest state of each request all the same.
const LINES_WAITING: usize = 16;

/// What tells that a request changed: its state, how many have ruled, and whether the reader may.
type Version = (ApprovalState, usize, bool);

/// What may be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WatchAsked {
    #[serde(rename = "follow")]
    _follow: Option<bool>,
}

/// Requests that the caller may see, as they change.
pub(crate) async fn watch(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Asked(_): Asked<WatchAsked>,
) -> Result<Response, Refused> {
    let permit = api.stream()?;
    let (sender, receiver) = mpsc::channel(LINES_WAITING);
    let last = api.last();
    tokio::spawn(follow(api, caller, sender, permit));
    Ok(lines(Body::from_stream(ReceiverStream::new(receiver)), (store_log::Position(1), last)))
}

async fn follow(
    api: Arc<Api>,
    caller: Caller,
    sender: mpsc::Sender<Result<Bytes, std::convert::Infallible>>,
    _permit: OwnedSemaphorePermit,
) {
    let mut views = api.given.control.views();
    let mut known = BTreeMap::new();
    let mut first = true;
    loop {
        views.mark_unchanged();
        // Anew each time: what the caller's roles permit may have changed, and a token ends.
        if !api.still(&caller) {
            return;
        }
        let reader = Reader::new(&api, &caller);
        for row in changed(&api, &reader, &mut known) {
            if first && row.state.is_over() {
                continue;
            }
            let Ok(mut line) = serde_json::to_vec(&row) else { return };
            line.push(b'\n');
            if sender.send(Ok(line.into())).await.is_err() {
                return;
            }
        }
        first = false;
        tokio::select! {
            () = api.given.stop.cancelled() => return,
            () = sender.closed() => return,
            changed = views.changed() => if changed.is_err() { return },
        }
    }
}

/// The requests that are not as they were known; from now on they are known as they are.
fn changed(
    api: &Api,
    reader: &Reader,
    known: &mut BTreeMap<ApprovalId, Version>,
) -> Vec<ApprovalRow> {
    api.given.control.look(|state| {
        let mut rows = Vec::new();
        let mut now = BTreeMap::new();
        for approval in state.approvals().filter(|one: &&Approval| reader.sees(one)) {
            let row = reader.row(approval, state.time(), false);
            let version = (row.state, row.rulings.len(), row.may_rule);
            if known.get(&row.id) != Some(&version) {
                rows.push(row);
            }
            now.insert(approval.id, version);
        }
        *known = now;
        rows
    })
}
