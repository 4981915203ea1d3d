//! Makes a connection: TCP, TLS, and the first words.

use std::io;
use std::sync::Arc;

use proto::peer::raft::Member;
use proto::peer::{Hello, Lane, Message, Welcome};
use proto::refusal::{Code, Told};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::error::CallError;
use crate::caller::Caller;
use crate::local::Local;
use crate::tls::{PROTOCOL, client_config, no_host, refusal_in};
use crate::wire::{Frame, WireError};

/// A connection that was welcomed.
pub(super) struct Dialled {
    pub server: Caller,
    pub stream: TlsStream<TcpStream>,
}

/// Connects to a member, for one lane. The caller sets the deadline for all of it.
pub(super) async fn dial(
    local: &Arc<Local>,
    to: &Member,
    lane: Lane,
) -> Result<Dialled, CallError> {
    let address = &to.address;
    let unreachable = |error: io::Error| {
        CallError::Unreachable(format!("node {} cannot be reached at {address}: {error}", to.node))
    };
    let tcp = TcpStream::connect(address).await.map_err(unreachable)?;
    tcp.set_nodelay(true).map_err(unreachable)?;
    let config = client_config(local, to).map_err(io::Error::other).map_err(unreachable)?;
    let connector = TlsConnector::from(Arc::new(config));
    let failed = |error: io::Error| failed_handshake(&to.node.to_string(), address, &error);
    let mut stream = connector.connect(no_host(), tcp).await.map_err(failed)?;
    let (_, tls) = stream.get_ref();
    if tls.alpn_protocol() != Some(PROTOCOL) {
        let text = "the other end did not say which protocol it speaks";
        return Err(Told::new(Code::VersionMismatch, text).into());
    }
    let shown = tls.peer_certificates().and_then(<[_]>::first);
    let shown = shown.ok_or_else(|| Told::plain(Code::PeerUntrusted))?;
    let server = Caller::judge(local, shown)?;
    greet(local, lane, &mut stream).await.map_err(|error| match error {
        Greeting::Refused(told) => CallError::Refused(told),
        // What the server thinks of our certificate comes behind our own end of the handshake.
        Greeting::Wire(error) => lost(&to.node.to_string(), address, &error),
    })?;
    Ok(Dialled { server, stream })
}

enum Greeting {
    Refused(Told),
    Wire(WireError),
}

impl<E: Into<WireError>> From<E> for Greeting {
    fn from(error: E) -> Self {
        Self::Wire(error.into())
    }
}

async fn greet(
    local: &Local,
    lane: Lane,
    stream: &mut TlsStream<TcpStream>,
) -> Result<(), Greeting> {
    let (name, program) = (local.name(), local.program());
    let hello = Hello {
        cluster: name.cluster.to_string(),
        node: name.node.to_string(),
        raft_id: name.raft_id,
        lane,
        versions: program.versions.clone(),
        program: program.version.clone(),
    };
    Frame::new(0, &Message::Hello(hello))?.write(stream).await?;
    let header = Frame::read_header(stream).await?;
    match Frame::read_body(stream, header).await?.message()? {
        Message::Welcome(welcome) => fit(local, &welcome).map_err(Greeting::Refused),
        Message::Refused(refusal) => Err(Greeting::Refused(refusal.into())),
        other => {
            let text = format!("{} is no answer to Hello", other.name());
            Err(Greeting::Refused(Told::new(Code::BadRequest, text)))
        }
    }
}

/// The server has said the same by its welcome; this end does not depend on it.
fn fit(local: &Local, welcome: &Welcome) -> Result<(), Told> {
    if local.program().versions.common(&welcome.versions).is_some() {
        return Ok(());
    }
    let theirs = &welcome.versions;
    let text = format!(
        "the node runs {} (cluster versions {} to {}), which this one does not understand",
        welcome.program.escape_debug(),
        theirs.oldest,
        theirs.newest
    );
    Err(Told::new(Code::VersionMismatch, text))
}

/// What is said of a handshake that failed.
pub(crate) fn failed_handshake(node: &str, address: &str, error: &io::Error) -> CallError {
    refusal_in(error).map_or_else(
        || CallError::Unreachable(format!("node {node} at {address} speaks no TLS: {error}")),
        CallError::Refused,
    )
}

/// What is said of a connection that ended before its first answer.
pub(crate) fn lost(node: &str, address: &str, error: &WireError) -> CallError {
    let told = match error {
        WireError::Broken(error) => refusal_in(error),
        other => other.told(),
    };
    let broken =
        || CallError::Unreachable(format!("node {node} at {address} did not answer: {error}"));
    told.map_or_else(broken, CallError::Refused)
}
