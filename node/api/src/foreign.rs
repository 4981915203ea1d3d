//! Sessions of other nodes, also of nodes that are gone: their chains, as they are kept outside of
//! those nodes, are folded into this node's own views, and replayed from there.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{BufMut as _, Bytes, BytesMut};
use node_session::ControlExt as _;
use proto::event::{Event, Kind};
use proto::ids::{Name, SessionId};
use proto::refusal::{Code, Told};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use crate::lines::Source;
use crate::ports::Chains;
use crate::state::Api;
use crate::views::Views;

/// How many events of a chain are read at a time.
const BATCH: usize = 1024;

/// How often it is looked whether other chains have grown.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How many batches wait for a slow reader.
const BATCHES_WAITING: usize = 4;

/// Folds the chains of all other nodes, until the node stops.
pub(crate) async fn follow(api: Arc<Api>, chains: Arc<dyn Chains>, stop: CancellationToken) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = look.tick() => {}
        }
        let here = &api.given.node;
        // Also those that are removed: their record is what is left of them.
        let nodes: Vec<Name> = api.given.control.look(|state| {
            state.nodes().map(|node| node.name.clone()).filter(|name| name != here).collect()
        });
        for node in nodes {
            if let Err(told) = fold(&api.given.views, &*chains, &node).await {
                tracing::warn!(%node, %told, "the chain of another node is not followed now");
            }
        }
    }
}

/// Folds what a chain has by now.
pub(crate) async fn fold(views: &Arc<Views>, chains: &dyn Chains, node: &Name) -> Result<(), Told> {
    loop {
        let (reading, chain) = (views.clone(), node.clone());
        let work = move || reading.reached(&chain);
        let reached = blocking(work).await?;
        let batch = chains.read(node, reached + 1, BATCH).await?;
        let last = batch.len() < BATCH;
        if batch.is_empty() {
            return Ok(());
        }
        let folding = views.clone();
        let folded = blocking(move || folding.fold_foreign(&batch)).await?;
        if last || folded == 0 {
            return Ok(());
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, crate::FollowError> + Send + 'static,
) -> Result<T, Told> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| error.told()),
        Err(error) => Err(Told::new(Code::Internal, error.to_string())),
    }
}

/// What a replay of a session of another node needs.
pub(crate) struct Foreign {
    /// Where its chain is kept.
    pub chains: Arc<dyn Chains>,
    /// Its node.
    pub node: Name,
    /// The session.
    pub session: SessionId,
    /// The place of the event that opened it.
    pub from: u64,
    /// The last place that is in the views.
    pub until: u64,
    /// Whether whoever reads still may, and one of the streams that may be open at once.
    pub source: Source,
}

/// The exact bytes of its events, one a line.
pub(crate) fn body(foreign: Foreign) -> Body {
    let (sender, receiver) = mpsc::channel(BATCHES_WAITING);
    tokio::spawn(send(foreign, sender));
    Body::from_stream(ReceiverStream::new(receiver))
}

async fn send(foreign: Foreign, sender: mpsc::Sender<Result<Bytes, Told>>) {
    let mut from = foreign.from;
    while from <= foreign.until {
        let read = foreign.chains.read(&foreign.node, from, BATCH).await;
        let taken = read.and_then(|batch| of_session(&batch, &foreign.session));
        let (lines, next) = match taken {
            Ok((lines, Some(last), false)) => (lines, Some(last + 1)),
            Ok((lines, _, _)) => (lines, None),
            Err(told) => {
                // A reader that left needs no error.
                drop(sender.send(Err(told)).await);
                return;
            }
        };
        if !lines.is_empty() && (!(foreign.source.may)() || sender.send(Ok(lines)).await.is_err()) {
            return;
        }
        match next {
            Some(next) => from = next,
            None => return,
        }
    }
}

/// The lines of a session in a batch, the last place of the batch, and whether the session is over.
fn of_session(batch: &[Bytes], session: &SessionId) -> Result<(Bytes, Option<u64>, bool), Told> {
    let mut lines = BytesMut::new();
    let (mut last, mut over) = (None, false);
    for bytes in batch {
        let event = Event::read(bytes)
            .map_err(|error| Told::new(Code::RecordDamaged, error.to_string()))?;
        last = Some(event.id.seq);
        if event.about.session.as_ref() == Some(session) {
            lines.put_slice(bytes);
            lines.put_u8(b'\n');
            over |= matches!(event.kind, Some(Kind::SessionClosed(_)));
        }
    }
    Ok((lines.freeze(), last, over))
}
