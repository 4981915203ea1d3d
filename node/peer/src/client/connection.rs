//! One connection that is up: calls go out as they come and are answered in any order.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use proto::peer::{Empty, Message};
use proto::refusal::Told;
use tokio::io::{AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::MissedTickBehavior;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use super::dial::Dialled;
use super::error::CallError;
use crate::caller::Caller;
use crate::limits::Limits;
use crate::local::Local;
use crate::wire::{Frame, WireError};

type Reader = ReadHalf<TlsStream<TcpStream>>;
type Writer = WriteHalf<TlsStream<TcpStream>>;

/// A connection to a member.
pub(super) struct Connection {
    queue: mpsc::Sender<Frame>,
    waiting: Mutex<Waiting>,
    next: AtomicU64,
    calls: Arc<Semaphore>,
    closing: CancellationToken,
}

/// Who waits for what, or why nobody does any more.
enum Waiting {
    Up(HashMap<u64, Waiter>),
    Over(CallError),
}

/// Who waits for what comes back.
pub(super) enum Waiter {
    /// One answer.
    Answer(oneshot::Sender<Result<Message, CallError>>),
    /// Items of a stream. There is always room: the other end sends no more than it was told.
    Items(mpsc::Sender<Result<Vec<u8>, CallError>>),
}

impl Connection {
    /// Begins to use a connection.
    pub(super) fn start(
        local: Arc<Local>,
        dialled: Dialled,
        limits: &Limits,
        closing: CancellationToken,
    ) -> Arc<Self> {
        let Dialled { server, stream } = dialled;
        let (reader, writer) = tokio::io::split(stream);
        let (queue, queued) = mpsc::channel(limits.queue);
        let connection = Arc::new(Self {
            queue,
            waiting: Mutex::new(Waiting::Up(HashMap::new())),
            next: AtomicU64::new(1),
            calls: Arc::new(Semaphore::new(limits.calls)),
            closing: closing.clone(),
        });
        tokio::spawn(write(writer, queued, limits.clone(), closing));
        tokio::spawn(attend(connection.clone(), reader, local, server, limits.clone()));
        connection
    }

    /// Whether calls can be made on it.
    pub(super) fn is_up(&self) -> bool {
        !self.closing.is_cancelled() && matches!(*self.waiting.lock(), Waiting::Up(_))
    }

    /// Calls, and waits for the answer. The caller sets the deadline.
    pub(super) async fn call(&self, message: &Message) -> Result<Message, CallError> {
        let broken = |_| CallError::Lost("the connection is over".to_owned());
        let _one = self.calls.acquire().await.map_err(broken)?;
        let (tell, told) = oneshot::channel();
        let listening = self.send(message, Waiter::Answer(tell)).await?;
        let answer = told.await.map_err(|_| CallError::Lost("nobody listens any more".to_owned()));
        drop(listening);
        answer?
    }

    /// Sends a call, and lets somebody wait for what comes back.
    pub(super) async fn send(
        &self,
        message: &Message,
        waiter: Waiter,
    ) -> Result<Listening<'_>, CallError> {
        let call = self.next.fetch_add(1, Ordering::Relaxed);
        let bad = |error: proto::peer::BadBody| {
            CallError::Refused(Told::new(proto::refusal::Code::BadRequest, error.to_string()))
        };
        let frame = Frame::new(call, message).map_err(bad)?;
        match &mut *self.waiting.lock() {
            Waiting::Up(waiting) => waiting.insert(call, waiter),
            Waiting::Over(why) => return Err(unsent(why)),
        };
        let listening = Listening { connection: self, call };
        if self.queue.send(frame).await.is_err() {
            return Err(self.why_unsent());
        }
        Ok(listening)
    }

    /// Says something about a stream; nobody hears it when the connection is over.
    pub(super) fn say(&self, call: u64, message: &Message) {
        if let Ok(frame) = Frame::new(call, message)
            && self.queue.try_send(frame).is_err()
        {
            // A stream that cannot say that it has room, or has ended, is stuck: so is the rest.
            self.end(CallError::Lost("its queue is full".to_owned()));
        }
    }

    /// Listens no more to a call.
    pub(super) fn forget(&self, call: u64) -> bool {
        match &mut *self.waiting.lock() {
            Waiting::Up(waiting) => waiting.remove(&call).is_some(),
            Waiting::Over(_) => false,
        }
    }

    /// Why nothing can be sent any more.
    fn why_unsent(&self) -> CallError {
        match &*self.waiting.lock() {
            Waiting::Over(why) => unsent(why),
            Waiting::Up(_) => CallError::Unreachable("it cannot be written to".to_owned()),
        }
    }

    /// Ends the connection. Whoever waits is told that what became of their call is not known,
    /// whatever ended it.
    pub(super) fn end(&self, why: CallError) {
        let mut waiting = self.waiting.lock();
        if let Waiting::Up(waiters) = &mut *waiting {
            let waiters = std::mem::take(waiters);
            *waiting = Waiting::Over(why.clone());
            drop(waiting);
            for waiter in waiters.into_values() {
                waiter.lose(&why);
            }
        }
        self.closing.cancel();
    }

    fn heard(&self, frame: &Frame) -> Result<(), CallError> {
        let wrong = |error: WireError| {
            error.told().map_or_else(|| CallError::Lost(error.to_string()), CallError::Refused)
        };
        let message = frame.message().map_err(|error| wrong(error.into()))?;
        match (frame.call, message) {
            (_, Message::Pong(_)) => {}
            (0, Message::Refused(refusal)) => return Err(CallError::Refused(refusal.into())),
            (call, Message::Item(item)) => return self.item(call, item.bytes),
            (call, answer) => {
                let waiter = match &mut *self.waiting.lock() {
                    Waiting::Up(waiting) => waiting.remove(&call),
                    Waiting::Over(_) => None,
                };
                // Nobody waits any more for an answer that came too late.
                if let Some(waiter) = waiter {
                    waiter.tell(match answer {
                        Message::Refused(refusal) => Err(CallError::Refused(refusal.into())),
                        answer => Ok(answer),
                    });
                }
            }
        }
        Ok(())
    }

    fn item(&self, call: u64, bytes: Vec<u8>) -> Result<(), CallError> {
        let Waiting::Up(waiting) = &*self.waiting.lock() else { return Ok(()) };
        match waiting.get(&call) {
            Some(Waiter::Items(items)) => match items.try_send(Ok(bytes)) {
                Err(mpsc::error::TrySendError::Full(_)) => {
                    Err(CallError::Lost("it sent more items than there was room for".to_owned()))
                }
                // A watcher that has just gone says so itself.
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

/// Why a call was not sent on a connection that is over: it had no effect.
fn unsent(why: &CallError) -> CallError {
    match why {
        CallError::Refused(told) => CallError::Refused(told.clone()),
        other => CallError::Unreachable(other.to_string()),
    }
}

impl Waiter {
    /// The connection is over.
    fn lose(self, why: &CallError) {
        let lost = match (&self, why) {
            // Watching has no effect that could be unknown.
            (Self::Items(_), _) | (_, CallError::Lost(_)) => why.clone(),
            (Self::Answer(_), other) => CallError::Lost(other.to_string()),
        };
        self.tell(Err(lost));
    }

    fn tell(self, answer: Result<Message, CallError>) {
        match self {
            Self::Answer(tell) => {
                if tell.send(answer).is_err() {
                    tracing::trace!("an answer came when nobody waited for it any more");
                }
            }
            Self::Items(items) => {
                let end = match answer {
                    Ok(Message::End(end)) => match end.refusal {
                        Some(refusal) => CallError::Refused(refusal.into()),
                        // Dropping the sender is the good end.
                        None => return,
                    },
                    Ok(other) => CallError::Lost(format!("{} ends no stream", other.name())),
                    Err(error) => error,
                };
                // The room for the end is kept back beside that for the items.
                if items.try_send(Err(end)).is_err() {
                    tracing::trace!("a stream ended when nobody watched it any more");
                }
            }
        }
    }
}

/// Somebody listens to a call; when they go, its number is forgotten.
pub(super) struct Listening<'a> {
    connection: &'a Connection,
    call: u64,
}

impl Listening<'_> {
    /// Goes on listening without being dropped with the call; [`Connection::forget`] ends it.
    pub(super) fn keep(self) -> u64 {
        let call = self.call;
        std::mem::forget(self);
        call
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.connection.forget(self.call);
    }
}

/// Reads until the connection is over.
async fn attend(
    connection: Arc<Connection>,
    mut reader: Reader,
    local: Arc<Local>,
    server: Caller,
    limits: Limits,
) {
    let why = tokio::select! {
        why = read(&connection, &mut reader, &limits) => why,
        told = judged_away(&local, &server) => CallError::Refused(told),
        () = connection.closing.cancelled() => CallError::Lost("it was closed".to_owned()),
    };
    tracing::debug!(peer = %server.name().node, %why, "a connection to a peer is over");
    connection.end(why);
}

async fn read(connection: &Connection, reader: &mut Reader, limits: &Limits) -> CallError {
    loop {
        let reading = async {
            let header = Frame::read_header(reader).await?;
            Frame::read_body(reader, header).await
        };
        let heard = match tokio::time::timeout(limits.silence, reading).await {
            Ok(Ok(frame)) => connection.heard(&frame),
            Ok(Err(error)) => {
                let told = error.told();
                Err(told.map_or_else(|| CallError::Lost(error.to_string()), CallError::Refused))
            }
            Err(_) => Err(CallError::Lost("the other end is silent".to_owned())),
        };
        if let Err(why) = heard {
            return why;
        }
    }
}

/// Returns when the one who was connected to is no member any more.
async fn judged_away(local: &Local, server: &Caller) -> Told {
    let mut changes = local.watching();
    loop {
        if let Err(told) = server.judge_again(local) {
            return told;
        }
        changes.next().await;
    }
}

/// Writes what is queued, and says that this end is there.
async fn write(
    mut writer: Writer,
    mut queue: mpsc::Receiver<Frame>,
    limits: Limits,
    closing: CancellationToken,
) {
    let mut pings = tokio::time::interval(limits.ping);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let frame = tokio::select! {
            () = closing.cancelled() => break,
            frame = queue.recv() => frame,
            _ = pings.tick() => Frame::new(0, &Message::Ping(Empty {})).ok(),
        };
        let Some(frame) = frame else { break };
        let written = tokio::select! {
            () = closing.cancelled() => break,
            written = tokio::time::timeout(limits.write, frame.write(&mut writer)) => written,
        };
        if !matches!(written, Ok(Ok(()))) {
            break;
        }
    }
    closing.cancel();
    // Best effort: the other end notices a connection that is gone by itself.
    if let Ok(Err(error)) = tokio::time::timeout(limits.write, writer.shutdown()).await {
        tracing::trace!(%error, "a connection was not closed in good order");
    }
}
