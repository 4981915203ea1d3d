//! Who a node is to its peers: a key, and a certificate of the cluster's authority that names
//! cluster, node and Raft id.
//!
//! A certificate alone admits nobody. The key that it shows must also be the one which the
//! replicated state has for that Raft id, so that a removed node, or whoever steals an authority,
//! is still a stranger.

mod authority;
mod key;
mod name;
mod presented;
mod request;

pub use authority::Authority;
pub use key::PrivateKey;
pub(crate) use key::sha256;
pub use name::{NotAPeerName, PeerName};
pub use presented::Presented;
pub use request::CertificateRequest;

use std::time::Duration;

/// How long a certificate of a node, or of its API, is good for.
pub const CERTIFICATE_LIFE: Duration = Duration::from_secs(30 * DAY);

/// How long an authority is: rotation is a deed of somebody, not an accident of a date.
pub const AUTHORITY_LIFE: Duration = Duration::from_secs(20 * 365 * DAY);

/// How far back a certificate begins, for nodes whose clock is behind.
pub const BACKDATED: Duration = Duration::from_secs(DAY);

/// Seconds.
const DAY: u64 = 24 * 60 * 60;

/// What can be wrong with keys and certificates.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// Bytes that are no private key of the kind that nodes have (ECDSA P-256, PKCS #8).
    #[error("not a private key (ECDSA P-256 in PKCS #8): {0}")]
    Key(String),
    /// Bytes that are no signing request for such a key, signed by it.
    #[error("not a certificate signing request for an ECDSA P-256 key: {0}")]
    Request(String),
    /// Bytes that are no certificate.
    #[error("not a certificate: {0}")]
    Unreadable(String),
    /// A certificate that is for another key.
    #[error("the certificate is for another key")]
    OtherKey,
    /// A certificate that is for somebody else.
    #[error("the certificate is for {0}")]
    OtherName(String),
    /// A certificate could not be made.
    #[error("the certificate cannot be made: {0}")]
    Issue(#[from] rcgen::Error),
}
