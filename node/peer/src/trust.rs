//! The authorities that are trusted: one, or two while one follows the other.

use std::time::Duration;

use proto::refusal::{Code, Told};
use proto::time::Utc;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::ring::default_provider;
use rustls::server::ParsedCertificate;
use rustls::{CertificateError as TlsCertificateError, Error as TlsError, RootCertStore};
use rustls_pki_types::{CertificateDer, UnixTime};

use crate::certificate::CertificateError;

/// The most authorities at once.
pub const AUTHORITIES_LIMIT: usize = 4;

/// The authorities of a cluster.
#[derive(Debug)]
pub struct Trust {
    roots: RootCertStore,
    authorities: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// Trusts these authorities (DER), and nobody else.
    ///
    /// # Errors
    /// [`CertificateError`] when one is no certificate, or when there are none or too many.
    pub fn new(authorities: Vec<CertificateDer<'static>>) -> Result<Self, CertificateError> {
        if authorities.is_empty() || authorities.len() > AUTHORITIES_LIMIT {
            let what = format!("{} authorities, and 1 to {AUTHORITIES_LIMIT}", authorities.len());
            return Err(CertificateError::Unreadable(what));
        }
        let mut roots = RootCertStore::empty();
        for authority in &authorities {
            roots
                .add(authority.clone())
                .map_err(|error| CertificateError::Unreadable(error.to_string()))?;
        }
        Ok(Self { roots, authorities })
    }

    /// The authorities.
    #[must_use]
    pub fn authorities(&self) -> &[CertificateDer<'static>] {
        &self.authorities
    }

    /// Whether one of them signed a certificate, for a purpose of nodes, and its time is now.
    /// Nodes are certified directly: there is no chain to build.
    pub(crate) fn verify(
        &self,
        certificate: &CertificateDer<'_>,
        now: Utc,
    ) -> Result<(), TlsError> {
        let parsed = ParsedCertificate::try_from(certificate)?;
        let since_1970 = Duration::from_micros(u64::try_from(now.0).unwrap_or(0));
        let now = UnixTime::since_unix_epoch(since_1970);
        let algorithms = default_provider().signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, &[], now, algorithms)
    }
}

/// What is told of a certificate that is not trusted.
pub(crate) fn told(error: &TlsError) -> Told {
    let text = match error {
        TlsError::InvalidCertificate(error) => match error {
            TlsCertificateError::Expired | TlsCertificateError::ExpiredContext { .. } => {
                "the node's certificate is over, or a clock is far off"
            }
            TlsCertificateError::NotValidYet | TlsCertificateError::NotValidYetContext { .. } => {
                "the node's certificate is not good yet, or a clock is far off"
            }
            TlsCertificateError::UnknownIssuer => {
                "the node's certificate is of an authority that is not trusted"
            }
            _ => "the node's certificate is not right",
        },
        _ => "the node's certificate is not right",
    };
    Told::new(Code::PeerUntrusted, text)
}
