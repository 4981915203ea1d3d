//! Who vouches for the certificates that people log in with.
//!
//! TLS asks for a certificate and finds out that whoever shows it has its key, and no more: a
//! handshake that fails tells nobody why. Whether an authority vouches for it and its time is not
//! over is found out at the login, each time anew, and before anything else is read in it.

use std::sync::Arc;

use proto::time::Utc;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore};
use rustls::{Error, SignatureScheme};

/// The authorities of one listener.
#[derive(Clone, Debug)]
pub struct Authorities(Arc<dyn ClientCertVerifier>);

/// Why a text names no authorities.
#[derive(Debug, thiserror::Error)]
pub enum BadAuthorities {
    /// It is not PEM.
    #[error("not certificates in PEM: {0}")]
    Pem(rustls::pki_types::pem::Error),
    /// One of them is no certificate that anything could be checked with.
    #[error("not a certificate of an authority: {0}")]
    Certificate(Error),
    /// There is none.
    #[error("no certificate of an authority stands there")]
    Nobody,
}

/// Why a certificate is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotGood {
    #[error("it has expired")]
    Expired,
    #[error("it is not valid yet")]
    Early,
    #[error("no authority that is known here vouches for it")]
    Unknown,
    #[error("it is not fit for clients")]
    Unfit,
}

impl NotGood {
    /// What whoever has shown it is told.
    pub(super) fn told(self) -> &'static str {
        match self {
            Self::Expired => "The client certificate has expired.",
            Self::Early => "The client certificate is not valid yet.",
            Self::Unknown => "No authority that the gateway knows vouches for the certificate.",
            Self::Unfit => "The client certificate is not one that clients log in with.",
        }
    }
}

impl Authorities {
    /// The authorities whose certificates stand in a text, in PEM.
    ///
    /// # Errors
    /// [`BadAuthorities`] when there are none, or one cannot be read.
    pub fn read(pem: &[u8]) -> Result<Self, BadAuthorities> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(BadAuthorities::Pem)?;
            roots.add(certificate).map_err(BadAuthorities::Certificate)?;
        }
        let provider = Arc::new(ring::default_provider());
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        Ok(Self(builder.build().map_err(|_| BadAuthorities::Nobody)?))
    }

    /// What asks clients for certificates in TLS: it takes any, whose key the client has.
    #[must_use]
    pub fn asking(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::new(Asking(self.0.clone()))
    }

    /// Whether one of them vouches for what a client has shown, now.
    pub(super) fn check(&self, chain: &[CertificateDer<'_>], now: Utc) -> Result<(), NotGood> {
        let (own, between) = chain.split_first().ok_or(NotGood::Unfit)?;
        let now = u64::try_from(now.0).unwrap_or_default();
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_micros(now));
        let checked = self.0.verify_client_cert(own, between, now);
        checked.map(|_| ()).map_err(|error| match error {
            Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            ) => NotGood::Expired,
            Error::InvalidCertificate(
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
            ) => NotGood::Early,
            Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            ) => NotGood::Unknown,
            _ => NotGood::Unfit,
        })
    }
}

/// Takes any certificate: [`Authorities::check`] says whether it is good.
#[derive(Debug)]
struct Asking(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for Asking {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
