//! The first words on a connection. Whoever shows a certificate of the cluster is judged, whoever
//! shows none may ask to join and nothing else. A refusal is said in words where TLS got far
//! enough.

use std::fmt;

use proto::peer::{Hello, Join, Message, Welcome};
use proto::refusal::{Code, Told};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::Server;
use crate::caller::Caller;
use crate::tls::{PROTOCOL, refusal_in};
use crate::wire::{Frame, WireError};

/// What is read and thrown away behind a refusal, in bytes: closing with bytes unread would reset
/// the connection, and the other end would lose the refusal.
const LINGER_LIMIT: u64 = 64 * 1024;

/// Kinds that a connection may begin with.
const HELLO: u8 = 1;
const JOIN: u8 = 32;

/// Somebody who may go on.
pub(super) enum Greeted {
    /// A member.
    Member(Member),
    /// A stranger who wants to join.
    Joiner(Stranger),
}

/// A member and its connection.
pub(super) struct Member {
    pub caller: Caller,
    pub hello: Hello,
    pub stream: TlsStream<TcpStream>,
}

/// A stranger, what it asked, and its connection.
pub(super) struct Stranger {
    pub call: u64,
    pub join: Join,
    pub stream: TlsStream<TcpStream>,
}

/// Somebody who may not.
#[derive(Debug)]
pub(super) enum Refused {
    /// They were told why.
    Told(Told),
    /// Nobody is there any more, or nothing can be said to them.
    Silent(String),
}

impl Refused {
    pub(super) fn code(&self) -> Option<Code> {
        match self {
            Self::Told(told) => Some(told.code),
            Self::Silent(_) => None,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told(told) => told.fmt(f),
            Self::Silent(why) => why.fmt(f),
        }
    }
}

impl From<Told> for Refused {
    fn from(told: Told) -> Self {
        Self::Told(told)
    }
}

impl From<WireError> for Refused {
    fn from(error: WireError) -> Self {
        error.told().map_or_else(|| Self::Silent(error.to_string()), Self::Told)
    }
}

/// Greets a connection. The caller sets the deadline for all of it.
pub(super) async fn greet(server: &Server, stream: TcpStream) -> Result<Greeted, Refused> {
    stream.set_nodelay(true).map_err(|error| Refused::Silent(error.to_string()))?;
    let mut stream = match server.acceptor.accept(stream).into_fallible().await {
        Ok(stream) => stream,
        Err((error, mut stream)) => {
            // The alert is on its way; there are no words for what is no TLS.
            linger(&mut stream).await;
            let refused = refusal_in(&error).map(Refused::Told);
            return Err(refused.unwrap_or_else(|| Refused::Silent(error.to_string())));
        }
    };
    match hear(server, &mut stream).await {
        Ok(First::Hello(caller, hello)) => {
            Ok(Greeted::Member(Member { caller: *caller, hello, stream }))
        }
        Ok(First::Join(call, join)) => Ok(Greeted::Joiner(Stranger { call, join, stream })),
        Err(refused) => {
            if let Refused::Told(told) = &refused {
                farewell(&mut stream, told).await;
            }
            Err(refused)
        }
    }
}

enum First {
    Hello(Box<Caller>, Hello),
    Join(u64, Join),
}

async fn hear(server: &Server, stream: &mut TlsStream<TcpStream>) -> Result<First, Refused> {
    let (_, tls) = stream.get_ref();
    if tls.alpn_protocol() != Some(PROTOCOL) {
        let text = "the other end did not say which protocol it speaks";
        return Err(Told::new(Code::VersionMismatch, text).into());
    }
    let shown = tls.peer_certificates().and_then(<[_]>::first).cloned();
    let Some(certificate) = shown else {
        let header = Frame::read_header(stream).await?;
        if header.kind != JOIN {
            let text = "only joining a cluster is possible without a certificate of it";
            return Err(Told::new(Code::NotAMember, text).into());
        }
        let frame = Frame::read_body(stream, header).await?;
        return match frame.message().map_err(WireError::from)? {
            Message::Join(join) => Ok(First::Join(header.call, join)),
            other => Err(unexpected(&other).into()),
        };
    };
    let caller = Caller::judge(&server.local, &certificate)?;
    let header = Frame::read_header(stream).await?;
    if header.kind != HELLO {
        return Err(Told::new(Code::BadRequest, "a member begins with Hello").into());
    }
    let frame = Frame::read_body(stream, header).await?;
    let hello = match frame.message().map_err(WireError::from)? {
        Message::Hello(hello) => hello,
        other => return Err(unexpected(&other).into()),
    };
    agree(server, &caller, &hello)?;
    let program = server.local.program();
    let welcome = Welcome { versions: program.versions.clone(), program: program.version.clone() };
    let frame = Frame::new(0, &Message::Welcome(welcome)).map_err(WireError::from)?;
    frame.write(stream).await.map_err(WireError::from)?;
    Ok(First::Hello(Box::new(caller), hello))
}

fn unexpected(message: &Message) -> Told {
    Told::new(Code::BadRequest, format!("{} is not what was expected", message.name()))
}

/// Whether what a member says of itself is what its certificate says, and fits to this program.
fn agree(server: &Server, caller: &Caller, hello: &Hello) -> Result<(), Told> {
    let ours = &server.local.name().cluster;
    let Hello { cluster, node, raft_id, versions, program, .. } = hello;
    if cluster != ours.as_str() {
        let text = format!("the node means another cluster than {ours}");
        return Err(Told::new(Code::WrongCluster, text));
    }
    if node != caller.name().node.as_str() || *raft_id != caller.name().raft_id {
        let text = format!("the node's certificate is for {}", caller.name());
        return Err(Told::new(Code::PeerUntrusted, text));
    }
    fit(server, versions, program)
}

/// Whether two programs understand each other.
pub(super) fn fit(
    server: &Server,
    theirs: &proto::peer::Versions,
    program: &str,
) -> Result<(), Told> {
    let own = server.local.program();
    if own.versions.common(theirs).is_some() {
        return Ok(());
    }
    let text = format!(
        "the node runs {} (cluster versions {} to {}), this one {} ({} to {})",
        program.escape_debug(),
        theirs.oldest,
        theirs.newest,
        own.version,
        own.versions.oldest,
        own.versions.newest
    );
    Err(Told::new(Code::VersionMismatch, text))
}

/// Says why a connection ends, and ends it so that it is heard.
pub(super) async fn farewell(stream: &mut TlsStream<TcpStream>, told: &Told) {
    let Ok(frame) = Frame::new(0, &Message::Refused(told.clone().into())) else { return };
    if frame.write(stream).await.is_ok() && stream.shutdown().await.is_ok() {
        linger(stream).await;
    }
}

/// Reads until the other end has closed, so that what was written last is not lost.
pub(super) async fn linger(stream: &mut (impl AsyncRead + Unpin)) {
    let mut rest = stream.take(LINGER_LIMIT);
    if let Err(error) = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await {
        tracing::trace!(%error, "a refused connection broke");
    }
}
