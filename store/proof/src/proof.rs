//! The proof of one event, which anybody checks with public keys alone: its bytes, the path to a
//! signed checkpoint of its chain, and for a node's chain the path from the event that sealed that
//! checkpoint to one that a majority of the nodes has signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use proto::event::{CheckpointSealed, Event, Kind};
use proto::ids::{Chain, Digest, EventId, Name};
use proto::time::Utc;
use serde::{Deserialize, Serialize};

use crate::checkpoint::{Checkpoint, origin};
use crate::keys::{Keys, Signed};
use crate::note::{Key, Note, Signature};
use crate::path::{PATH_LIMIT, leads_to};
use crate::tree::leaf;

/// The format that this program writes and reads.
pub const FORMAT: &str = "sallyport-proof/1";

/// The largest proof, in bytes.
pub const PROOF_LIMIT: usize = 4 * 1024 * 1024;

/// An event's place in a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InTree {
    /// The exact bytes of the event.
    pub event: String,
    /// Its leaf, from 0.
    pub leaf: u64,
    /// The path from the leaf to the root (RFC 6962, section 2.1.1).
    pub path: Vec<Digest>,
}

/// The proof of one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// [`FORMAT`].
    pub format: String,
    /// The event, in the tree of its own chain.
    pub proven: InTree,
    /// For an event of a node's chain: the event that sealed the checkpoint of that chain, in the
    /// tree of the control chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<InTree>,
    /// The control chain's checkpoint: a note that a majority of the nodes has signed.
    pub control: String,
}

/// What a proof proves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proven {
    /// The cluster.
    pub cluster: Name,
    /// Which event.
    pub event: String,
    /// Its kind.
    pub kind: String,
    /// When it happened, on the clock of whoever wrote it.
    pub time: Utc,
    /// How many members have signed that it is in the record.
    pub signers: usize,
    /// How many members there are.
    pub members: usize,
}

/// Why a proof proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotProven {
    /// It is none, or of another format.
    #[error("not a proof: {0}")]
    Unreadable(String),
    /// It contradicts itself or the keys: somebody made it up.
    #[error("{0}")]
    False(String),
    /// There are not the keys that it takes.
    #[error("{0}")]
    Unverified(String),
}

impl Proof {
    /// Reads a proof.
    ///
    /// # Errors
    /// [`NotProven::Unreadable`].
    pub fn read(bytes: &[u8]) -> Result<Self, NotProven> {
        let unreadable = |why: String| NotProven::Unreadable(why);
        if bytes.len() > PROOF_LIMIT {
            return Err(unreadable("it is too long".to_owned()));
        }
        let proof: Self =
            serde_json::from_slice(bytes).map_err(|error| unreadable(error.to_string()))?;
        if proof.format != FORMAT {
            return Err(unreadable(format!("its format is not {FORMAT}")));
        }
        Ok(proof)
    }

    /// Verifies it by keys that are believed.
    ///
    /// # Errors
    /// [`NotProven`].
    pub fn verify(&self, keys: &Keys) -> Result<Proven, NotProven> {
        let event = read(&self.proven)?;
        let note: Note = self.control.parse().map_err(|error| unreadable(&error))?;
        let control: Checkpoint = note.text.parse().map_err(|error| unreadable(&error))?;
        if control.chain != Chain::Control || control.cluster != event.cluster {
            return Err(wrong("the checkpoint is of another chain"));
        }
        let covers = match (&event.id.chain, &self.sealed) {
            (Chain::Control, None) => &self.proven,
            (Chain::Node(_), Some(sealed)) => {
                sealed_by(&self.proven, &event.id, sealed, keys)?;
                sealed
            }
            _ => return Err(wrong("the checkpoint of its chain is missing")),
        };
        if !covers.leads_to(control.size, &control.root) {
            return Err(wrong("the path does not lead to the root that the nodes have signed"));
        }
        let signers = signers(&note, keys)?;
        Ok(Proven {
            cluster: event.cluster,
            event: event.id.to_string(),
            kind: event.name,
            time: event.time,
            signers,
            members: keys.members.len(),
        })
    }
}

impl InTree {
    fn leads_to(&self, size: u64, root: &Digest) -> bool {
        let fits = self.path.len() <= PATH_LIMIT;
        fits && leads_to(&leaf(self.event.as_bytes()), self.leaf, size, &self.path, root)
    }
}

/// How many members have signed the control chain's checkpoint, when they are a majority.
fn signers(note: &Note, keys: &Keys) -> Result<usize, NotProven> {
    match keys.check(note, None) {
        Signed::By(count) if count >= keys.majority() => Ok(count),
        Signed::By(count) => {
            let members = keys.members.len();
            let text = format!("{count} of {members} members have signed, which is no majority");
            Err(NotProven::Unverified(text))
        }
        Signed::Badly(name) => Err(wrong(&format!("the signature of {name} is not good"))),
        Signed::ByAnotherKey(name) => {
            Err(wrong(&format!("it is signed by another key of the name {name}")))
        }
        Signed::ByStrangers => Err(NotProven::Unverified("no key of a signer is known".to_owned())),
    }
}

/// Whether the event is in the tree that another event sealed, and the node has signed that.
fn sealed_by(proven: &InTree, id: &EventId, sealed: &InTree, keys: &Keys) -> Result<(), NotProven> {
    let event = read(sealed)?;
    let Some(Kind::CheckpointSealed(seal)) = &event.kind else {
        return Err(wrong("what should have sealed it is another event"));
    };
    if event.id.chain != Chain::Control || Chain::Node(seal.node.clone()) != id.chain {
        return Err(wrong("the checkpoint is of another chain"));
    }
    if proven.leaf + 1 + seal.base != id.seq {
        return Err(wrong("its leaf is not its place in the chain"));
    }
    if !proven.leads_to(seal.size, &seal.root) {
        return Err(wrong("the path does not lead to the root of the checkpoint"));
    }
    let name = origin(&event.cluster, &id.chain);
    let note = note(&event.cluster, seal, keys.of(&name));
    match note.map(|note| keys.check(&note, Some(&name))) {
        Some(Signed::By(_)) => Ok(()),
        Some(_) => Err(wrong(&format!("the checkpoint is not signed by the known key of {name}"))),
        None => Err(NotProven::Unverified(format!("no key of {name} is known"))),
    }
}

/// The checkpoint that an event sealed, as a note; nothing when no key of the node is known. Of
/// several keys the one that has signed.
pub(crate) fn note<'a>(
    cluster: &Name,
    seal: &CheckpointSealed,
    keys: impl Iterator<Item = &'a Key>,
) -> Option<Note> {
    let text = text(cluster, seal);
    let bytes = BASE64.decode(&seal.signature).unwrap_or_default();
    let mut keys = keys.peekable();
    let mut key = keys.next()?;
    // A single key is compared by whoever checks the note.
    if keys.peek().is_some() && !key.signed(&text, &bytes) {
        key = keys.find(|other| other.signed(&text, &bytes)).unwrap_or(key);
    }
    let signatures = vec![Signature::of(key, bytes)];
    Some(Note { text, signatures })
}

/// The text of the checkpoint that an event sealed.
pub(crate) fn text(cluster: &Name, seal: &CheckpointSealed) -> String {
    let (cluster, chain) = (cluster.clone(), Chain::Node(seal.node.clone()));
    let CheckpointSealed { base, size, root, head, node_epoch, .. } = *seal;
    let epoch = proto::ids::Epoch(node_epoch);
    Checkpoint { cluster, chain, size, root, head, epoch, base }.to_string()
}

fn read(in_tree: &InTree) -> Result<Event, NotProven> {
    Event::read(in_tree.event.as_bytes()).map_err(|error| NotProven::Unreadable(error.to_string()))
}

fn unreadable(error: &dyn std::fmt::Display) -> NotProven {
    NotProven::Unreadable(error.to_string())
}

fn wrong(text: &str) -> NotProven {
    NotProven::False(text.to_owned())
}
