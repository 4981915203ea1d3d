//! Entries about the cluster itself: its nodes, secrets, version and checkpoints.

use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize};

use super::By;
use crate::ids::{Digest, Epoch, Name};

macro_rules! entry_structs {
    ($($(#[doc = $text:literal])* struct $name:ident {
        $($(#[doc = $doc:literal])* $field:ident: $kind:ty,)*
    })*) => {$(
        $(#[doc = $text])*
        #[derive(Clone, Debug, PartialEq, Eq, Archive, RkyvSerialize, RkyvDeserialize)]
        pub struct $name { $($(#[doc = $doc])* pub $field: $kind,)* }
    )*};
}
pub(super) use entry_structs;

entry_structs! {
    /// The cluster begins.
    struct ClusterCreation {
        /// T of promise 7, in milliseconds.
        contact_ms: u64,
        /// Its first node, which gets the Raft id 1.
        founder: Name,
        /// Where the founder is reached.
        addresses: NodeAddresses,
        /// SHA-256 of the founder's public key (SPKI).
        key: Digest,
    }
    /// A backup becomes a new cluster of one; all other nodes are gone, and every epoch jumps.
    struct ClusterRestoration {
        /// The node that it begins with anew, as a new one.
        founder: Name,
        /// Where it is reached.
        addresses: NodeAddresses,
        /// SHA-256 of its public key (SPKI).
        key: Digest,
    }
    /// Where a node is reached, as `host:port`.
    struct NodeAddresses {
        /// By other nodes.
        cluster: String,
        /// By clients of the API.
        api: String,
    }
    /// A token that lets one node join.
    struct JoinToken {
        /// SHA-256 of its secret.
        digest: Digest,
        /// How long it is good for, in milliseconds of the cluster's time.
        lasts_ms: u64,
        /// Who made it.
        by: By,
    }
    /// A node joins; its Raft id is given when this is applied.
    struct NodeJoining {
        /// Its name, which must be no present node's.
        node: Name,
        /// Where it is reached.
        addresses: NodeAddresses,
        /// SHA-256 of its public key (SPKI).
        key: Digest,
        /// SHA-256 of the token's secret that it showed; it is spent.
        token: Digest,
        /// The newest cluster version that it understands.
        supports: u32,
    }
    /// A node starts.
    struct NodeStart {
        /// Which node.
        node: Name,
        /// Its Raft id: a disk that was replaced is another node.
        raft_id: u64,
        /// The epoch that its disk remembers, 0 before the first: an old copy of a disk is refused.
        last_epoch: Epoch,
        /// Drawn for this start and kept on its disk first, so that a start whose answer was lost
        /// is known again.
        nonce: u64,
        /// The newest cluster version that it understands.
        supports: u32,
        /// The program's version.
        version: String,
        /// Where it is reached now.
        addresses: NodeAddresses,
    }
    /// A node in one of its epochs.
    struct NodeEpoch {
        /// Which node.
        node: Name,
        /// In which epoch.
        epoch: Epoch,
    }
    /// A node is taken out.
    struct NodeRemoval {
        /// Which node.
        node: Name,
        /// Who takes it out.
        by: By,
    }
    /// The cluster's version rises.
    struct VersionRaise {
        /// To what.
        to: u32,
    }
    /// A secret of the cluster.
    struct SecretSetting {
        /// Its name.
        name: Name,
        /// It, encrypted under the key that nodes hold.
        wrapped: Vec<u8>,
        /// The generation of that key.
        generation: u32,
        /// Who sets it.
        by: By,
    }
    /// How far a node's chain is durable.
    struct Checkpoint {
        /// Whose chain.
        node: Name,
        /// The node's epoch.
        epoch: Epoch,
        /// The last durable event.
        seq: u64,
        /// SHA-256 of its bytes.
        hash: Digest,
    }
    /// A node's signing key, which is given once.
    struct NodeKeySetting {
        /// Whose.
        node: Name,
        /// The node's epoch.
        epoch: Epoch,
        /// Its public half (Ed25519).
        public: [u8; 32],
    }
    /// A checkpoint of a node's chain: the tree over its events, which goes on the one before.
    struct ChainSealing {
        /// Whose chain.
        node: Name,
        /// The node's epoch.
        epoch: Epoch,
        /// The place of the event before the first leaf.
        base: u64,
        /// How many leaves the tree has.
        size: u64,
        /// Its root.
        root: Digest,
        /// SHA-256 of the last event's bytes.
        head: Digest,
        /// The leaves from the checkpoint before on, as the roots of their largest complete
        /// subtrees: that the one tree goes on the other.
        added: Vec<Digest>,
        /// The node's signature of the checkpoint's text.
        signature: Vec<u8>,
    }
    /// A node's signature of the control chain's checkpoint.
    struct ControlSigning {
        /// Whose.
        node: Name,
        /// The size of the tree that is signed.
        size: u64,
        /// The signature of the checkpoint's text.
        signature: Vec<u8>,
    }
    /// Time passes.
    struct Passing {
        /// The leader that says so.
        node: Name,
    }
    /// Events of the control chain are kept elsewhere, up to one.
    struct ControlPublication {
        /// The last one that is.
        seq: u64,
    }
}
