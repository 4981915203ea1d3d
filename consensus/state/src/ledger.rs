//! The ledger: every session that was closed, as a leaf of a Merkle tree (RFC 6962, section 2.1).
//!
//! Only the roots of its complete subtrees are kept, one for each bit of the count, so that a
//! closed session costs no room. It must never take a session twice.

use proto::ids::Digest;
use rkyv::{Archive, Deserialize, Serialize};

use crate::control_chain::sha256;
use crate::sessions::Closed;

/// The frontier of the tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct Ledger {
    count: u64,
    /// Roots of the complete subtrees, the largest first: one for each bit that is set in `count`.
    frontier: Vec<Digest>,
}

impl Ledger {
    /// How many sessions were closed.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The root over all of them; that of no leaves before the first.
    pub(crate) fn root(&self) -> Digest {
        let mut smallest_first = self.frontier.iter().rev();
        let Some(&last) = smallest_first.next() else { return sha256(b"") };
        smallest_first.fold(last, |right, left| node(left, &right))
    }

    /// Adds a session that was closed.
    pub(crate) fn add(&mut self, closed: &Closed<'_>) {
        let mut hash = leaf(&closed.to_bytes());
        // Two trees of one size become one of the next, as in adding one to a binary number.
        for _ in 0..self.count.trailing_ones() {
            let left = self.frontier.pop().unwrap_or(Digest::ZERO);
            hash = node(&left, &hash);
        }
        self.frontier.push(hash);
        self.count += 1;
    }
}

fn leaf(bytes: &[u8]) -> Digest {
    sha256(&[&[0], bytes].concat())
}

fn node(left: &Digest, right: &Digest) -> Digest {
    sha256(&[&[1], &left.0[..], &right.0[..]].concat())
}
