//! Calls of a cluster's life: joining it, knowing its members, renewing a certificate.

use rkyv::{Archive, Deserialize, Serialize};

use super::secret::Secret;
use super::signal::Versions;
use crate::ids::{Digest, Name};

bodies! {
    /// A node that is no member yet asks to become one. It has proven nothing: what it says is
    /// text until it was looked at.
    struct Join {
        /// The cluster that its join file is for.
        cluster: String,
        /// The one-time secret of the join file.
        secret: Secret,
        /// What it wants to be called.
        node: String,
        /// Where other nodes will reach it, as `host:port`.
        cluster_address: String,
        /// Where clients of the API will.
        api_address: String,
        /// A certificate signing request (PKCS #10, DER) for its key.
        request: Vec<u8>,
        /// What it understands.
        versions: Versions,
        /// Its program's version.
        program: String,
    }
    /// It is a member now.
    struct Joined {
        /// Its Raft id.
        raft_id: u64,
        /// Its certificate (DER).
        certificate: Vec<u8>,
        /// The authorities that the cluster trusts (DER).
        authorities: Vec<Vec<u8>>,
        /// The key that the cluster's secrets are wrapped under.
        cluster_key: Secret,
        /// The generation of that key.
        generation: u32,
        /// Everybody, the new node included.
        members: Vec<MemberRecord>,
    }
    /// One member with the key that it must show.
    struct MemberRecord {
        /// Its Raft id.
        raft_id: u64,
        /// Its name.
        node: Name,
        /// Where its peers reach it, as `host:port`.
        address: String,
        /// SHA-256 of its public key (SPKI).
        key: Digest,
    }
    /// A node that is behind asks who is a member now.
    struct RosterAsk {}
    /// All members, as the one who answers knows them.
    struct Roster {
        /// The control index that it has applied.
        applied: u64,
        /// The members; whoever was removed is not among them.
        members: Vec<MemberRecord>,
    }
    /// A member asks for a new certificate for its key.
    struct Renew {
        /// A certificate signing request (PKCS #10, DER).
        request: Vec<u8>,
    }
    /// Its new certificate.
    struct Renewed {
        /// The certificate (DER).
        certificate: Vec<u8>,
        /// The authorities that the cluster trusts (DER).
        authorities: Vec<Vec<u8>>,
    }
}
