//! Events of the log as lines: their exact bytes, one event a line, read in batches and sent with
//! bounded buffers. A record that cannot be served breaks the answer off; it is never skipped.

use std::sync::Arc;

use axum::body::Body;
use bytes::{BufMut, Bytes, BytesMut};
use proto::ids::SessionId;
use proto::time::Utc;
use serde::Deserialize;
use store_log::{Backend, Position, ReadError, Stored};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use crate::tail::Tail;

/// How many records are read at a time.
const BATCH: usize = 256;

/// How many batches wait for a slow reader.
const BATCHES_WAITING: usize = 4;

/// Which events are asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// Where to start.
    pub from: Position,
    /// Where to end, when they are not followed.
    pub until: Position,
    /// Only this session's.
    pub session: Option<SessionId>,
    /// Only these kinds, e.g. `command.judged`; empty for all.
    pub kinds: Vec<String>,
    /// Only of this instant or later.
    pub since: Option<Utc>,
    /// Only before this instant.
    pub before: Option<Utc>,
    /// Whether to wait for events to come.
    pub follow: bool,
}

/// The parts of an event that a filter looks at.
#[derive(Deserialize)]
struct Glance<'a> {
    #[serde(borrow)]
    r#type: std::borrow::Cow<'a, str>,
    time: Utc,
}

impl Wanted {
    /// Whether an event is of these kinds and of that time; why it cannot be told.
    pub(crate) fn takes(&self, bytes: &[u8]) -> Result<bool, String> {
        if self.kinds.is_empty() && self.since.is_none() && self.before.is_none() {
            return Ok(true);
        }
        let glance: Glance<'_> =
            serde_json::from_slice(bytes).map_err(|error| format!("not an event: {error}"))?;
        let named = glance.r#type.strip_prefix("io.sallyport.").unwrap_or(&glance.r#type);
        let named = named.rsplit_once('.').map_or(named, |(name, _)| name);
        let kind = self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == named);
        let since = self.since.is_none_or(|since| glance.time >= since);
        Ok(kind && since && self.before.is_none_or(|before| glance.time < before))
    }
}

/// Where events come from, and who says when there are more.
pub(crate) struct Source {
    /// The log.
    pub log: Arc<dyn Backend>,
    /// Its end.
    pub tail: Tail,
    /// The node stops.
    pub stop: CancellationToken,
    /// Whether whoever reads still may.
    pub may: Box<dyn Fn() -> bool + Send + Sync>,
    /// One of the streams that may be open at once.
    pub _permit: OwnedSemaphorePermit,
}

/// The body of an answer.
pub(crate) fn body(source: Source, wanted: Wanted) -> Body {
    let (sender, receiver) = mpsc::channel(BATCHES_WAITING);
    tokio::spawn(send(source, wanted, sender));
    Body::from_stream(ReceiverStream::new(receiver))
}

async fn send(mut source: Source, wanted: Wanted, sender: mpsc::Sender<Result<Bytes, ReadError>>) {
    let mut from = wanted.from.max(Position(1));
    loop {
        // Taken before reading: what comes while it is read is behind this.
        let known = source.log.usage().last;
        let (lines, next) = match read(&source.log, &wanted, from).await {
            Ok(batch) => batch,
            Err(error) => {
                tracing::error!(%error, "events cannot be served");
                // A reader that left needs no error.
                drop(sender.send(Err(error)).await);
                return;
            }
        };
        if !lines.is_empty() && (!(source.may)() || sender.send(Ok(lines)).await.is_err()) {
            return;
        }
        match next {
            Some(next) => from = next,
            None if !wanted.follow => return,
            None => {
                from = from.max(known.next());
                let more = tokio::select! {
                    () = source.stop.cancelled() => false,
                    () = sender.closed() => false,
                    more = source.tail.reaches(from) => more,
                };
                if !more {
                    return;
                }
            }
        }
    }
}

/// The lines of one batch, and where to go on; nowhere at the end.
async fn read(
    log: &Arc<dyn Backend>,
    wanted: &Wanted,
    from: Position,
) -> Result<(Bytes, Option<Position>), ReadError> {
    let (log, wanted) = (log.clone(), wanted.clone());
    let work = move || {
        let stored = match &wanted.session {
            Some(session) => of_session(&*log, session, from)?,
            None => log.read(from, BATCH)?,
        };
        let Some(last) = stored.last().map(|stored| stored.position) else {
            return Ok((Bytes::new(), None));
        };
        let mut lines = BytesMut::new();
        for stored in stored {
            let beyond = !wanted.follow && stored.position > wanted.until;
            let position = stored.position.0;
            let damaged = |what| ReadError::Damaged { position, what };
            if !beyond && wanted.takes(&stored.bytes).map_err(damaged)? {
                lines.put_slice(&stored.bytes);
                lines.put_u8(b'\n');
            }
        }
        let ended = !wanted.follow && last >= wanted.until;
        Ok((lines.freeze(), (!ended).then(|| last.next())))
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(read) => read,
        Err(error) => Err(ReadError::Failed(error.to_string())),
    }
}

/// Records of a session: runs of neighbours are read at once.
fn of_session(
    log: &dyn Backend,
    session: &SessionId,
    from: Position,
) -> Result<Vec<Stored>, ReadError> {
    let positions = log.positions_of(session, from, BATCH)?;
    let mut stored = Vec::with_capacity(positions.len());
    let neighbours = |one: &Position, other: &Position| one.next() == *other;
    for run in positions.chunk_by(neighbours) {
        if let Some(first) = run.first() {
            stored.extend(log.read(*first, run.len())?);
        }
    }
    Ok(stored)
}
