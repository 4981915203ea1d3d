//! The gateway's own connection to a database: one for each client's connection. It gives nothing
//! that the database says to the client before it was masked, and sends no password in the clear.

use std::sync::Arc;

use bytes::Bytes;
use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};
use proto::refusal::{Code, Told};
use proto::target::{Database, Target, Tls};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::leg::Leg;
use super::node::Node;
use super::stream::Stream;
use crate::certificate;
use crate::codec::read::{self, Reader};
use crate::codec::write;
use crate::config::{CONNECT_DEADLINE, Certified, TARGET_MESSAGE_BYTES};

/// How many messages a database may say before it is ready.
const GREETINGS: usize = 256;

/// A connection to a database, logged in.
pub(super) struct Dialled {
    pub(super) leg: Leg,
    /// What it said of itself (`ParameterStatus`), and in notices, message by message.
    pub(super) greetings: Vec<Bytes>,
    /// What cancels its statements.
    key: Option<(u32, Bytes)>,
    address: String,
}

/// What is said to the database when the connection begins.
pub(super) struct Opening<'a> {
    pub(super) role: &'a str,
    pub(super) database: &'a str,
    pub(super) application: &'a str,
    pub(super) settings: &'a [(String, String)],
}

/// Why a database is not reached: for the client, and for the log.
struct Fault {
    code: Code,
    reason: String,
}

fn fault(code: Code, reason: impl ToString) -> Fault {
    Fault { code, reason: reason.to_string() }
}

fn lost(error: std::io::Error) -> Fault {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    // What it says of our certificate comes after the handshake.
    let code = match inner {
        Some(rustls::Error::AlertReceived(_)) => Code::TargetRefusedLogin,
        _ => Code::TargetUnreachable,
    };
    fault(code, error)
}

/// Connects and logs in.
///
/// # Errors
/// What the client is told; the precise reason is in the log.
pub(super) async fn dial(
    node: &Arc<Node>,
    target: &Target,
    opening: &Opening<'_>,
) -> Result<Dialled, Told> {
    let dialled = match timeout(CONNECT_DEADLINE, try_dial(node, target, opening)).await {
        Ok(dialled) => dialled,
        Err(late) => Err(fault(Code::TargetTimeout, late)),
    };
    dialled.map_err(|Fault { code, reason }| {
        let name = &target.name;
        tracing::warn!(target_name = %name, %code, reason, "a target is not reached");
        let text = match code {
            Code::HostKeyMismatch => {
                format!("The certificate of {name} is not one that its authority vouches for.")
            }
            Code::TargetRefusedLogin => format!("{name} refused the gateway's credential."),
            Code::TargetTimeout => format!("{name} did not answer in time."),
            Code::CredentialMissing => {
                format!("The credential for {name} cannot be found on this node.")
            }
            _ => format!("{name} cannot be reached."),
        };
        Told::new(code, text)
    })
}

async fn try_dial(
    node: &Arc<Node>,
    target: &Target,
    opening: &Opening<'_>,
) -> Result<Dialled, Fault> {
    let database =
        target.database().ok_or_else(|| fault(Code::TargetUnreachable, "it is no database"))?;
    let missing = |error| fault(Code::CredentialMissing, error);
    let password = node.config.credentials.password(target).map_err(missing)?;
    let stream = TcpStream::connect(&target.address).await.map_err(lost)?;
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(target_name = %target.name, %error, "no TCP_NODELAY");
    }
    let (mut leg, binding) = if database.tls == Tls::Disable {
        (Leg::new(Stream::Plain(stream), TARGET_MESSAGE_BYTES), None)
    } else {
        secure(node, target, database, stream).await?
    };
    begin(&mut leg, opening).await.map_err(lost)?;
    log_in(&mut leg, password.as_ref().map(|password| &***password), binding).await?;
    let (greetings, key) = greeted(&mut leg).await?;
    Ok(Dialled { leg, greetings, key, address: target.address.clone() })
}

async fn begin(leg: &mut Leg, opening: &Opening<'_>) -> std::io::Result<()> {
    let mut out = vec![0; 4];
    out.extend_from_slice(&(3_u32 << 16).to_be_bytes());
    let mut pair = |name: &str, value: &str| {
        write::text(&mut out, name.as_bytes());
        write::text(&mut out, value.as_bytes());
    };
    pair("user", opening.role);
    pair("database", opening.database);
    pair("application_name", opening.application);
    // The gateway reads statements in UTF-8 and with standard strings: so must the database.
    pair("client_encoding", "UTF8");
    pair("standard_conforming_strings", "on");
    opening.settings.iter().for_each(|(name, value)| pair(name, value));
    out.push(0);
    let length = u32::try_from(out.len()).unwrap_or(u32::MAX);
    out[..4].copy_from_slice(&length.to_be_bytes());
    leg.put_slice(&out);
    leg.flush().await
}

async fn log_in(
    leg: &mut Leg,
    password: Option<&[u8]>,
    binding: Option<Vec<u8>>,
) -> Result<(), Fault> {
    let refused = |reason: &str| fault(Code::TargetRefusedLogin, reason);
    let no_password = || refused("it asks for a password, and the target has none");
    let mut scram: Option<ScramSha256> = None;
    loop {
        let (kind, body) = leg.next().await.map_err(lost)?;
        if kind == b'E' {
            let state = read::field(&body, b'C').unwrap_or_default();
            let state = String::from_utf8_lossy(state).into_owned();
            let code = match state.get(..2) {
                Some("28") => Code::TargetRefusedLogin,
                _ => Code::TargetUnreachable,
            };
            return Err(fault(code, format!("it says {state}")));
        }
        let mut reader = Reader::new(&body);
        let number = reader.u32();
        let answer = match (kind, number, &mut scram) {
            (b'R', Some(0), _) => return Ok(()),
            (b'R', Some(10), None) => {
                let offered = reader.rest().split(|byte| *byte == 0).collect::<Vec<_>>();
                let binds = offered.contains(&&b"SCRAM-SHA-256-PLUS"[..]);
                let (name, bound) = match &binding {
                    Some(shown) if binds => {
                        ("SCRAM-SHA-256-PLUS", ChannelBinding::tls_server_end_point(shown.clone()))
                    }
                    Some(_) => ("SCRAM-SHA-256", ChannelBinding::unrequested()),
                    None => ("SCRAM-SHA-256", ChannelBinding::unsupported()),
                };
                let password = password.ok_or_else(no_password)?;
                let begun = scram.insert(ScramSha256::new(password, bound));
                let mut out = Vec::new();
                write::text(&mut out, name.as_bytes());
                let first = begun.message();
                let length = u32::try_from(first.len()).unwrap_or(u32::MAX);
                out.extend_from_slice(&length.to_be_bytes());
                out.extend_from_slice(first);
                out
            }
            (b'R', Some(11), Some(exchange)) => {
                exchange.update(reader.rest()).map_err(lost)?;
                exchange.message().to_vec()
            }
            (b'R', Some(12), Some(exchange)) => {
                let proven = exchange.finish(reader.rest());
                proven.map_err(|_| refused("it does not know the password itself"))?;
                continue;
            }
            (b'R', ..) => {
                return Err(refused("it asks for something else than SCRAM-SHA-256"));
            }
            _ => return Err(refused("it does not speak the protocol")),
        };
        let mut out = Vec::new();
        write::message(&mut out, b'p', |out| out.extend_from_slice(&answer));
        leg.put_slice(&out);
        leg.flush().await.map_err(lost)?;
    }
}

type Greeted = (Vec<Bytes>, Option<(u32, Bytes)>);

async fn greeted(leg: &mut Leg) -> Result<Greeted, Fault> {
    let (mut greetings, mut key) = (Vec::new(), None);
    for _ in 0..GREETINGS {
        let (kind, body) = leg.next().await.map_err(lost)?;
        let mut whole = Vec::new();
        match kind {
            b'Z' => return Ok((greetings, key)),
            b'S' | b'N' => {
                write::message(&mut whole, kind, |out| out.extend_from_slice(&body));
                greetings.push(whole.into());
            }
            b'K' => {
                let process = Reader::new(&body).u32().unwrap_or_default();
                key = Some((process, body.slice(4.min(body.len())..)));
            }
            b'E' => {
                let state = read::field(&body, b'C').unwrap_or_default();
                let state = String::from_utf8_lossy(state);
                return Err(fault(Code::TargetUnreachable, format!("it says {state}")));
            }
            _ => {}
        }
    }
    Err(fault(Code::TargetUnreachable, "it does not get ready"))
}

/// Speaks TLS with a database. Gives what the login is bound to.
async fn secure(
    node: &Node,
    target: &Target,
    database: &Database,
    stream: TcpStream,
) -> Result<(Leg, Option<Vec<u8>>), Fault> {
    const REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
    let mut leg = Leg::new(Stream::Plain(stream), TARGET_MESSAGE_BYTES);
    leg.put_slice(&REQUEST);
    leg.flush().await.map_err(lost)?;
    let answer = leg.exactly(1).await.map_err(lost)?;
    if &*answer != b"S" {
        return Err(fault(Code::HostKeyMismatch, "it speaks no TLS"));
    }
    let Some(Stream::Plain(stream)) = leg.into_stream() else {
        return Err(fault(Code::HostKeyMismatch, "it sent ahead of TLS"));
    };
    let wrong = |error: &dyn std::fmt::Display| fault(Code::HostKeyMismatch, error);
    let missing = |error| fault(Code::CredentialMissing, error);
    let builder = match database.tls {
        Tls::VerifyFull => {
            let pem = node.config.credentials.authority(target).map_err(missing)?;
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                let certificate = certificate.map_err(|error| wrong(&error))?;
                roots.add(certificate).map_err(|error| wrong(&error))?;
            }
            ClientConfig::builder().with_root_certificates(roots)
        }
        Tls::Require | Tls::Disable => {
            let anybody = Arc::new(Anybody(Arc::new(ring::default_provider())));
            let builder = ClientConfig::builder().dangerous();
            builder.with_custom_certificate_verifier(anybody)
        }
    };
    let mut config = match node.config.credentials.certificate(target).map_err(missing)? {
        None => builder.with_no_client_auth(),
        Some(Certified { certificate, private_key }) => {
            let unfit = |error: &dyn std::fmt::Display| {
                fault(Code::CredentialMissing, format!("its certificate or key: {error}"))
            };
            let chain = CertificateDer::pem_slice_iter(&certificate).collect::<Result<_, _>>();
            let chain = chain.map_err(|error| unfit(&error))?;
            let key = PrivateKeyDer::from_pem_slice(&private_key);
            let key = key.map_err(|error| unfit(&error))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| unfit(&error))?
        }
    };
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    let host = target.address.rsplit_once(':').map_or(target.address.as_str(), |(host, _)| host);
    let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_owned();
    let name = ServerName::try_from(host).map_err(|error| wrong(&error))?;
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector.connect(name, stream).await.map_err(|error| wrong(&error))?;
    let shown = stream.get_ref().1.peer_certificates().and_then(|shown| shown.first());
    let binding = shown.map(|certificate| certificate::binding(certificate));
    Ok((Leg::new(Stream::Client(Box::new(stream)), TARGET_MESSAGE_BYTES), binding))
}

/// Takes any certificate: `tls: require` says so. What it signs is checked all the same.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// What asks a database to cancel what runs on a connection.
pub(super) struct Canceller {
    address: String,
    message: Vec<u8>,
}

impl Dialled {
    /// What cancels its statements, when the database said how.
    pub(super) fn canceller(&self) -> Option<Canceller> {
        let (process, secret) = self.key.as_ref()?;
        let mut message = Vec::new();
        let length = u32::try_from(12 + secret.len()).unwrap_or(u32::MAX);
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(&80_877_102_u32.to_be_bytes());
        message.extend_from_slice(&process.to_be_bytes());
        message.extend_from_slice(secret);
        Some(Canceller { address: self.address.clone(), message })
    }
}

impl Canceller {
    /// Asks, on a connection of its own, and waits until the database has heard it: it closes that
    /// once it has. As libpq does in PostgreSQL up to 16, the key goes in the clear: it ends a
    /// statement and opens nothing.
    pub(super) async fn cancel(&self) -> std::io::Result<()> {
        let stream = TcpStream::connect(&self.address).await?;
        let mut leg = Leg::new(Stream::Plain(stream), TARGET_MESSAGE_BYTES);
        leg.put_slice(&self.message);
        leg.flush().await?;
        match leg.exactly(1).await {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err(std::io::Error::other("it answers a cancel request")),
        }
    }
}
