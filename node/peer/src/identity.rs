//! What this node shows to its peers: its key and its certificate.

use std::sync::Arc;

use proto::time::Utc;
use rustls::crypto::ring::sign::any_ecdsa_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::certificate::{CertificateError, PeerName, Presented, PrivateKey};

/// A key and the certificate for it.
#[derive(Clone, Debug)]
pub struct NodeIdentity {
    presented: Presented,
    shown: Arc<CertifiedKey>,
}

impl NodeIdentity {
    /// The identity of a node: its key, its certificate, and the certificate of the authority that
    /// signed it (a joining node, which knows only that one's digest, is shown it too).
    ///
    /// # Errors
    /// [`CertificateError`] when the certificate is for another key, or none of a node.
    pub fn new(
        key: &PrivateKey,
        certificate: CertificateDer<'static>,
        authority: CertificateDer<'static>,
    ) -> Result<Self, CertificateError> {
        let presented = Presented::read(&certificate)?;
        if presented.key != key.digest() {
            return Err(CertificateError::OtherKey);
        }
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_der()));
        let signing =
            any_ecdsa_type(&der).map_err(|error| CertificateError::Key(error.to_string()))?;
        let shown = Arc::new(CertifiedKey::new(vec![certificate, authority], signing));
        Ok(Self { presented, shown })
    }

    /// Whose it is.
    #[must_use]
    pub fn name(&self) -> &PeerName {
        &self.presented.name
    }

    /// What its certificate says.
    #[must_use]
    pub fn presented(&self) -> &Presented {
        &self.presented
    }

    /// Whether it is time to renew the certificate: half of its life is over.
    #[must_use]
    pub fn should_be_renewed(&self, now: Utc) -> bool {
        self.presented.should_be_renewed(now)
    }

    pub(crate) fn shown(&self) -> Arc<CertifiedKey> {
        self.shown.clone()
    }
}
