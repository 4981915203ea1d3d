//! A node's private key: wiped when it is dropped, never printed.

use std::fmt;

use proto::ids::Digest;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};
use rustls_pki_types::PrivatePkcs8KeyDer;
use zeroize::Zeroizing;

use super::CertificateError;
use super::authority::common_name;

/// An ECDSA P-256 key.
pub struct PrivateKey {
    pkcs8: Zeroizing<Vec<u8>>,
    digest: Digest,
}

impl PrivateKey {
    /// A key from its file (PKCS #8, DER).
    ///
    /// # Errors
    /// [`CertificateError::Key`] when it is none.
    pub fn from_der(pkcs8: Zeroizing<Vec<u8>>) -> Result<Self, CertificateError> {
        let pair = pair(&pkcs8)?;
        let digest = sha256(&pair.subject_public_key_info());
        Ok(Self { pkcs8, digest })
    }

    /// The bytes for its file.
    #[must_use]
    pub fn to_der(&self) -> &[u8] {
        &self.pkcs8
    }

    /// SHA-256 of its public key (SPKI): what the replicated state knows of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// A signing request (PKCS #10, DER) for it.
    ///
    /// # Errors
    /// [`CertificateError`] when it cannot be made.
    pub fn request(&self) -> Result<Vec<u8>, CertificateError> {
        let mut params = CertificateParams::default();
        // Whoever signs decides what the certificate says; the request proves the key, no more.
        params.distinguished_name = common_name("sallyport node");
        Ok(params.serialize_request(&self.pair()?)?.der().to_vec())
    }

    pub(super) fn pair(&self) -> Result<KeyPair, CertificateError> {
        pair(&self.pkcs8)
    }
}

impl Clone for PrivateKey {
    fn clone(&self) -> Self {
        Self { pkcs8: self.pkcs8.clone(), digest: self.digest }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.digest)
    }
}

fn pair(pkcs8: &[u8]) -> Result<KeyPair, CertificateError> {
    let der = PrivatePkcs8KeyDer::from(pkcs8);
    KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ECDSA_P256_SHA256)
        .map_err(|error| CertificateError::Key(error.to_string()))
}

pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut own = [0; 32];
    own.copy_from_slice(digest.as_ref());
    Digest(own)
}
