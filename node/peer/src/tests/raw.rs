//! A client that keeps to no rule: it shows any certificate, believes any server, and sends bytes.

use std::io;
use std::sync::Arc;

use proto::peer::{HEADER_BYTES, Header, Hello, Lane, Message};
use proto::refusal::Told;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::TLS13;
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme, SupportedProtocolVersion,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::world::Node;
use crate::NodeIdentity;
use crate::tls::{PROTOCOL, refusal_in};
use crate::wire::{Frame, WireError};

pub(super) struct Raw {
    pub stream: TlsStream<TcpStream>,
}

#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

/// What a raw client says of itself to TLS.
pub(super) fn config(
    shown: Option<Arc<CertifiedKey>>,
    version: &'static SupportedProtocolVersion,
) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody));
    let mut config = match shown {
        Some(shown) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(shown))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.resumption = Resumption::in_memory_sessions(8);
    config
}

impl Raw {
    pub(super) async fn connect_with(address: &str, config: Arc<ClientConfig>) -> io::Result<Self> {
        let tcp = TcpStream::connect(address).await?;
        let host = ServerName::try_from("peer.test").unwrap();
        let stream = TlsConnector::from(config).connect(host, tcp).await?;
        Ok(Self { stream })
    }

    pub(super) async fn connect(to: &Node, shown: Option<&NodeIdentity>) -> Self {
        let shown = shown.map(NodeIdentity::shown);
        let config = Arc::new(config(shown, &TLS13));
        Self::connect_with(&to.member.address, config).await.unwrap()
    }

    /// Connects as a member, and is welcomed.
    pub(super) async fn welcomed(to: &Node, as_member: &Node, lane: Lane) -> Self {
        let mut raw = Self::connect(to, Some(&as_member.local.identity())).await;
        raw.send(0, &Message::Hello(hello(&as_member.local.identity(), lane))).await;
        assert!(matches!(raw.hear().await, Ok(Some((0, Message::Welcome(_))))));
        raw
    }

    pub(super) async fn send(&mut self, call: u64, message: &Message) {
        Frame::new(call, message).unwrap().write(&mut self.stream).await.unwrap();
    }

    pub(super) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    pub(super) async fn send_header(&mut self, length: usize, kind: u8) {
        self.send_bytes(&header(length, kind)).await;
    }

    /// The next message; nothing when the other end has closed.
    pub(super) async fn hear(&mut self) -> Result<Option<(u64, Message)>, WireError> {
        let header = match Frame::read_header(&mut self.stream).await {
            Err(WireError::Closed) => return Ok(None),
            header => header?,
        };
        let frame = Frame::read_body(&mut self.stream, header).await?;
        Ok(Some((frame.call, frame.message()?)))
    }

    /// Why the connection is refused: in words, or by an alert.
    pub(super) async fn refused(&mut self) -> Told {
        match self.hear().await {
            Ok(Some((0, Message::Refused(refusal)))) => {
                assert!(self.is_closed().await, "nothing follows a refusal");
                refusal.into()
            }
            Err(WireError::Broken(error)) => {
                refusal_in(&error).unwrap_or_else(|| panic!("no refusal: {error}"))
            }
            other => panic!("no refusal: {other:?}"),
        }
    }

    /// Waits for the end; whether it comes without another byte.
    pub(super) async fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        // An end without a goodbye is an error of TLS, and an end.
        match self.stream.read_to_end(&mut rest).await {
            Ok(_) | Err(_) => rest.is_empty(),
        }
    }
}

pub(super) fn header(length: usize, kind: u8) -> [u8; HEADER_BYTES] {
    Header { length, kind, call: 1 }.to_bytes()
}

pub(super) fn hello(identity: &NodeIdentity, lane: Lane) -> Hello {
    let name = identity.name();
    Hello {
        cluster: name.cluster.to_string(),
        node: name.node.to_string(),
        raft_id: name.raft_id,
        lane,
        versions: super::world::program(1, 1).versions,
        program: "raw".to_owned(),
    }
}
