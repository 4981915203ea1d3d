//! What is known of the events that were appended last: whoever seals them need not read and hash
//! them again.
//!
//! It must never say anything of an event that was not appended here, nor leave one out.

use std::collections::VecDeque;

use proto::ids::Digest;

use crate::backend::Position;

/// How many events are known; of those before, the log is read.
const LEAVES: usize = 65_536;

/// One event of the node's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Its place in the chain.
    pub seq: u64,
    /// Where the log keeps it.
    pub position: Position,
    /// Its hash as a leaf of trees (RFC 6962).
    pub leaf: Digest,
    /// SHA-256 of its bytes.
    pub hash: Digest,
}

/// The last events, in order.
#[derive(Debug, Default)]
pub(crate) struct Leaves(VecDeque<Leaf>);

impl Leaves {
    pub(crate) fn push(&mut self, leaf: Leaf) {
        if self.0.len() == LEAVES {
            self.0.pop_front();
        }
        self.0.push_back(leaf);
    }

    /// Those behind a place of the chain, up to a position, and forgets those before; nothing when
    /// not all of them are known.
    pub(crate) fn behind(&mut self, seq: u64, until: Position) -> Option<Vec<Leaf>> {
        while self.0.front().is_some_and(|first| first.seq <= seq) {
            self.0.pop_front();
        }
        self.0.front().filter(|first| first.seq == seq + 1)?;
        let known = self.0.iter().take_while(|leaf| leaf.position <= until);
        Some(known.copied().collect())
    }
}
