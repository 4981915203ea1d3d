//! What a certificate says, before anybody has decided to believe it.

use std::str::FromStr as _;

use proto::ids::Digest;
use proto::time::Utc;
use rustls_pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::key::sha256;
use super::{CertificateError, PeerName};

/// Microseconds.
const SECOND: i64 = 1_000_000;

/// A node's certificate, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// Whose it says to be.
    pub name: PeerName,
    /// SHA-256 of the public key that it is for (SPKI).
    pub key: Digest,
    /// From when on it is good.
    pub not_before: Utc,
    /// Until when.
    pub not_after: Utc,
}

impl Presented {
    /// Reads a certificate.
    ///
    /// # Errors
    /// [`CertificateError::Unreadable`] when it is none, or names no node.
    pub fn read(certificate: &CertificateDer<'_>) -> Result<Self, CertificateError> {
        let bad = |what: &str| CertificateError::Unreadable(what.to_owned());
        let (rest, read) = X509Certificate::from_der(certificate)
            .map_err(|error| CertificateError::Unreadable(error.to_string()))?;
        if !rest.is_empty() {
            return Err(bad("something follows it"));
        }
        let names = read
            .subject_alternative_name()
            .map_err(|error| CertificateError::Unreadable(error.to_string()))?
            .ok_or_else(|| bad("it names nobody"))?;
        // Exactly one name: of two, each reader could believe another.
        let [GeneralName::URI(name)] = names.value.general_names.as_slice() else {
            return Err(bad("it is not the certificate of a node"));
        };
        let name = PeerName::from_str(name)
            .map_err(|error| CertificateError::Unreadable(error.to_string()))?;
        let utc = |seconds: i64| Utc(seconds.saturating_mul(SECOND));
        Ok(Self {
            name,
            key: sha256(read.public_key().raw),
            not_before: utc(read.validity().not_before.timestamp()),
            not_after: utc(read.validity().not_after.timestamp()),
        })
    }

    /// Whether its time is over.
    #[must_use]
    pub fn is_over(&self, now: Utc) -> bool {
        now > self.not_after
    }

    /// Whether half of its life is over: it should be renewed.
    #[must_use]
    pub fn should_be_renewed(&self, now: Utc) -> bool {
        now.0 >= self.not_before.0 + (self.not_after.0 - self.not_before.0) / 2
    }
}
