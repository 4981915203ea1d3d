//! Checkpoints (C2SP tlog-checkpoint): how large the tree of a chain is, and its root.
//!
//! A text of lines that is signed as a note: origin, size, root, then lines of our own. The origin
//! `sallyport/<cluster>/<chain>` is also the name of the key of a node.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use proto::ids::{Chain, Digest, Epoch, Name};

use crate::note::BadNote;
use crate::tree;

/// How many lines a checkpoint may have behind its root.
const LINES_LIMIT: usize = 16;

/// How large the tree of a chain is, and its root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The cluster.
    pub cluster: Name,
    /// Whose events are the leaves.
    pub chain: Chain,
    /// How many leaves the tree has.
    pub size: u64,
    /// Its root.
    pub root: Digest,
    /// SHA-256 of the last event's bytes, which the next one points back to: it proves the events
    /// of a record whose start is gone.
    pub head: Digest,
    /// The epoch of the node; 0 for the control chain.
    pub epoch: Epoch,
    /// The place in the chain of the event before the first leaf: 0, unless the tree was begun when
    /// the chain was there already.
    pub base: u64,
}

/// The origin of a chain, which is the name of its node's key as well.
#[must_use]
pub fn origin(cluster: &Name, chain: &Chain) -> String {
    format!("sallyport/{cluster}/{chain}")
}

impl Checkpoint {
    /// Whether a tree is the one that it speaks of.
    #[must_use]
    pub fn is_of(&self, tree: &tree::Range) -> bool {
        tree.begin() == 0 && tree.end() == self.size && tree.root() == self.root
    }
}

impl fmt::Display for Checkpoint {
    /// The text that is signed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = BASE64.encode(self.root.0);
        write!(f, "{}\n{}\n{root}\n", origin(&self.cluster, &self.chain), self.size)?;
        writeln!(f, "head {}", BASE64.encode(self.head.0))?;
        writeln!(f, "epoch {}", self.epoch.0)?;
        if self.base > 0 {
            writeln!(f, "base {}", self.base)?;
        }
        Ok(())
    }
}

impl FromStr for Checkpoint {
    type Err = BadNote;

    fn from_str(text: &str) -> Result<Self, BadNote> {
        let text = text.strip_suffix('\n').ok_or(BadNote("its last line has no end"))?;
        let mut lines = text.split('\n');
        let origin = lines.next().and_then(|line| line.strip_prefix("sallyport/"));
        let (cluster, chain) =
            origin.and_then(|names| names.split_once('/')).ok_or(BadNote("a foreign origin"))?;
        let name = |text: &str| text.parse::<Name>().map_err(|_| BadNote("a foreign origin"));
        let chain = if chain == "control" { Chain::Control } else { Chain::Node(name(chain)?) };
        let size = lines.next().and_then(number).ok_or(BadNote("its size is no number"))?;
        let root = lines.next().and_then(hash).ok_or(BadNote("its root is no hash"))?;
        let (mut head, mut epoch, mut base) = (None, 0, 0);
        for line in lines.by_ref().take(LINES_LIMIT) {
            match line.split_once(' ') {
                Some(("head", text)) => head = hash(text),
                Some(("epoch", text)) => epoch = number(text).ok_or(BadNote("a wrong epoch"))?,
                Some(("base", text)) => base = number(text).ok_or(BadNote("a wrong base"))?,
                _ if line.is_empty() => return Err(BadNote("an empty line")),
                _ => {}
            }
        }
        if lines.next().is_some() {
            return Err(BadNote("it has too many lines"));
        }
        let (cluster, epoch) = (name(cluster)?, Epoch(epoch));
        let head = head.ok_or(BadNote("its head is missing"))?;
        Ok(Self { cluster, chain, size, root, head, epoch, base })
    }
}

fn hash(text: &str) -> Option<Digest> {
    BASE64.decode(text).ok()?.try_into().ok().map(Digest)
}

/// A number without a sign, zeroes or spaces before it.
fn number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}
