//! The randomness of this crate: new keys, one-time secrets and nonces are drawn here, and nowhere
//! else.

use proto::peer::Secret;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use zeroize::Zeroizing;

use crate::certificate::{CertificateError, PrivateKey};

/// The system gives no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no randomness")]
pub struct NoRandomness;

/// A new key for a node or an authority.
///
/// # Errors
/// [`CertificateError::Key`] when the system gives no randomness.
pub fn new_key() -> Result<PrivateKey, CertificateError> {
    let none = |_| CertificateError::Key(NoRandomness.to_string());
    let random = SystemRandom::new();
    let pkcs8 =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).map_err(none)?;
    PrivateKey::from_der(Zeroizing::new(pkcs8.as_ref().to_vec()))
}

/// A new secret of 32 bytes: of a join file, or the key that a cluster's secrets are wrapped under.
///
/// # Errors
/// [`NoRandomness`].
pub fn new_secret() -> Result<Secret, NoRandomness> {
    let mut bytes = Zeroizing::new([0; 32]);
    fill(&mut *bytes)?;
    Ok(Secret::new(*bytes))
}

pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), NoRandomness> {
    SystemRandom::new().fill(bytes).map_err(|_| NoRandomness)
}
