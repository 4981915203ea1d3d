//! Tells people's chat, or a program of theirs, that an approval is asked for, and what became of
//! it.
//!
//! It is a courtesy, not the record: only the node that leads sends, so around a change of leaders
//! something may be sent twice or not at all. It must never hold up what it tells about, and never
//! say more than ids, names and, if asked for, the masked text.

mod message;
mod send;

pub use message::HookKind;
pub use send::{Hook, HookError, HookOptions, SIGNATURE_HEADER, TIMESTAMP_HEADER};

pub(crate) use message::Notice;

use std::sync::Arc;

use node_session::ControlExt as _;
use proto::event::{Event, Kind};
use proto::ids::Chain;
use store_log::{Position, ReadError};
use tokio::sync::mpsc;

use crate::state::Api;

/// How many records are looked at at a time.
const BATCH: usize = 256;

/// Follows the record, and tells each hook, until the node stops.
pub async fn notify(api: Arc<Api>, hooks: Vec<Hook>) {
    if hooks.is_empty() {
        return;
    }
    let stop = api.given.stop.clone();
    let start = |hook: Hook| {
        let (sender, receiver) = mpsc::channel(send::WAITING);
        let name = hook.name().to_owned();
        tokio::spawn(send::deliver(hook, receiver, api.given.clock.clone(), stop.clone()));
        (name, sender)
    };
    let lines: Vec<_> = hooks.into_iter().map(start).collect();
    let mut next = api.last().next();
    let mut tail = api.tail.clone();
    loop {
        let more = tokio::select! {
            () = stop.cancelled() => false,
            more = tail.reaches(next) => more,
        };
        if !more {
            return;
        }
        let (notices, after) = match read(&api, next).await {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(%error, "notifications do not follow the record any more");
                return;
            }
        };
        next = after;
        // Another node sees the same events, and sends if it leads.
        if !api.given.members.leads() {
            continue;
        }
        for notice in &notices {
            for (name, sender) in &lines {
                if sender.try_send(notice.clone()).is_err() {
                    send::dropped(name, "the queue is full");
                }
            }
        }
    }
}

/// What there is to tell from a position on, and where to go on.
async fn read(api: &Arc<Api>, from: Position) -> Result<(Vec<Notice>, Position), ReadError> {
    let log = api.given.log.clone();
    let reading = tokio::task::spawn_blocking(move || log.read(from, BATCH)).await;
    let stored = reading.map_err(|error| ReadError::Failed(error.to_string()))??;
    let mut notices = Vec::new();
    for one in &stored {
        let event = Event::read(&one.bytes).map_err(|error| ReadError::Damaged {
            position: one.position.0,
            what: error.to_string(),
        })?;
        if event.id.chain == Chain::Control
            && let Some(kind) = &event.kind
        {
            notices.extend(notice(api, &event, kind));
        }
    }
    let after = stored.last().map_or(from, |last| last.position.next());
    Ok((notices, after))
}

fn notice(api: &Api, event: &Event, kind: &Kind) -> Option<Notice> {
    let (id, word) = message::about(kind)?;
    let approval = api.given.control.look(|state| state.approval(id).cloned())?;
    let delivery = event.id.to_string();
    Some(Notice::new(&api.given.cluster, delivery, word, &approval, message::by(kind)))
}
