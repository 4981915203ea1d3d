//! The API's certificate: issued by the cluster's authority, whose certificate is given to clients
//! (`ca.pem`), at each start and every day after. The server's own key never touches the disk. And
//! who vouches for the certificates of clients.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use node_peer::certificate::{Authority, CertificateError, CertificateRequest};
use node_postgres::Authorities;
use node_session::Clock as _;
use node_session::clock::SystemClock;
use proto::refusal::{Code, Told};
use rustls::ServerConfig;
use rustls::crypto::ring::sign::any_ecdsa_type;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::errors::Error;

/// The most that is read of the file of people's authorities, in bytes.
const AUTHORITIES_BYTES: u64 = 1024 * 1024;

/// How often the certificate is issued anew; it is good for thirty times as long.
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// The API's certificate, and what issues the next one.
pub(crate) struct ApiCertificate {
    authority: Authority,
    hosts: Vec<String>,
    current: ArcSwap<CertifiedKey>,
}

impl ApiCertificate {
    /// A first one.
    ///
    /// # Errors
    /// [`CertificateError`] when it cannot be made.
    pub(crate) fn new(
        authority: Authority,
        config: &Config,
        listening: SocketAddr,
    ) -> Result<Arc<Self>, CertificateError> {
        let hosts = hosts(config, listening);
        let current = ArcSwap::new(issue(&authority, &hosts)?);
        Ok(Arc::new(Self { authority, hosts, current }))
    }

    /// TLS of the API, for clients that know `ca.pem`.
    #[must_use]
    pub(crate) fn tls(self: &Arc<Self>) -> Arc<ServerConfig> {
        Arc::new(ServerConfig::builder().with_no_client_auth().with_cert_resolver(self.clone()))
    }

    /// TLS of another listener, for clients that may name its protocol, and that are asked for
    /// certificates when somebody looks at them.
    #[must_use]
    pub(crate) fn tls_of(
        self: &Arc<Self>,
        protocol: &[u8],
        asking: Option<Arc<dyn ClientCertVerifier>>,
    ) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder();
        let builder = match asking {
            Some(asking) => builder.with_client_cert_verifier(asking),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(self.clone());
        config.alpn_protocols = vec![protocol.to_vec()];
        Arc::new(config)
    }

    /// The certificate that is shown now, in DER.
    #[must_use]
    pub(crate) fn shown(&self) -> Vec<u8> {
        self.current.load().cert.first().map(|shown| shown.to_vec()).unwrap_or_default()
    }

    /// Issues it anew every day, until the node stops.
    pub(crate) async fn keep_fresh(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            match issue(&self.authority, &self.hosts) {
                Ok(next) => self.current.store(next),
                Err(error) => tracing::error!(%error, "the API's certificate is not renewed"),
            }
        }
    }
}

impl ResolvesServerCert for ApiCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

impl fmt::Debug for ApiCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiCertificate")
    }
}

fn issue(authority: &Authority, hosts: &[String]) -> Result<Arc<CertifiedKey>, CertificateError> {
    let key = node_peer::random::new_key()?;
    let request = CertificateRequest::from_der(&key.request()?)?;
    let certificate = authority.issue_api(&request, hosts, SystemClock.now().utc)?;
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_der()));
    let signing = any_ecdsa_type(&der).map_err(|error| CertificateError::Key(error.to_string()))?;
    Ok(Arc::new(CertifiedKey::new(vec![certificate], signing)))
}

/// Who vouches for the certificates of people.
///
/// # Errors
/// [`Error::Told`] when the file is not there, or is not what it should be.
pub(crate) fn authorities(file: Option<&Path>) -> Result<Option<Authorities>, Error> {
    let Some(file) = file else { return Ok(None) };
    let wrong = |error: &dyn fmt::Display| {
        let text = format!("client_ca {}: {error}", file.display());
        Error::Told(Told::new(Code::ConfigurationWrong, text))
    };
    let mut pem = Vec::new();
    let opened = File::open(file).map_err(|error| wrong(&error))?;
    let read = opened.take(AUTHORITIES_BYTES).read_to_end(&mut pem);
    let _: usize = read.map_err(|error| wrong(&error))?;
    Authorities::read(&pem).map(Some).map_err(|error| wrong(&error))
}

/// What clients may call the API: the node, this machine, the address that it listens on, and the
/// one that is told to others.
fn hosts(config: &Config, listening: SocketAddr) -> Vec<String> {
    let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    hosts.push(config.node.to_string());
    if !listening.ip().is_unspecified() && !listening.ip().is_loopback() {
        hosts.push(listening.ip().to_string());
    }
    let advertised = config.addresses().api;
    if let Some((host, _)) = advertised.rsplit_once(':') {
        let host = host.trim_matches(['[', ']']).to_owned();
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}
