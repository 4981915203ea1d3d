//! Two chains that grow in one file, as the journal of a node holds them.

use std::fs::File;
use std::io::{BufWriter, Write as _};

use anyhow::{Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use proto::event::{About, CheckpointSealed, Draft, Head, Kind, stamp};
use proto::ids::{Chain, Digest, Epoch, EventId, Name};
use proto::time::Utc;
use ring::digest::{SHA256, digest};
use ring::signature::Ed25519KeyPair;
use store_proof::checkpoint::Checkpoint;
use store_proof::tree::{Range, leaf};

use super::{Made, Others, name, other};

/// 2026-11-29T09:00:00Z, in microseconds.
const START: i64 = 1_795_942_800_000_000;
/// Between two events, in microseconds: three hundred a second.
const STEP: i64 = 3_333;
/// A key that is always the same for a node.
pub(super) fn pair(node: &str) -> Result<Ed25519KeyPair> {
    let seed = digest(&SHA256, node.as_bytes());
    Ed25519KeyPair::from_seed_unchecked(seed.as_ref()).map_err(|error| anyhow!("{error}"))
}

/// A chain with its tree.
pub(super) struct Growing {
    pub(super) chain: Chain,
    pub(super) head: Head,
    epoch: Epoch,
    tree: Range,
}

impl Growing {
    pub(super) fn new(chain: Chain, epoch: Epoch) -> Self {
        Self { chain, head: Head::default(), epoch, tree: Range::at(0) }
    }

    pub(super) fn checkpoint(&self, cluster: &Name) -> Checkpoint {
        Checkpoint {
            cluster: cluster.clone(),
            chain: self.chain.clone(),
            size: self.tree.end(),
            root: self.tree.root(),
            head: self.head.hash.unwrap_or(Digest::ZERO),
            epoch: self.epoch,
            base: 0,
        }
    }

    fn takes(&mut self, bytes: &[u8], leaf: Digest) {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
        self.head = Head { seq: self.head.seq + 1, hash: Some(Digest(hash)) };
        self.tree.push(leaf);
    }
}

/// The record as it is written.
pub(super) struct Writing {
    pub(super) file: BufWriter<File>,
    pub(super) cluster: Name,
    pub(super) node: Growing,
    pub(super) control: Growing,
    pub(super) made: Made,
    others: Others,
    time: i64,
}

impl Writing {
    pub(super) fn new(file: BufWriter<File>, cluster: Name, node: Name) -> Self {
        Self {
            file,
            cluster,
            node: Growing::new(Chain::Node(node), Epoch(1)),
            control: Growing::new(Chain::Control, Epoch(0)),
            made: Made::default(),
            others: Others::new(),
            time: START,
        }
    }

    pub(super) fn control(&mut self, about: About, kind: Kind) -> Result<Digest> {
        self.write(true, about, kind)
    }

    pub(super) fn of_node(&mut self, about: About, kind: Kind) -> Result<Digest> {
        self.write(false, about, kind)
    }

    fn write(&mut self, control: bool, about: About, kind: Kind) -> Result<Digest> {
        self.time += STEP;
        let applied = self.control.head.seq;
        let chain = if control { &mut self.control } else { &mut self.node };
        let id =
            EventId { chain: chain.chain.clone(), epoch: chain.epoch, seq: chain.head.seq + 1 };
        let draft = Draft { time: Utc(self.time), applied, about, kind };
        let stamped = stamp(&self.cluster, id, chain.head, &draft)?;
        let leaf = leaf(&stamped.bytes);
        chain.takes(&stamped.bytes, leaf);
        self.made.events += 1;
        self.made.bytes += stamped.bytes.len() as u64;
        self.file.write_all(&stamped.bytes)?;
        self.file.write_all(b"\n")?;
        Ok(leaf)
    }

    /// Every node seals its chain: the one that is written, and others that grow as fast.
    pub(super) fn seal(&mut self, nodes: &[&str]) -> Result<()> {
        for node in nodes {
            let checkpoint = if self.node.chain.to_string() == **node {
                self.node.checkpoint(&self.cluster)
            } else {
                let size = self.node.head.seq;
                let growing = match self.others.remove(*node) {
                    Some(growing) => growing,
                    None => other(node)?,
                };
                let growing = self.others.entry((*node).to_owned()).or_insert(growing);
                while growing.head.seq < size {
                    growing.takes(node.as_bytes(), leaf(node.as_bytes()));
                }
                growing.checkpoint(&self.cluster)
            };
            let signature = pair(node)?.sign(checkpoint.to_string().as_bytes());
            let Checkpoint { base, size, root, head, epoch, .. } = checkpoint;
            let sealed = CheckpointSealed {
                node: name(node)?,
                node_epoch: epoch.0,
                base,
                size,
                root,
                head,
                signature: BASE64.encode(signature),
            };
            self.control(About::default(), Kind::CheckpointSealed(sealed))?;
            self.made.checkpoints += 1;
        }
        Ok(())
    }
}
