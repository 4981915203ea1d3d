//! The calls of one member on one connection: read one after the other, served side by side,
//! within the member's budget. What is over it stays unread, and the member waits.

use std::sync::Arc;
use std::time::Duration;

use proto::peer::{Empty, Header, Message};
use proto::refusal::{Code, Told};
use tokio::io::{AsyncRead, ReadHalf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::Server;
use super::greet::{Member, linger};
use super::registry::Budget;
use super::streams::Streams;
use super::writer::{self, Said};
use crate::caller::Caller;
use crate::certificate::CertificateRequest;
use crate::limits::deadline_of;
use crate::wire::{Frame, WireError};

/// Kinds below this are signals; those from [`ANSWERS`] on are only ever sent by servers.
const CALLS: u8 = 16;
const ANSWERS: u8 = 128;

const JOIN: u8 = 32;

/// One connection of a member.
pub(super) struct Connection {
    pub server: Arc<Server>,
    pub caller: Caller,
    pub budget: Arc<Budget>,
    pub queue: mpsc::Sender<Said>,
    pub closing: CancellationToken,
    pub streams: Streams,
}

/// What a call holds of its member's budget while it is under way.
struct UnderWay {
    _bytes: OwnedSemaphorePermit,
    _call: OwnedSemaphorePermit,
}

/// Why a connection ends.
enum Ending {
    /// With a word.
    Told(Told),
    /// Without: the other end is gone, or was replaced by a newer connection of its own.
    Silent(String),
}

impl From<WireError> for Ending {
    fn from(error: WireError) -> Self {
        error.told().map_or_else(|| Self::Silent(error.to_string()), Self::Told)
    }
}

impl From<Told> for Ending {
    fn from(told: Told) -> Self {
        Self::Told(told)
    }
}

/// Serves a member until its connection ends.
pub(super) async fn serve(server: &Arc<Server>, member: Member) {
    let Member { caller, hello, stream } = member;
    let closing = CancellationToken::new();
    let budget = server.registry.enter(caller.name().raft_id, hello.lane, closing.clone());
    let (reader, sink) = tokio::io::split(stream);
    let (queue, queued) = mpsc::channel(server.limits.queue);
    let writing = writer::write(sink, queued, server.limits.write, closing.clone());
    let writing = server.tasks.spawn(writing);
    let peer = caller.name().node.clone();
    let program = hello.program.escape_debug();
    tracing::debug!(%peer, lane = ?hello.lane, %program, "a peer is connected");
    let streams = Streams::default();
    let server = server.clone();
    let connection = Arc::new(Connection { server, caller, budget, queue, closing, streams });
    let (reader, ending) = attend(&connection, reader).await;
    match ending {
        Ending::Told(told) => {
            tracing::info!(%peer, %told, "a connection of a peer is closed");
            say_farewell(&connection, reader, told, writing).await;
        }
        Ending::Silent(why) => tracing::debug!(%peer, why, "a connection of a peer ended"),
    }
    connection.closing.cancel();
}

/// The last words, within the time of one frame.
async fn say_farewell(
    connection: &Connection,
    mut reader: ReadHalf<TlsStream<TcpStream>>,
    told: Told,
    writing: tokio::task::JoinHandle<()>,
) {
    let farewell = async {
        let said = connection.queue.send(Said::Farewell(told)).await;
        if said.is_ok() && writing.await.is_ok() {
            linger(&mut reader).await;
        }
    };
    if tokio::time::timeout(connection.server.limits.write, farewell).await.is_err() {
        tracing::debug!("a peer did not hear why its connection is closed");
    }
}

/// Reads and serves until something ends the connection.
async fn attend<R: AsyncRead + Unpin>(connection: &Arc<Connection>, mut reader: R) -> (R, Ending) {
    let server = &connection.server;
    // What is being read is dropped when one of the others comes first: the connection ends then.
    let ending = tokio::select! {
        ending = read(connection, &mut reader) => ending,
        told = judged_away(connection) => Ending::Told(told),
        () = connection.closing.cancelled() => Ending::Silent("it was replaced".to_owned()),
        () = server.stop.cancelled() => Ending::Told(Told::plain(Code::Draining)),
    };
    (reader, ending)
}

/// Judges the member again whenever something may have changed; returns when it is none any more.
async fn judged_away(connection: &Connection) -> Told {
    let local = &connection.server.local;
    let mut changes = local.watching();
    loop {
        if let Err(told) = connection.caller.judge_again(local) {
            return told;
        }
        changes.next().await;
    }
}

async fn read(connection: &Arc<Connection>, reader: &mut (impl AsyncRead + Unpin)) -> Ending {
    loop {
        if let Err(ending) = read_one(connection, reader).await {
            return ending;
        }
    }
}

async fn read_one(
    connection: &Arc<Connection>,
    reader: &mut (impl AsyncRead + Unpin),
) -> Result<(), Ending> {
    let limits = &connection.server.limits;
    let header = within(limits.idle, Frame::read_header(reader)).await?;
    if header.kind >= ANSWERS || header.kind == JOIN {
        return Err(Told::new(Code::BadRequest, "not something that a member asks").into());
    }
    if header.length > limits.call_bytes {
        return Err(Told::new(Code::BadRequest, "more bytes than all calls may have").into());
    }
    // Before anything is allocated for it: the member's other calls may hold all there is.
    let bytes = permits(&connection.budget.bytes, header.length).await?;
    let frame = within(limits.body, Frame::read_body(reader, header)).await?;
    connection.caller.judge_quickly(&connection.server.local)?;
    let message = frame.message().map_err(WireError::from)?;
    if header.kind < CALLS {
        return signal(connection, header, message).await;
    }
    if let Message::Watch(watch) = message {
        return connection.watch(header.call, watch).await.map_err(Ending::from);
    }
    let call = permits(&connection.budget.calls, 1).await?;
    let held = UnderWay { _bytes: bytes, _call: call };
    let task = call_of(connection.clone(), header, message, held);
    connection.server.tasks.spawn(task);
    Ok(())
}

async fn within<T>(
    limit: Duration,
    reading: impl Future<Output = Result<T, WireError>>,
) -> Result<T, Ending> {
    match tokio::time::timeout(limit, reading).await {
        Ok(read) => Ok(read?),
        Err(_) => Err(Ending::Silent("it was silent for too long".to_owned())),
    }
}

async fn permits(
    of: &Arc<tokio::sync::Semaphore>,
    many: usize,
) -> Result<OwnedSemaphorePermit, Ending> {
    let many = u32::try_from(many).unwrap_or(u32::MAX);
    let acquired = of.clone().acquire_many_owned(many).await;
    acquired.map_err(|_| Ending::Silent("the server is closing".to_owned()))
}

async fn signal(
    connection: &Arc<Connection>,
    header: Header,
    message: Message,
) -> Result<(), Ending> {
    match message {
        Message::Ping(_) => connection.say(header.call, &Message::Pong(Empty {})).await,
        Message::More(more) => connection.streams.more(header.call, more.items)?,
        Message::Stop(_) => connection.streams.stop(header.call),
        _ => return Err(Told::new(Code::BadRequest, "a signal out of place").into()),
    }
    Ok(())
}

/// One call, to its end: what was begun is finished, also when the member has gone meanwhile.
async fn call_of(connection: Arc<Connection>, header: Header, message: Message, held: UnderWay) {
    let name = message.name();
    metrics::counter!("sallyport_peer_calls_total", "kind" => name).increment(1);
    let deadline = deadline_of(header.kind).min(connection.server.limits.longest_call);
    let served = tokio::time::timeout(deadline, connection.serve(message)).await;
    let answer = match served {
        Ok(Ok(answer)) => answer,
        Ok(Err(told)) => Message::Refused(told.into()),
        Err(_) => {
            let text = format!("{name} was not done in time; whether it will be is not known");
            Message::Refused(Told::new(Code::OutcomeUnknown, text).into())
        }
    };
    connection.say(header.call, &answer).await;
    drop(held);
}

impl Connection {
    async fn serve(&self, message: Message) -> Result<Message, Told> {
        let (handler, caller) = (&self.server.handler, self.caller.clone());
        Ok(match message {
            Message::RosterAsk(_) => Message::Roster(handler.roster()),
            Message::Renew(renew) => {
                let request = self.own_request(&renew.request)?;
                Message::Renewed(handler.renew(caller, request).await?)
            }
            Message::SessionsAsk(ask) => Message::SessionRows(handler.sessions(caller, ask).await?),
            Message::Kill(kill) => Message::Killed(handler.kill(caller, kill).await?),
            Message::Cancel(cancel) => {
                handler.cancel(caller, cancel).await?;
                Message::Cancelled(Empty {})
            }
            other => {
                let request = other.into_asked(caller.name().raft_id);
                let bad =
                    |error: proto::peer::NotRaft| Told::new(Code::BadRequest, error.to_string());
                Message::telling(handler.raft(request.map_err(bad)?).await)
            }
        })
    }

    /// A member is certified again for the key that it is known by, and for no other.
    fn own_request(&self, der: &[u8]) -> Result<CertificateRequest, Told> {
        let bad = |error: String| Told::new(Code::BadRequest, error);
        let request = CertificateRequest::from_der(der).map_err(|error| bad(error.to_string()))?;
        if request.digest() == self.caller.key() {
            return Ok(request);
        }
        Err(bad("the request is for another key than the one that the node joined with".to_owned()))
    }

    /// Says something; waits while the queue is full. Nobody hears it when the connection is over.
    pub(super) async fn say(&self, call: u64, message: &Message) {
        let frame = Frame::new(call, message).or_else(|error| {
            tracing::error!(%error, "an answer to a peer cannot be sent");
            let told = Told::new(Code::Internal, error.to_string());
            Frame::new(call, &Message::Refused(told.into()))
        });
        let Ok(frame) = frame else { return };
        tokio::select! {
            () = self.closing.cancelled() => {}
            said = self.queue.send(Said::Frame(frame)) => {
                if said.is_err() {
                    tracing::trace!("an answer came after the connection was over");
                }
            }
        }
    }
}
