//! Targets as the control plane keeps them.

use std::collections::BTreeMap;

use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::Name;

/// What protocol a target speaks.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    Archive,
    RkyvSerialize,
    RkyvDeserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    /// A machine reached by SSH.
    Ssh,
    /// A PostgreSQL server.
    Postgres,
    /// A Kubernetes API server.
    Kubernetes,
}

impl std::fmt::Display for TargetKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ssh => "ssh",
            Self::Postgres => "postgres",
            Self::Kubernetes => "kubernetes",
        })
    }
}

/// How a target's host key is known.
#[derive(Clone, Debug, PartialEq, Eq, Archive, RkyvSerialize, RkyvDeserialize)]
pub enum HostKeys {
    /// One of these, in OpenSSH's one-line form.
    Pinned(Vec<String>),
    /// The first one seen is kept; `dev` only.
    TrustOnFirstUse,
    /// It is a database, which has no host key: what stands in its place. In a box, so that the
    /// bytes of the other kinds stay as they were; written from [`DATABASES_SINCE`] on.
    Database(Box<Database>),
}

/// The cluster version from which on targets may be databases, and people have verifiers for them.
pub const DATABASES_SINCE: u32 = 3;

/// How a database is reached.
#[derive(Clone, Debug, PartialEq, Eq, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct Database {
    /// The database that is meant when the client names none.
    pub name: String,
    /// How the connection to it is kept private.
    pub tls: Tls,
    /// A file on the node: the authority that vouches for its certificate.
    pub authority: Option<String>,
}

/// How a connection to a database is kept private.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, RkyvSerialize, RkyvDeserialize)]
pub enum Tls {
    /// It is not.
    Disable,
    /// It is encrypted to whoever answers.
    Require,
    /// It is encrypted to whom the authority vouches for, under the name of the address.
    VerifyFull,
}

/// Where a node finds the private key, or the password, of a target's login; never the secret.
#[derive(Clone, Debug, PartialEq, Eq, Archive, RkyvSerialize, RkyvDeserialize)]
pub enum CredentialSource {
    /// A file on the node.
    File(String),
    /// An environment variable of the node.
    Environment(String),
    /// A database's client certificate. In a box, so that the bytes of the others stay as they
    /// were; written where databases are.
    Certificate(Box<ClientCertificate>),
}

/// What a node proves to a database that it is the target's user with.
#[derive(Clone, Debug, PartialEq, Eq, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct ClientCertificate {
    /// A file on the node: the certificate, and those between it and its authority, in PEM.
    pub certificate: String,
    /// A file on the node: its private key, in PEM.
    pub private_key: String,
    /// Where the password is, when the database asks for one too.
    pub password: Option<Place>,
}

/// Where a node finds a secret; never the secret.
#[derive(Clone, Debug, PartialEq, Eq, Archive, RkyvSerialize, RkyvDeserialize)]
pub enum Place {
    /// A file on the node.
    File(String),
    /// An environment variable of the node.
    Environment(String),
}

impl From<Place> for CredentialSource {
    fn from(place: Place) -> Self {
        match place {
            Place::File(file) => Self::File(file),
            Place::Environment(variable) => Self::Environment(variable),
        }
    }
}

/// One machine, database or cluster behind the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct Target {
    /// Unique in the cluster.
    pub name: Name,
    /// Its protocol.
    pub kind: TargetKind,
    /// `host:port`.
    pub address: String,
    /// Labels that policy speaks of.
    pub labels: BTreeMap<String, String>,
    /// How its host key is known.
    pub host_keys: HostKeys,
    /// Where the private key, or the password, for its logins is.
    pub credential: CredentialSource,
    /// Logins that exist on it, the default first.
    pub logins: Vec<String>,
}

impl Target {
    /// What is known of it as a database, when it is one.
    #[must_use]
    pub fn database(&self) -> Option<&Database> {
        match &self.host_keys {
            HostKeys::Database(database) => Some(database),
            HostKeys::Pinned(_) | HostKeys::TrustOnFirstUse => None,
        }
    }

    /// Where the private key, or the password, for its logins is: nowhere, when a certificate is
    /// all that a database asks for.
    #[must_use]
    pub fn secret(&self) -> Option<Place> {
        match &self.credential {
            CredentialSource::File(file) => Some(Place::File(file.clone())),
            CredentialSource::Environment(name) => Some(Place::Environment(name.clone())),
            CredentialSource::Certificate(shown) => shown.password.clone(),
        }
    }

    /// The certificate that its user is proven with, where there is one.
    #[must_use]
    pub fn certificate(&self) -> Option<&ClientCertificate> {
        match &self.credential {
            CredentialSource::Certificate(shown) => Some(shown),
            CredentialSource::File(_) | CredentialSource::Environment(_) => None,
        }
    }
}
