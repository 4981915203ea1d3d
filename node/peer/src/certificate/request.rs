//! A signing request that was looked at: it is for a key of the right kind, and signed by it.

use proto::ids::Digest;
use rcgen::{CertificateSigningRequestParams, PKCS_ECDSA_P256_SHA256, PublicKey, PublicKeyData};
use rustls_pki_types::CertificateSigningRequestDer;

use super::CertificateError;
use super::key::sha256;

/// Bytes of an uncompressed point of P-256, and its first.
const POINT_BYTES: usize = 65;
const UNCOMPRESSED: u8 = 4;

/// A public key whose owner has proven to hold the private one. Nothing else that a request may
/// ask for is looked at.
#[derive(Clone, Debug)]
pub struct CertificateRequest {
    key: PublicKey,
}

impl CertificateRequest {
    /// Reads a request (PKCS #10, DER) and verifies its signature.
    ///
    /// # Errors
    /// [`CertificateError::Request`] when it is none.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let bad = |what: String| CertificateError::Request(what);
        let der = CertificateSigningRequestDer::from(der);
        let request = CertificateSigningRequestParams::from_der(&der)
            .map_err(|error| bad(error.to_string()))?;
        let key = request.public_key;
        let point = key.der_bytes();
        let is_p256 = *PublicKeyData::algorithm(&key) == PKCS_ECDSA_P256_SHA256
            && point.len() == POINT_BYTES
            && point.first() == Some(&UNCOMPRESSED);
        if is_p256 { Ok(Self { key }) } else { Err(bad("another kind of key".to_owned())) }
    }

    /// SHA-256 of the public key (SPKI).
    #[must_use]
    pub fn digest(&self) -> Digest {
        sha256(&self.key.subject_public_key_info())
    }

    pub(super) fn key(&self) -> &PublicKey {
        &self.key
    }
}
