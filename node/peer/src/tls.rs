//! TLS between peers: version 1.3 only, one protocol name, no resumption (a resumed session would
//! skip the judgement), and certificates judged by this crate's own rules.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use proto::peer::raft::Member;
use proto::refusal::{Code, Told};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName,
    Error, OtherError, ServerConfig, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::caller::Caller;
use crate::certificate::{Presented, sha256};
use crate::join::JoinFile;
use crate::local::Local;
use crate::members::WallClock;
use crate::trust::{Trust, told};

/// The name of the protocol (ALPN).
pub const PROTOCOL: &[u8] = b"sallyport-peer/1";

/// Signatures of a handshake: version 1.3 only, by the one kind of key that nodes have.
macro_rules! signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err(Error::General("TLS 1.2 is not spoken here".to_owned()))
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = ring::default_provider().signature_verification_algorithms;
            verify_tls13_signature(message, certificate, signature, &algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![SignatureScheme::ECDSA_NISTP256_SHA256]
        }
    };
}

/// What a server is: one that takes certificates of the cluster, and strangers who want to join.
pub(crate) fn server_config(local: &Arc<Local>) -> Result<ServerConfig, Error> {
    let time = Arc::new(Time(local.clock()));
    let mut config = ServerConfig::builder_with_details(provider(), time)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(Clients(local.clone())))
        .with_cert_resolver(Arc::new(Shown(local.clone())));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// What a client is that connects to one member and to nobody else.
pub(crate) fn client_config(local: &Arc<Local>, to: &Member) -> Result<ClientConfig, Error> {
    let time = Arc::new(Time(local.clock()));
    let verifier = Arc::new(OneMember { local: local.clone(), expected: to.clone() });
    let config = ClientConfig::builder_with_details(provider(), time)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(Arc::new(Shown(local.clone())));
    Ok(plain(config))
}

/// What a client is that has nothing but a join file.
pub(crate) fn joining_config(
    file: &JoinFile,
    clock: Arc<dyn WallClock>,
) -> Result<ClientConfig, Error> {
    let verifier = Pinned {
        cluster: file.cluster.to_string(),
        authority: file.authority,
        clock: clock.clone(),
    };
    let config = ClientConfig::builder_with_details(provider(), Arc::new(Time(clock)))
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(plain(config))
}

fn plain(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    config
}

/// What stands where TLS wants a host name: peers are known by their certificate, not by a host.
pub(crate) fn no_host() -> ServerName<'static> {
    ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

macro_rules! nameless {
    ($($kind:ident)*) => {$(
        impl fmt::Debug for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($kind))
            }
        }
    )*};
}
nameless! { Time Shown Clients OneMember Pinned }

struct Time(Arc<dyn WallClock>);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        let micros = u64::try_from(self.0.utc().0).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_micros(micros)))
    }
}

/// Shows whatever certificate is this node's now.
struct Shown(Arc<Local>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.identity().shown())
    }
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.identity().shown())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Which certificates may connect: those of a trusted authority. Whether they are members is
/// judged right behind the handshake, where a refusal can be said in words.
struct Clients(Arc<Local>);

impl ClientCertVerifier for Clients {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.0.trust().verify(certificate, self.0.now())?;
        Ok(ClientCertVerified::assertion())
    }

    signatures!();
}

/// A refusal in the shape of TLS; [`refusal_in`] finds it again.
fn refused(told: Told) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(told))))
}

/// The server that a client connects to: one certain member.
struct OneMember {
    local: Arc<Local>,
    expected: Member,
}

impl ServerCertVerifier for OneMember {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let found = Caller::judge(&self.local, certificate).map_err(refused)?;
        let Member { raft_id, node, address } = &self.expected;
        if found.name().raft_id != *raft_id || found.name().node != *node {
            let found = found.name();
            let text = format!("at {address} is {found}, and not node {node} (Raft id {raft_id})");
            return Err(refused(Told::new(Code::PeerUntrusted, text)));
        }
        Ok(ServerCertVerified::assertion())
    }

    signatures!();
}

/// The server that a joining node connects to: any of the cluster whose authority is pinned.
struct Pinned {
    cluster: String,
    authority: proto::ids::Digest,
    clock: Arc<dyn WallClock>,
}

impl Pinned {
    fn judge(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
    ) -> Result<(), Told> {
        let untrusted = |text: &str| Told::new(Code::PeerUntrusted, text);
        let pinned = others
            .iter()
            .find(|other| sha256(other) == self.authority)
            .ok_or_else(|| untrusted("the node's authority is not the one of the join file"))?;
        let trust = Trust::new(vec![pinned.clone().into_owned()])
            .map_err(|error| untrusted(&error.to_string()))?;
        trust.verify(certificate, self.clock.utc()).map_err(|error| told(&error))?;
        let presented =
            Presented::read(certificate).map_err(|error| untrusted(&error.to_string()))?;
        let theirs = presented.name.cluster;
        if theirs.as_str() != self.cluster {
            let text =
                format!("the node is of the cluster {theirs}, the join file of {}", self.cluster);
            return Err(Told::new(Code::WrongCluster, text));
        }
        Ok(())
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge(certificate, others).map_err(refused)?;
        Ok(ServerCertVerified::assertion())
    }

    signatures!();
}

/// What a failed handshake, or a connection that ended right behind it, says in our own words:
/// this end's refusal, or what the other end's alert means.
pub(crate) fn refusal_in(error: &std::io::Error) -> Option<Told> {
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    let untrusted = |text: &str| Some(Told::new(Code::PeerUntrusted, text));
    match error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(own))) => {
            own.downcast_ref::<Told>().cloned()
        }
        Error::InvalidCertificate(_) => Some(told(error)),
        Error::AlertReceived(alert) => match alert {
            AlertDescription::UnknownCA => {
                untrusted("the other node does not trust the authority of this node's certificate")
            }
            AlertDescription::CertificateExpired => untrusted(
                "the other node finds this node's certificate over, or a clock is far off",
            ),
            AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::DecryptError => {
                untrusted("the other node does not take this node's certificate")
            }
            AlertDescription::NoApplicationProtocol | AlertDescription::ProtocolVersion => {
                Some(Told::new(Code::VersionMismatch, "the other end speaks another protocol"))
            }
            _ => None,
        },
        Error::NoApplicationProtocol => {
            Some(Told::new(Code::VersionMismatch, "the other end speaks another protocol"))
        }
        _ => None,
    }
}
