//! The client's side up to its login: TLS, startup, proof of a password or by a certificate.
//! Deadlines are the caller's.

use std::io;
use std::sync::Arc;

use node_identity::Subject;
use node_identity::issued::BEFORE_ID;
use node_identity::scram::{Beginning, Exchange, MECHANISM, MECHANISM_PLUS};
use proto::refusal::{Code, Told};
use rustls::pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::authorities::NotGood;
use super::leg::Leg;
use super::node::Node;
use super::random;
use super::stream::Stream;
use crate::certificate;
use crate::codec::read::Reader;
use crate::codec::startup::{self, BadStartup, Begin, Startup};
use crate::codec::write::{self, Severity};
use crate::config::CLIENT_MESSAGE_BYTES;

/// The newest minor version of protocol 3 that is spoken; there is no 3.1.
const NEWEST_MINOR: u32 = 2;
/// The first byte of a TLS connection: a handshake record.
const TLS_HANDSHAKE: u8 = 0x16;
/// How clients name the protocol within TLS (PostgreSQL documentation, "ALPN").
const ALPN: &[u8] = b"postgresql";
/// How often a client may ask for encryption before it begins.
const ASKED_BEFORE: usize = 3;

/// How a connection begins.
pub(super) enum Begun {
    /// Somebody wants to log in.
    Login { leg: Box<Leg>, begin: Begin, secured: Option<Secured> },
    /// Somebody wants something else to end.
    Cancel { process: u32, secret: Vec<u8> },
}

/// What is known of a connection that speaks TLS.
pub(super) struct Secured {
    /// What logins are bound to.
    binding: Vec<u8>,
    /// The client's certificate and those behind it, whose key it has; nobody has said yet that it
    /// is good.
    shown: Vec<CertificateDer<'static>>,
}

/// Why a connection ends before anybody logged in.
#[derive(Debug, thiserror::Error)]
pub(super) enum Gone {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Startup(#[from] BadStartup),
    #[error("{0}")]
    Client(&'static str),
}

/// Reads what a client says first, and speaks TLS when it asks for that.
pub(super) async fn begin(node: &Node, stream: TcpStream) -> Result<Begun, Gone> {
    let mut first = [0];
    stream.peek(&mut first).await?;
    let mut secured = None;
    let mut leg = if first[0] == TLS_HANDSHAKE {
        let (leg, with) = secure(node, Stream::Plain(stream), true).await?;
        secured = Some(with);
        leg
    } else {
        Leg::new(Stream::Plain(stream), CLIENT_MESSAGE_BYTES)
    };
    for _ in 0..ASKED_BEFORE {
        // Exactly what was announced is read: whatever comes behind it belongs to TLS, or is an
        // attempt to smuggle something in before it.
        let length = leg.exactly(4).await?;
        let length = length.first_chunk().copied().unwrap_or_default();
        let body = leg.exactly(startup::length(length)? - 4).await?;
        match startup::read(&body)? {
            Startup::Gss => {
                leg.put_slice(b"N");
                leg.flush().await?;
            }
            Startup::Tls if secured.is_some() => {
                return Err(Gone::Client("it asks for TLS within TLS"));
            }
            Startup::Tls => {
                leg.put_slice(b"S");
                leg.flush().await?;
                let stream = leg.into_stream().ok_or(Gone::Client("it sent ahead of TLS"))?;
                let (within, with) = secure(node, stream, false).await?;
                (leg, secured) = (within, Some(with));
            }
            Startup::Cancel { process, secret } => return Ok(Begun::Cancel { process, secret }),
            Startup::Begin(begin) => {
                return Ok(Begun::Login { leg: Box::new(leg), begin, secured });
            }
        }
    }
    Err(Gone::Client("it asks for encryption again and again"))
}

/// Speaks TLS from now on.
async fn secure(node: &Node, stream: Stream, is_direct: bool) -> Result<(Leg, Secured), Gone> {
    let Stream::Plain(stream) = stream else { return Err(Gone::Client("it speaks TLS already")) };
    let binding = certificate::binding(&(node.config.certificate)());
    let acceptor = TlsAcceptor::from(node.config.tls.clone());
    let stream = acceptor.accept(stream).await?;
    // Without it, what is meant for another protocol could be turned here.
    let is_named = stream.get_ref().1.alpn_protocol() == Some(ALPN);
    if is_direct && !is_named {
        return Err(Gone::Client("it speaks TLS at once without naming the protocol"));
    }
    let shown = stream.get_ref().1.peer_certificates().unwrap_or_default().to_vec();
    let leg = Leg::new(Stream::Server(Box::new(stream)), CLIENT_MESSAGE_BYTES);
    Ok((leg, Secured { binding, shown }))
}

/// Says which version is spoken, when it is not the one that was asked for. Gives it.
pub(super) fn negotiate(leg: &mut Leg, begin: &Begin, unknown: &[&str]) -> u32 {
    let minor = begin.minor.min(NEWEST_MINOR);
    if begin.minor > NEWEST_MINOR || !unknown.is_empty() {
        let mut out = Vec::new();
        write::negotiate(&mut out, minor, unknown);
        leg.put_slice(&out);
    }
    minor
}

/// Why a login failed: for the record, and for the client nothing but that it did.
pub(super) enum NotIn {
    Refused(String),
    /// Its certificate was not good: why is no secret to whoever has it.
    NotCertified {
        reason: String,
        told: &'static str,
    },
    Gone,
}

impl From<io::Error> for NotIn {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// Who a client is, by the certificate that it has shown, or by its password.
pub(super) async fn prove(
    node: &Arc<Node>,
    leg: &mut Leg,
    claimed: &str,
    secured: Option<&Secured>,
) -> Result<Subject, NotIn> {
    // What the cluster gives out is a password in any case, also to clients that have a certificate
    // for something else.
    match secured.filter(|secured| !secured.shown.is_empty() && !claimed.contains(BEFORE_ID)) {
        Some(secured) => certified(node, claimed, &secured.shown),
        None => know(node, leg, claimed, secured.map(|secured| &*secured.binding)).await,
    }
}

/// Whose certificate it is. There is no way on to a password: a certificate that is not good any
/// more is something that its owner has to hear of.
fn certified(
    node: &Node,
    claimed: &str,
    shown: &[CertificateDer<'static>],
) -> Result<Subject, NotIn> {
    let not = |reason: String, told| NotIn::NotCertified { reason, told };
    let now = node.sessions.ports().clock.now().utc;
    let authorities = node.config.authorities.as_ref();
    let checked = authorities.map_or(Err(NotGood::Unknown), |known| known.check(shown, now));
    checked.map_err(|error| not(error.to_string(), error.told()))?;
    let unread = || not(NotGood::Unfit.to_string(), NotGood::Unfit.told());
    let own = shown.first().ok_or_else(unread)?;
    let view = node.view();
    let found = certificate::listings(own, |says| view.people.by_certificate(says));
    let found = found.ok_or_else(unread)?;
    let is_claimed = |subject: &Subject| subject.person.as_str() == claimed;
    match found {
        Some(subject) if is_claimed(&subject) => Ok(subject),
        Some(subject) => {
            let reason = format!("it is a certificate of {}", subject.person);
            Err(not(reason, "The client certificate is not that of the user who is asked for."))
        }
        None => {
            let reason = "nobody lists what the certificate says".to_owned();
            Err(not(reason, "The client certificate is not that of the user who is asked for."))
        }
    }
}

/// Lets a client prove its password. Clear text is never asked for.
async fn know(
    node: &Arc<Node>,
    leg: &mut Leg,
    claimed: &str,
    certificate: Option<&[u8]>,
) -> Result<Subject, NotIn> {
    const SASL: u32 = 10;
    const CONTINUE: u32 = 11;
    const FINAL: u32 = 12;
    let mut mechanisms = Vec::new();
    if certificate.is_some() {
        write::text(&mut mechanisms, MECHANISM_PLUS.as_bytes());
    }
    write::text(&mut mechanisms, MECHANISM.as_bytes());
    mechanisms.push(0);
    say(leg, SASL, &mechanisms).await?;
    let refused = |reason: &dyn std::fmt::Display| NotIn::Refused(reason.to_string());
    let message = answer(leg).await?;
    let mut reader = Reader::new(&message);
    let mechanism = reader.text().ok_or_else(|| refused(&"it names no mechanism"))?;
    let length = reader.length().flatten().ok_or_else(|| refused(&"it says nothing"))?;
    let first = reader.take(length).unwrap_or_default();
    let nonce = random::nonce().ok_or_else(|| refused(&"the system gives no randomness"))?;
    let exchange = {
        let view = node.view();
        let beginning = Beginning {
            directory: &view.people,
            claimed,
            mechanism,
            certificate,
            nonce: &nonce,
            mock_key: &node.config.mock_key,
            issuing: &node.config.issuing,
            now: node.sessions.ports().clock.now().utc,
        };
        Exchange::begin(&beginning, first)
    };
    let (exchange, said) = exchange.map_err(|error| refused(&error))?;
    say(leg, CONTINUE, said.as_bytes()).await?;
    let last = answer(leg).await?;
    let (subject, proof) = exchange.finish(&last).map_err(|error| refused(&error))?;
    let mut out = Vec::new();
    write::authentication(&mut out, FINAL, proof.as_bytes());
    leg.put_slice(&out);
    Ok(subject)
}

async fn say(leg: &mut Leg, number: u32, rest: &[u8]) -> io::Result<()> {
    let mut out = Vec::new();
    write::authentication(&mut out, number, rest);
    leg.put_slice(&out);
    leg.flush().await
}

async fn answer(leg: &mut Leg) -> Result<bytes::Bytes, NotIn> {
    match leg.next().await? {
        (b'p', message) => Ok(message),
        (kind, _) => Err(NotIn::Refused(format!("it answers with {kind:#04x}"))),
    }
}

/// Tells a client why its connection is over.
pub(super) async fn farewell(leg: &mut Leg, told: &Told) -> io::Result<()> {
    let mut out = Vec::new();
    write::told(&mut out, Severity::Fatal, told);
    leg.put_slice(&out);
    leg.flush().await?;
    leg.shutdown().await
}

/// What a stranger is told, whatever the reason was.
pub(super) fn refusal() -> Told {
    Told::new(Code::LoginRefused, "The login was refused: name or password is not right.")
}
