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
    /// Public keys in OpenSSH's one-line form without options or comment: `ssh-ed25519 AAAA…`.
    pub ssh_keys: Vec<String>,
    /// An Argon2id hash in PHC form, when the person has a password.
    pub password_hash: Option<String>,
}
