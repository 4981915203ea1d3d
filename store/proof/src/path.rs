//! Paths through the tree of RFC 6962: that a leaf is in it (section 2.1.1), and that one tree goes
//! on another (2.1.2). They are verified as RFC 9162 says (2.1.3.2, 2.1.4.2).
//!
//! A path is the roots of runs of leaves. Which runs is known beforehand, so that one pass over the
//! leaves makes any path in bounded memory.

use proto::ids::Digest;

use crate::tree::{Range, empty, node};

/// The longest path: one hash for each level, and one more between two trees.
pub const PATH_LIMIT: usize = 65;

/// Makes a path out of leaves that come in order.
#[derive(Clone, Debug)]
pub struct Path {
    /// The runs in the order of the path.
    runs: Vec<(u64, u64, Range)>,
    next: u64,
}

impl Path {
    /// The path of a leaf in a tree of a size; nothing when it is not in it.
    #[must_use]
    pub fn of_leaf(index: u64, size: u64) -> Option<Self> {
        if index >= size {
            return None;
        }
        let mut runs = Vec::new();
        let (mut low, mut high) = (0, size);
        while high - low > 1 {
            let middle = low + split(high - low);
            if index < middle {
                runs.push((middle, high));
                high = middle;
            } else {
                runs.push((low, middle));
                low = middle;
            }
        }
        runs.reverse();
        Some(Self::over(runs))
    }

    /// The path from a tree to a larger one that goes on it; nothing when it is smaller.
    #[must_use]
    pub fn between(old: u64, new: u64) -> Option<Self> {
        if old > new {
            return None;
        }
        let mut runs = Vec::new();
        let (mut low, mut high, mut whole) = (0, new, true);
        while old != high && old > 0 {
            let middle = low + split(high - low);
            if old <= middle {
                runs.push((middle, high));
                high = middle;
            } else {
                runs.push((low, middle));
                (low, whole) = (middle, false);
            }
        }
        if !whole {
            runs.push((low, high));
        }
        runs.reverse();
        Some(Self::over(runs))
    }

    fn over(runs: Vec<(u64, u64)>) -> Self {
        let runs = runs.into_iter().map(|(low, high)| (low, high, Range::at(low)));
        Self { runs: runs.collect(), next: 0 }
    }

    /// The leaf that it takes next.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Takes the next leaf, by its hash.
    pub fn push(&mut self, leaf: Digest) {
        self.take(0, leaf);
    }

    /// Takes the leaves before the first that is there, as the run of them; false when it does not
    /// begin where the path stands.
    #[must_use]
    pub fn begin_with(&mut self, before: &Range) -> bool {
        let fits = before.begin() == self.next;
        if fits {
            before.parts().for_each(|(subtree, hash)| self.take(subtree.level, hash));
        }
        fits
    }

    fn take(&mut self, level: u32, hash: Digest) {
        let (start, end) = (self.next, self.next + (1 << level));
        self.next = end;
        let within = |(low, high, _): &&mut (u64, u64, Range)| *low <= start && end <= *high;
        if let Some((_, _, run)) = self.runs.iter_mut().find(within) {
            run.take(level, hash);
        }
    }

    /// The path; nothing when leaves of it are missing.
    #[must_use]
    pub fn finish(self) -> Option<Vec<Digest>> {
        let whole = self.runs.iter().all(|(_, high, run)| run.end() == *high);
        whole.then(|| self.runs.iter().map(|(_, _, run)| run.root()).collect())
    }
}

/// The largest power of two below a size above 1.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// Whether a path leads from a leaf, by its hash, to the root of a tree.
#[must_use]
pub fn leads_to(leaf: &Digest, index: u64, size: u64, path: &[Digest], root: &Digest) -> bool {
    if index >= size {
        return false;
    }
    let (mut place, mut last, mut reached) = (index, size - 1, *leaf);
    for hash in path {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            reached = node(hash, &reached);
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            reached = node(&reached, hash);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    last == 0 && reached == *root
}

/// Whether the tree of `new` goes on that of `old`; each is a size and a root.
#[must_use]
pub fn goes_on(old: (u64, &Digest), new: (u64, &Digest), path: &[Digest]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size > new_size {
        return false;
    }
    if old_size == new_size {
        return path.is_empty() && old_root == new_root;
    }
    if old_size == 0 {
        return path.is_empty() && *old_root == empty();
    }
    let (mut place, mut last) = (old_size - 1, new_size - 1);
    while place & 1 == 1 {
        (place, last) = (place >> 1, last >> 1);
    }
    let mut hashes = path.iter();
    let first = if old_size.is_power_of_two() { Some(old_root) } else { hashes.next() };
    let Some(first) = first else { return false };
    let (mut to_old, mut to_new) = (*first, *first);
    for hash in hashes {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            (to_old, to_new) = (node(hash, &to_old), node(hash, &to_new));
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            to_new = node(&to_new, hash);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    last == 0 && to_old == *old_root && to_new == *new_root
}
