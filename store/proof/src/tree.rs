//! The Merkle tree of RFC 6962 (section 2.1) over the exact bytes of events, in bounded memory.
//!
//! A [`Range`] holds the roots of the largest complete subtrees of a run of leaves, at most two for
//! each level: enough to go on, to be joined with the run behind it, and to give the root of a
//! whole tree. It must never hold a leaf longer than it takes to add it.

use proto::ids::Digest;
use ring::digest::{Context, SHA256};

/// The hash of a leaf.
#[must_use]
pub fn leaf(bytes: &[u8]) -> Digest {
    hash(&[&[0], bytes])
}

/// The hash of a node over two subtrees.
#[must_use]
pub fn node(left: &Digest, right: &Digest) -> Digest {
    hash(&[&[1], &left.0, &right.0])
}

/// The root of a tree without leaves.
#[must_use]
pub fn empty() -> Digest {
    hash(&[])
}

fn hash(parts: &[&[u8]]) -> Digest {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut digest = Digest::ZERO;
    digest.0.copy_from_slice(context.finish().as_ref());
    digest
}

/// A complete subtree: it begins at a multiple of its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subtree {
    /// Its first leaf.
    pub start: u64,
    /// It has two to the power of this leaves.
    pub level: u32,
}

impl Subtree {
    /// The leaf behind its last.
    #[must_use]
    pub fn end(self) -> u64 {
        self.start + (1 << self.level)
    }
}

/// The largest complete subtrees of a run of leaves, from left to right.
pub fn subtrees(begin: u64, end: u64) -> impl Iterator<Item = Subtree> {
    let mut start = begin;
    std::iter::from_fn(move || {
        let left = end.checked_sub(start).filter(|left| *left > 0)?;
        let level = start.trailing_zeros().min(left.ilog2());
        let subtree = Subtree { start, level };
        start = subtree.end();
        Some(subtree)
    })
}

/// A run of leaves, as the roots of its largest complete subtrees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    begin: u64,
    end: u64,
    hashes: Vec<Digest>,
}

impl Range {
    /// An empty run at a place; at 0 a tree begins.
    #[must_use]
    pub fn at(begin: u64) -> Self {
        Self { begin, end: begin, hashes: Vec::new() }
    }

    /// A run that was kept; nothing when it has not as many hashes as such a run.
    #[must_use]
    pub fn restore(begin: u64, end: u64, hashes: Vec<Digest>) -> Option<Self> {
        let fits = begin <= end && subtrees(begin, end).count() == hashes.len();
        fits.then_some(Self { begin, end, hashes })
    }

    /// Its first leaf.
    #[must_use]
    pub fn begin(&self) -> u64 {
        self.begin
    }

    /// The leaf behind its last: the size of a tree.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The roots of its subtrees, from left to right.
    #[must_use]
    pub fn hashes(&self) -> &[Digest] {
        &self.hashes
    }

    /// Its subtrees with their roots.
    pub fn parts(&self) -> impl Iterator<Item = (Subtree, Digest)> {
        subtrees(self.begin, self.end).zip(self.hashes.iter().copied())
    }

    /// Adds the next leaf, by its hash.
    pub fn push(&mut self, leaf: Digest) {
        self.take(0, leaf);
    }

    /// Adds the run behind this one; false, and nothing is added, when it does not begin there.
    #[must_use]
    pub fn append(&mut self, next: &Self) -> bool {
        let follows = next.begin == self.end;
        if follows {
            next.parts().for_each(|(subtree, hash)| self.take(subtree.level, hash));
        }
        follows
    }

    /// Adds a subtree that begins at the end: two of one size that are siblings become one.
    pub(crate) fn take(&mut self, mut level: u32, mut hash: Digest) {
        let start = self.end;
        self.end += 1 << level;
        while start >> level & 1 == 1 && self.end - self.begin >= 2 << level {
            let Some(left) = self.hashes.pop() else { break };
            hash = node(&left, &hash);
            level += 1;
        }
        self.hashes.push(hash);
    }

    /// The root over the run: of a tree when it begins at 0, else of what is between two edges.
    #[must_use]
    pub fn root(&self) -> Digest {
        let mut from_right = self.hashes.iter().rev();
        let Some(&last) = from_right.next() else { return empty() };
        from_right.fold(last, |right, left| node(left, &right))
    }
}
