//! Chains as they are kept outside of their nodes: those of other nodes, also of nodes that are
//! gone, are folded into this node's own views and replayed; and what was taken away from the start
//! of this node's own record is given from there. What is not there breaks an answer off.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{BufMut as _, Bytes, BytesMut};
use node_session::ControlExt as _;
use proto::event::{Event, Kind};
use proto::ids::{Chain, Name};
use proto::refusal::{Code, Told};
use store_views::Delivered;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use crate::lines::{Source, Wanted};
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
    let chain = Chain::Node(node.clone());
    loop {
        let (reading, node) = (views.clone(), node.clone());
        let work = move || reading.reached(&node);
        let reached = blocking(work).await?;
        let batch = chains.read(&chain, reached + 1, BATCH).await?;
        if batch.is_empty() {
            return Ok(());
        }
        let folding = views.clone();
        let folded = blocking(move || folding.fold_foreign(&batch)).await?;
        if folded == 0 {
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

/// Some of a chain.
pub(crate) struct Part {
    /// The chain.
    pub chain: Chain,
    /// Its first place.
    pub from: u64,
    /// Its last place, which must be there; none for the end of what is kept.
    pub until: Option<u64>,
}

/// What was taken away from the start of this node's record, read where nothing else waits.
#[derive(Clone)]
pub(crate) struct Earlier {
    chains: Arc<dyn Chains>,
    parts: Arc<[Part]>,
    runtime: Handle,
}

impl Earlier {
    /// Parts of chains that are kept elsewhere, and what runs the reading of them.
    pub(crate) fn new(chains: Arc<dyn Chains>, parts: Vec<Part>, runtime: Handle) -> Self {
        Self { chains, parts: parts.into(), runtime }
    }

    /// Passes on every event of every part, some at a time. It waits: not for where others run.
    pub(crate) fn read<E: From<Told>>(
        &self,
        mut take: impl FnMut(Vec<Delivered>) -> Result<(), E>,
    ) -> Result<(), E> {
        for part in &*self.parts {
            let mut from = part.from;
            while part.until.is_none_or(|until| from <= until) {
                let batch = self.runtime.block_on(self.chains.read(&part.chain, from, BATCH))?;
                let mut events = Vec::with_capacity(batch.len());
                for bytes in batch {
                    let delivered = Delivered::read(&bytes)
                        .map_err(|error| Told::new(Code::RecordDamaged, error.to_string()))?;
                    events.push(delivered);
                }
                events.retain(|one| part.until.is_none_or(|until| one.event.id.seq <= until));
                let Some(last) = events.last() else { return Err(lacks(part, from).into()) };
                from = last.event.id.seq + 1;
                take(events)?;
            }
        }
        Ok(())
    }
}

fn lacks(part: &Part, from: u64) -> Told {
    Told::new(Code::StreamLacks, format!("{}/{from} is not there, and was once", part.chain))
}

/// What is given out of chains that are kept outside of their nodes.
pub(crate) struct Foreign {
    /// Where they are kept.
    pub chains: Arc<dyn Chains>,
    /// Which of them, in this order.
    pub parts: Vec<Part>,
    /// Which of their events.
    pub wanted: Wanted,
    /// Whether whoever reads still may, and one of the streams that may be open at once.
    pub source: Source,
}

/// The exact bytes of events, one a line.
pub(crate) fn body(foreign: Foreign) -> Body {
    let (sender, receiver) = mpsc::channel(BATCHES_WAITING);
    tokio::spawn(send(foreign, sender));
    Body::from_stream(ReceiverStream::new(receiver))
}

type Sender = mpsc::Sender<Result<Bytes, Told>>;

async fn send(foreign: Foreign, sender: Sender) {
    for part in &foreign.parts {
        match send_part(&foreign, part, &sender).await {
            Ok(true) => {}
            // Whoever reads left, or may not any more.
            Ok(false) => return,
            Err(told) => {
                tracing::error!(chain = %part.chain, %told, "events cannot be served");
                drop(sender.send(Err(told)).await);
                return;
            }
        }
    }
}

/// Sends one part; whether somebody still reads.
async fn send_part(foreign: &Foreign, part: &Part, sender: &Sender) -> Result<bool, Told> {
    let mut from = part.from;
    while part.until.is_none_or(|until| from <= until) {
        let batch = foreign.chains.read(&part.chain, from, BATCH).await?;
        let Taken { lines, last, over } = taken(&batch, &foreign.wanted, part.until)?;
        if !lines.is_empty() && (!(foreign.source.may)() || sender.send(Ok(lines)).await.is_err()) {
            return Ok(false);
        }
        match (last, part.until) {
            _ if over => return Ok(true),
            (Some(last), _) => from = last + 1,
            (None, None) => return Ok(true),
            (None, Some(_)) => return Err(lacks(part, from)),
        }
    }
    Ok(true)
}

/// What was taken of a batch.
struct Taken {
    lines: Bytes,
    /// The last place of the batch.
    last: Option<u64>,
    /// The session that is asked for is over.
    over: bool,
}

fn taken(batch: &[Bytes], wanted: &Wanted, until: Option<u64>) -> Result<Taken, Told> {
    let damaged = |error: &dyn std::fmt::Display| Told::new(Code::RecordDamaged, error.to_string());
    let mut lines = BytesMut::new();
    let (mut last, mut over) = (None, false);
    for bytes in batch {
        let event = Event::read(bytes).map_err(|error| damaged(&error))?;
        if until.is_some_and(|until| event.id.seq > until) {
            break;
        }
        last = Some(event.id.seq);
        let of_session = wanted.session.is_some() && event.about.session == wanted.session;
        let takes = wanted.takes(bytes).map_err(|what| damaged(&what))?;
        if takes && (of_session || wanted.session.is_none()) {
            lines.put_slice(bytes);
            lines.put_u8(b'\n');
        }
        over |= of_session && matches!(event.kind, Some(Kind::SessionClosed(_)));
    }
    Ok(Taken { lines: lines.freeze(), last, over })
}
