//! What the PostgreSQL listener is given by whoever wires the node, and every limit that it keeps.

use std::sync::Arc;
use std::time::Duration;

use node_identity::IssuingKey;
use node_session::CredentialError;
use node_session::door::DoorLimits;
use proto::target::Target;
use rustls::ServerConfig;
use zeroize::Zeroizing;

use crate::driver::{Authorities, Cancels};

/// How long every rejected login takes, whatever the reason was.
pub(crate) const REJECTION_TIME: Duration = Duration::from_millis(500);
/// How long the target's connection may take, its login included.
pub(crate) const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// How long last words to a client may take that does not read them.
pub(crate) const FAREWELL_DEADLINE: Duration = Duration::from_secs(2);
/// The largest message of a client, in bytes: a statement with its parameters, or data to copy.
pub(crate) const CLIENT_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// The largest message of a target, in bytes: a row.
pub(crate) const TARGET_MESSAGE_BYTES: usize = 64 * 1024 * 1024;
/// How much is read at a time, in bytes.
pub(crate) const READ_BYTES: usize = 64 * 1024;
/// How much may wait for a peer that does not read before nothing more is read for it, in bytes.
pub(crate) const WAITING_BYTES: usize = 256 * 1024;
/// How many cancel requests one source may make in ten seconds.
pub(crate) const CANCELS_PER_SOURCE: u32 = 64;

/// How many logins from one source may fail before none is tried for a while.
pub(crate) const WRONG_LOGINS_PER_SOURCE: u32 = 30;
/// That while.
pub(crate) const WRONG_LOGINS_WINDOW: Duration = Duration::from_secs(60);

/// What the PostgreSQL listener needs besides sessions.
pub struct PostgresConfig {
    /// TLS of the listener.
    pub tls: Arc<ServerConfig>,
    /// The certificate that it shows now, in DER: logins are bound to it.
    pub certificate: Arc<dyn Fn() -> Vec<u8> + Send + Sync>,
    /// Who vouches for people's certificates; nobody logs in with one, where there is none. TLS of
    /// the listener must ask for certificates by [`Authorities::asking`] then.
    pub authorities: Option<Authorities>,
    /// Where passwords of targets come from.
    pub credentials: Arc<dyn Credentials>,
    /// The key that salts of nobody are made with; the same on all nodes.
    pub mock_key: Zeroizing<[u8; 32]>,
    /// What database credentials that the cluster gave out are known by.
    pub issuing: IssuingKey,
    /// The keys that cancel statements; peers pass requests on to them.
    pub cancels: Arc<Cancels>,
    /// Who may connect, and how long it may take from the first byte to the first
    /// `ReadyForQuery`, the way to the target included.
    pub limits: DoorLimits,
}

/// Gives what the gateway logs in to databases with.
pub trait Credentials: Send + Sync + 'static {
    /// The password of a target's role; none, when its certificate is all that is asked for.
    ///
    /// # Errors
    /// [`CredentialError`] when this node does not have it.
    fn password(&self, target: &Target) -> Result<Option<Zeroizing<Vec<u8>>>, CredentialError>;

    /// The certificate that is shown to a target, when it names one.
    ///
    /// # Errors
    /// [`CredentialError`] when this node does not have it, or not its key.
    fn certificate(&self, target: &Target) -> Result<Option<Certified>, CredentialError>;

    /// The certificates of the authorities that vouch for a target, in PEM.
    ///
    /// # Errors
    /// [`CredentialError`] when this node does not have them.
    fn authority(&self, target: &Target) -> Result<Vec<u8>, CredentialError>;
}

/// A certificate that is shown to a target, and the key that it is of.
pub struct Certified {
    /// The certificate, and those between it and its authority, in PEM.
    pub certificate: Vec<u8>,
    /// Its private key, in PEM.
    pub private_key: Zeroizing<Vec<u8>>,
}
