//! Streams of one connection. The one who listens says how many items it has room for, and no more
//! are pulled from their source: a slow watcher holds nobody else up.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::StreamExt as _;
use parking_lot::Mutex;
use proto::peer::{End, Item, Message, STREAM_WINDOW, Watch};
use proto::refusal::{Code, Told};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::calls::Connection;
use super::handler::Items;

/// The streams that are open, by the number of their call.
#[derive(Default)]
pub(super) struct Streams(Mutex<HashMap<u64, Listener>>);

#[derive(Clone)]
struct Listener {
    /// Items that there is room for.
    room: Arc<Semaphore>,
    /// It listens no more.
    stop: CancellationToken,
}

impl Streams {
    fn open(&self, call: u64) -> Result<Listener, Told> {
        let listener =
            Listener { room: Arc::new(Semaphore::new(window())), stop: CancellationToken::new() };
        let mut open = self.0.lock();
        if open.contains_key(&call) {
            return Err(Told::new(Code::BadRequest, "a call's number was used twice"));
        }
        open.insert(call, listener.clone());
        Ok(listener)
    }

    fn close(&self, call: u64) {
        self.0.lock().remove(&call);
    }

    /// There is room for more. A stream that is over is no mistake: its end was on its way.
    pub(super) fn more(&self, call: u64, items: u32) -> Result<(), Told> {
        let open = self.0.lock();
        let Some(listener) = open.get(&call) else { return Ok(()) };
        let items = usize::try_from(items).unwrap_or(usize::MAX);
        let room = listener.room.available_permits().saturating_add(items);
        if room > window() {
            return Err(Told::new(Code::BadRequest, "more room than a stream may have"));
        }
        listener.room.add_permits(items);
        Ok(())
    }

    pub(super) fn stop(&self, call: u64) {
        if let Some(listener) = self.0.lock().get(&call) {
            listener.stop.cancel();
        }
    }
}

fn window() -> usize {
    usize::try_from(STREAM_WINDOW).unwrap_or(usize::MAX)
}

impl Connection {
    /// Begins a stream.
    pub(super) async fn watch(self: &Arc<Self>, call: u64, watch: Watch) -> Result<(), Told> {
        metrics::counter!("sallyport_peer_calls_total", "kind" => "Watch").increment(1);
        let Ok(one) = self.budget.streams.clone().try_acquire_owned() else {
            let told = Told::new(Code::TooManyRequests, "too many streams to one node are open");
            self.say(call, &Message::Refused(told.into())).await;
            return Ok(());
        };
        let listener = self.streams.open(call)?;
        self.server.tasks.spawn(stream(self.clone(), call, watch, listener, one));
        Ok(())
    }
}

async fn stream(
    connection: Arc<Connection>,
    call: u64,
    watch: Watch,
    listener: Listener,
    _one: OwnedSemaphorePermit,
) {
    let handler = &connection.server.handler;
    let opening = handler.watch(connection.caller.clone(), watch);
    let limit = connection.server.limits.longest_call;
    let flowing = async {
        let end = match tokio::time::timeout(limit, opening).await {
            Ok(Ok(items)) => pass_on(&connection, call, items, &listener.room).await,
            Ok(Err(told)) => Some(told),
            Err(_) => Some(Told::new(Code::OutcomeUnknown, "the stream did not begin in time")),
        };
        let end = Message::End(End { refusal: end.map(Into::into) });
        connection.say(call, &end).await;
    };
    tokio::select! {
        () = flowing => {}
        () = listener.stop.cancelled() => {}
        () = connection.closing.cancelled() => {}
    }
    connection.streams.close(call);
}

/// Passes items on as there is room for them, to the end; says why, when it is a bad one.
async fn pass_on(
    connection: &Connection,
    call: u64,
    mut items: Items,
    room: &Semaphore,
) -> Option<Told> {
    loop {
        match room.acquire().await {
            Ok(one) => one.forget(),
            Err(_) => return None,
        }
        match items.next().await? {
            Ok(bytes) => connection.say(call, &Message::Item(Item { bytes })).await,
            Err(told) => return Some(told),
        }
    }
}
