//! The secrets of a cluster: made once when it is founded, kept in the replicated state under a key
//! that only nodes hold, and the same on all nodes.
//!
//! One host key means that a client which knows one node knows all; one digest key means that a
//! command is recognised on all; one token key means that a login is good everywhere. Nothing here
//! prints, and nothing is written to disk in the clear but by whoever founds the cluster.

use consensus_state::State;
use node_enforce::mask::MaskKey;
use node_identity::tokens::TokenKey;
use node_identity::{AdminToken, IssuingKey, Token};
use node_peer::certificate::Authority;
use node_peer::wrap::{About, unwrap, wrap};
use node_session::seal::{AuditKey, DigestKey, SealKey};
use proto::entry::{By, Entry, SecretSetting};
use proto::ids::Name;
use proto::peer::Secret;
use proto::time::Utc;
use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;
use zeroize::Zeroizing;

use crate::secrets;

const AUDIT: &str = "audit";
const DIGEST: &str = "digest";
const MASK: &str = "mask";
const HOST: &str = "ssh-host";
const ADMIN: &str = "admin";
const TOKENS: &str = "api-tokens";
const AUTHORITY: &str = "authority";

/// The generation of the first key that secrets are wrapped under.
pub(crate) const FIRST_GENERATION: u32 = 1;

/// Why secrets of a cluster cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The system gives no randomness.
    #[error("the secrets of a cluster cannot be made: {0}")]
    Make(#[from] std::io::Error),
    /// It does not unwrap.
    #[error(transparent)]
    Wrap(#[from] node_peer::wrap::WrapError),
    /// The replicated state does not have it.
    #[error("the cluster has no secret {0}")]
    Missing(&'static str),
    /// It is not what it should be.
    #[error("the cluster's secret {0} is not one: {1}")]
    Wrong(&'static str, String),
}

/// What nodes of one cluster hold in common.
pub(crate) struct ClusterSecrets {
    /// Seals raw commands.
    pub seal: SealKey,
    /// Digests raw bytes.
    pub digest: DigestKey,
    /// Makes pseudonyms.
    pub mask: MaskKey,
    /// The SSH host key.
    pub host: PrivateKey,
    /// The administrator's token.
    pub admin: AdminToken,
    /// Vouches for logins to the API.
    pub tokens: TokenKey,
    /// Vouches for database credentials that the cluster gives out.
    pub issuing: IssuingKey,
    /// Vouches for nodes, and for their APIs.
    pub authority: Authority,
}

/// Secrets of a cluster that does not exist yet.
pub(crate) struct Made {
    settings: Vec<(&'static str, Zeroizing<Vec<u8>>)>,
    /// What opens sealed commands: for whoever audits.
    pub audit: Zeroizing<Vec<u8>>,
    /// The administrator's token in the clear: for whoever founds.
    pub admin: Token,
    /// The certificate that clients of the API trust.
    pub authority: Authority,
}

/// Makes all of them.
///
/// # Errors
/// [`SecretsError::Make`] when the system gives no randomness.
pub(crate) fn make(cluster: &Name, now: Utc) -> Result<Made, SecretsError> {
    let plain = || secrets::random().map(|key| Zeroizing::new(key.to_vec()));
    let other = |error: &dyn std::fmt::Display| std::io::Error::other(error.to_string());
    let audit = AuditKey::generate().to_bytes();
    let host = PrivateKey::from(Ed25519Keypair::from_seed(&*secrets::random()?));
    let host = host.to_openssh(LineEnding::LF).map_err(|error| other(&error))?;
    let (admin, token) = AdminToken::generate(&secrets::random()?);
    let key = node_peer::random::new_key().map_err(|error| other(&error))?;
    let authority = Authority::create(cluster, key, now).map_err(|error| other(&error))?;
    let settings = vec![
        (AUDIT, audit.clone()),
        (DIGEST, plain()?),
        (MASK, plain()?),
        (HOST, Zeroizing::new(host.as_bytes().to_vec())),
        (ADMIN, Zeroizing::new(admin.digest().to_vec())),
        (TOKENS, plain()?),
        (AUTHORITY, authority.to_bytes()),
    ];
    Ok(Made { settings, audit, admin: token, authority })
}

impl Made {
    /// The entries that put them into the replicated state.
    ///
    /// # Errors
    /// [`SecretsError`] when one cannot be wrapped.
    pub(crate) fn entries(
        &self,
        cluster: &Name,
        key: &Secret,
        by: &Name,
    ) -> Result<Vec<Entry>, SecretsError> {
        let generation = FIRST_GENERATION;
        let entry = |(name, secret): &(&'static str, Zeroizing<Vec<u8>>)| {
            let name = named(name)?;
            let wrapped = wrap(key, About { cluster, secret: &name, generation }, secret)?;
            let by = By::Node(by.clone());
            Ok(Entry::SecretSet(SecretSetting { name, wrapped, generation, by }))
        };
        self.settings.iter().map(entry).collect()
    }
}

impl ClusterSecrets {
    /// Takes them out of the replicated state.
    ///
    /// # Errors
    /// [`SecretsError`], naming the first that is missing or does not unwrap.
    pub(crate) fn of(state: &State, key: &Secret) -> Result<Self, SecretsError> {
        let take = |name| take(state, key, name);
        let audit = AuditKey::from_bytes(&take(AUDIT)?).ok_or_else(|| wrong(AUDIT, &"length"))?;
        let host = PrivateKey::from_openssh(&*take(HOST)?).map_err(|error| wrong(HOST, &error))?;
        let authority =
            Authority::from_bytes(&take(AUTHORITY)?).map_err(|error| wrong(AUTHORITY, &error))?;
        Ok(Self {
            seal: audit.public(),
            digest: DigestKey::new(&*key_of(DIGEST, &take(DIGEST)?)?),
            mask: MaskKey::new(*key_of(MASK, &take(MASK)?)?),
            host,
            admin: AdminToken::from_digest(*key_of(ADMIN, &take(ADMIN)?)?),
            tokens: TokenKey::new(&key_of(TOKENS, &take(TOKENS)?)?),
            issuing: IssuingKey::new(&key_of(TOKENS, &take(TOKENS)?)?),
            authority,
        })
    }
}

fn take(
    state: &State,
    key: &Secret,
    name: &'static str,
) -> Result<Zeroizing<Vec<u8>>, SecretsError> {
    let secret = named(name)?;
    let kept = state.secret(&secret).ok_or(SecretsError::Missing(name))?;
    let (cluster, generation) = (state.cluster(), kept.generation);
    Ok(unwrap(key, About { cluster, secret: &secret, generation }, &kept.wrapped)?)
}

fn key_of(name: &'static str, bytes: &[u8]) -> Result<Zeroizing<[u8; 32]>, SecretsError> {
    let mut key = Zeroizing::new([0; 32]);
    if bytes.len() != key.len() {
        return Err(wrong(name, &format!("{} bytes instead of {}", bytes.len(), key.len())));
    }
    key.copy_from_slice(bytes);
    Ok(key)
}

fn named(name: &'static str) -> Result<Name, SecretsError> {
    name.parse().map_err(|error: proto::ids::NotAName| wrong(name, &error))
}

fn wrong(name: &'static str, what: &dyn std::fmt::Display) -> SecretsError {
    SecretsError::Wrong(name, what.to_string())
}
