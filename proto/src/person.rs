//! People as the control plane keeps them.

use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize};

use crate::ids::Name;

/// A person of the file kind.
#[derive(Clone, Debug, PartialEq, Eq, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct Person {
    /// Unique in the cluster.
    pub name: Name,
    /// Groups that policy speaks of.
    pub groups: Vec<Name>,
    /// Public keys in OpenSSH's one-line form without options or comment: `ssh-ed25519 AAAA…`; and
    /// what client certificates are known by (`x509:cn:alice`), which are no keys: nodes that do
    /// not know them take them for keys of nobody.
    pub ssh_keys: Vec<String>,
    /// An Argon2id hash in PHC form, when the person has a password; behind a space the verifier
    /// of SCRAM-SHA-256 in PostgreSQL's form, with which databases are logged in to.
    pub password_hash: Option<String>,
}

impl Person {
    /// The Argon2id hash of the password.
    #[must_use]
    pub fn argon2(&self) -> Option<&str> {
        self.password_hash.as_deref().map(|kept| kept.split(' ').next().unwrap_or_default())
    }

    /// The verifier of SCRAM-SHA-256. A password that was set by an older version has none.
    #[must_use]
    pub fn verifier(&self) -> Option<&str> {
        self.password_hash.as_deref()?.split_once(' ').map(|(_, verifier)| verifier)
    }

    pub(crate) fn has_verifier(&self) -> bool {
        self.verifier().is_some()
    }
}
