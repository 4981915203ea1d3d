//! What proves the record: the nodes' signing keys, the newest checkpoint of each node's chain, and
//! the checkpoint of the control chain with the signatures of the nodes that agree.
//!
//! A node's checkpoint is taken only when its tree goes on the one before. The control chain holds
//! each as an event, so whoever signs the control chain's tree signs all of them. It must never
//! take a signature that is not good, nor forget a checkpoint before it has the next.

#![allow(missing_docs, reason = "rkyv derives a resolver whose fields it does not document")]

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use proto::entry::{ChainSealing, ControlSigning, NodeKeySetting};
use proto::event::{CheckpointSealed, Kind, NodeRegistered};
use proto::ids::{Chain, Digest, Epoch, Name};
use proto::time::Utc;
use rkyv::{Archive, Deserialize, Serialize};
use store_proof::checkpoint::{Checkpoint, origin};
use store_proof::note::{Key, Note, Signature};
use store_proof::tree::{Range, leaf};

use crate::denied::Denied;
use crate::effects::Effects;
use crate::nodes::Presence;
use crate::reply::Reply;
use crate::state::{State, later};

/// The version from which on the control chain has a tree.
pub(crate) const SEALS_SINCE: u32 = 2;

/// A checkpoint of the control chain that too few have signed makes way for a newer one after this.
const CUT_PATIENCE: Duration = Duration::from_secs(10);

/// How many hashes a run of leaves may have: two for each level.
const ADDED_LIMIT: usize = 128;

/// The newest checkpoint of a node's chain.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct SealedChain {
    /// The node's epoch when it was sealed.
    pub epoch: Epoch,
    /// The place of the event before the first leaf.
    pub base: u64,
    /// How many leaves the tree has.
    pub size: u64,
    /// The roots of its largest complete subtrees, from left to right.
    pub tree: Vec<Digest>,
    /// Its root.
    pub root: Digest,
    /// SHA-256 of the last event's bytes.
    pub head: Digest,
    /// The node's signature of the checkpoint's text.
    pub signature: Vec<u8>,
    /// When it was sealed, in the state's time.
    pub at: Utc,
}

impl SealedChain {
    /// The place of the last event that it covers.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.base + self.size
    }

    /// The tree, to go on with.
    #[must_use]
    pub fn range(&self) -> Option<Range> {
        Range::restore(0, self.size, self.tree.clone())
    }
}

/// A checkpoint of the control chain, with signatures.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct ControlCheckpoint {
    /// The place of the event before the first leaf.
    pub base: u64,
    /// How many leaves the tree has.
    pub size: u64,
    /// Its root.
    pub root: Digest,
    /// SHA-256 of the last event's bytes.
    pub head: Digest,
    /// When it was made, in the state's time.
    pub at: Utc,
    /// The nodes' signatures of its text, by node.
    pub signatures: Vec<(Name, Vec<u8>)>,
}

/// The tree of the control chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ControlTree {
    pub(crate) base: u64,
    pub(crate) range: Range,
    /// The one that nodes sign now.
    pub(crate) open: Option<ControlCheckpoint>,
    /// The newest one that a majority has signed.
    pub(crate) sealed: Option<ControlCheckpoint>,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seals {
    pub(crate) keys: BTreeMap<Name, [u8; 32]>,
    pub(crate) chains: BTreeMap<Name, SealedChain>,
    pub(crate) control: Option<ControlTree>,
}

impl Seals {
    /// A node of this name is another one from now on.
    pub(crate) fn forget(&mut self, node: &Name) {
        self.keys.remove(node);
        self.chains.remove(node);
    }

    /// The control chain's tree begins with the next event.
    pub(crate) fn begin(&mut self, base: u64) {
        let tree = ControlTree { base, range: Range::at(0), open: None, sealed: None };
        self.control.get_or_insert(tree);
    }

    /// Adds an event of the control chain, by its bytes.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        if let Some(control) = &mut self.control {
            control.range.push(leaf(bytes));
        }
    }
}

impl State {
    pub(crate) fn set_node_key(
        &mut self,
        setting: &NodeKeySetting,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        let NodeKeySetting { node, epoch, public } = setting;
        self.running(node, *epoch)?;
        if let Some(kept) = self.seals.keys.get(node) {
            // A disk that lost its key is another node.
            let same = kept == public;
            let what = || format!("a second signing key of node {node}");
            return if same { Ok(Reply::Done) } else { Err(Denied::Malformed { what: what() }) };
        }
        self.seals.keys.insert(node.clone(), *public);
        let key = self.node_key(node).map(|key| key.to_string()).unwrap_or_default();
        let registered = NodeRegistered { node: node.clone(), key };
        self.record_small(Kind::NodeRegistered(registered), effects);
        effects.changed.seals = true;
        Ok(Reply::Done)
    }

    pub(crate) fn seal_chain(
        &mut self,
        sealing: &ChainSealing,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        let ChainSealing { node, epoch, base, size, root, head, added, signature } = sealing;
        self.running(node, *epoch)?;
        let malformed = |what: &str| Denied::Malformed { what: what.to_owned() };
        let key = self.node_key(node).ok_or_else(|| malformed("a node without a signing key"))?;
        let kept = self.seals.chains.get(node);
        let from = kept.map_or(0, |kept| kept.size);
        if let Some(kept) = kept {
            if size < &kept.size {
                return Err(Denied::CheckpointBehind { kept: kept.last() });
            }
            if base != &kept.base || (size == &kept.size && root != &kept.root) {
                return Err(Denied::CheckpointDiffers { seq: kept.last() });
            }
            if size == &kept.size {
                return Ok(Reply::Done);
            }
        }
        if added.len() > ADDED_LIMIT {
            return Err(malformed("the leaves that were added"));
        }
        let before = kept.map_or(Some(Range::at(0)), SealedChain::range);
        let mut tree = before.ok_or_else(|| malformed("the tree that is kept"))?;
        let added = Range::restore(from, *size, added.clone())
            .ok_or_else(|| malformed("the leaves that were added"))?;
        if !tree.append(&added) || tree.root() != *root {
            return Err(Denied::CheckpointDiffers { seq: base + size });
        }
        let (at, tree) = (self.time, tree.hashes().to_vec());
        let (epoch, base, size, root, head) = (*epoch, *base, *size, *root, *head);
        let signature = signature.clone();
        let sealed = SealedChain { epoch, base, size, tree, root, head, signature, at };
        let text = self.text_of(node, &sealed);
        if !key.signed(&text, &sealed.signature) {
            return Err(malformed("the signature of a checkpoint"));
        }
        let event = CheckpointSealed {
            node: node.clone(),
            node_epoch: epoch.0,
            base,
            size,
            root,
            head,
            signature: BASE64.encode(&sealed.signature),
        };
        self.seals.chains.insert(node.clone(), sealed);
        self.record_small(Kind::CheckpointSealed(event), effects);
        effects.changed.seals = true;
        Ok(Reply::Done)
    }

    /// The control chain gets a checkpoint to sign, when there is anything new and the one before
    /// does not wait for signatures any more.
    pub(crate) fn cut_control(&mut self, effects: &mut Effects) -> Reply {
        let (now, head) = (self.time, self.chain.head.hash.unwrap_or(Digest::ZERO));
        let Some(tree) = &mut self.seals.control else { return Reply::Done };
        let patience = u64::try_from(CUT_PATIENCE.as_millis()).unwrap_or(u64::MAX);
        let waits = |open: &ControlCheckpoint| now < later(open.at, patience);
        let newest = tree.open.as_ref().or(tree.sealed.as_ref());
        let nothing_new = newest.map_or(0, |newest| newest.size) == tree.range.end();
        if nothing_new || tree.open.as_ref().is_some_and(waits) {
            return Reply::Done;
        }
        tree.open = Some(ControlCheckpoint {
            base: tree.base,
            size: tree.range.end(),
            root: tree.range.root(),
            head,
            at: now,
            signatures: Vec::new(),
        });
        effects.changed.seals = true;
        Reply::Done
    }

    pub(crate) fn sign_control(
        &mut self,
        signing: &ControlSigning,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        let ControlSigning { node, size, signature } = signing;
        self.member(node)?;
        let malformed = |what: &str| Denied::Malformed { what: what.to_owned() };
        let key = self.node_key(node).ok_or_else(|| malformed("a node without a signing key"))?;
        let cluster = self.cluster.clone();
        // One that has not started yet has no key.
        let started = self.nodes.members().filter(|node| node.presence != Presence::Joined);
        let majority = started.count() / 2 + 1;
        let Some(tree) = &mut self.seals.control else { return Ok(Reply::Done) };
        let slots = [&mut tree.open, &mut tree.sealed].into_iter();
        let is_signed = |slot: &&mut ControlCheckpoint| slot.size == *size;
        // One that made way for a newer checkpoint is signed for nothing.
        let Some(checkpoint) = slots.flatten().find(is_signed) else { return Ok(Reply::Done) };
        if !key.signed(&checkpoint.text(&cluster), signature) {
            return Err(malformed("the signature of a checkpoint"));
        }
        if checkpoint.signatures.iter().any(|(signer, _)| signer == node) {
            return Ok(Reply::Done);
        }
        checkpoint.signatures.push((node.clone(), signature.clone()));
        if tree.open.as_ref().is_some_and(|open| open.signatures.len() >= majority) {
            tree.sealed = tree.open.take();
        }
        effects.changed.seals = true;
        Ok(Reply::Done)
    }

    /// A node's signing key; the key's name is the origin of its chain.
    #[must_use]
    pub fn node_key(&self, node: &Name) -> Option<Key> {
        let public = self.seals.keys.get(node)?;
        Key::new(&origin(&self.cluster, &Chain::Node(node.clone())), *public)
    }

    /// The newest checkpoint of a node's chain.
    #[must_use]
    pub fn sealed_chain(&self, node: &Name) -> Option<&SealedChain> {
        self.seals.chains.get(node)
    }

    /// The same, as a signed note.
    #[must_use]
    pub fn chain_note(&self, node: &Name) -> Option<Note> {
        let sealed = self.sealed_chain(node)?;
        let signature = Signature::of(&self.node_key(node)?, sealed.signature.clone());
        Some(Note { text: self.text_of(node, sealed), signatures: vec![signature] })
    }

    /// The newest checkpoint of the control chain that a majority has signed, as a signed note.
    #[must_use]
    pub fn control_note(&self) -> Option<Note> {
        let sealed = self.seals.control.as_ref()?.sealed.as_ref()?;
        let signed = sealed
            .signatures
            .iter()
            .filter_map(|(node, bytes)| Some(Signature::of(&self.node_key(node)?, bytes.clone())));
        Some(Note { text: sealed.text(&self.cluster), signatures: signed.collect() })
    }

    /// The checkpoint of the control chain that a node should sign: the one that is open, and that
    /// it has not signed. Its text is what is signed.
    #[must_use]
    pub fn control_to_sign(&self, node: &Name) -> Option<(u64, String)> {
        let tree = self.seals.control.as_ref()?;
        let newest = tree.open.as_ref().or(tree.sealed.as_ref())?;
        let signed = newest.signatures.iter().any(|(signer, _)| signer == node);
        (!signed).then(|| (newest.size, newest.text(&self.cluster)))
    }

    /// Whether the control chain has events that no checkpoint covers, not even one to be signed.
    #[must_use]
    pub fn control_is_ahead(&self) -> bool {
        self.seals.control.as_ref().is_some_and(|tree| {
            let newest = tree.open.as_ref().or(tree.sealed.as_ref());
            newest.map_or(0, |newest| newest.size) < tree.range.end()
        })
    }

    fn text_of(&self, node: &Name, sealed: &SealedChain) -> String {
        let SealedChain { epoch, base, size, root, head, .. } = *sealed;
        let (cluster, chain) = (self.cluster.clone(), Chain::Node(node.clone()));
        Checkpoint { cluster, chain, size, root, head, epoch, base }.to_string()
    }
}

impl ControlCheckpoint {
    /// The text that nodes sign.
    #[must_use]
    pub fn text(&self, cluster: &Name) -> String {
        let Self { base, size, root, head, .. } = *self;
        let (cluster, chain, epoch) = (cluster.clone(), Chain::Control, Epoch(0));
        Checkpoint { cluster, chain, size, root, head, epoch, base }.to_string()
    }
}
