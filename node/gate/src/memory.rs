//! What a gate made of the last texts: reading, masking and judging by regular expressions cost
//! most of what a prepared statement costs, and come out the same each time.
//!
//! It must never remember what may come out otherwise: nothing of what is bound to a text, no
//! decision, and nothing past another policy or other masks.

use std::collections::HashMap;
use std::sync::Arc;

use node_enforce::mask::MaskPlan;
use node_enforce::policy::Policy;
use node_enforce::reader::{Cut, Shown};
use proto::reading::{Channel, Reading};
use proto::target::TargetKind;
use ring::digest::{SHA256, digest};

use crate::facts::SessionFacts;

/// How many texts are remembered, and of how many bytes together.
const TEXTS: usize = 64;
const TEXT_BYTES: usize = 64 * 1024;

/// What was made of a text, whatever is bound to it.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) above: Shown,
    pub(crate) below: Shown,
    /// Masked; what was found in the text and in what is bound is not in it yet.
    pub(crate) reading: Reading,
    /// Whether all that is known of it is that it reads.
    pub(crate) only_reads: bool,
}

/// What readings depend on beside their bytes.
type Of = (Arc<Policy>, Arc<MaskPlan>, TargetKind, Channel);

/// The last texts of a session.
#[derive(Default)]
pub(crate) struct Memory {
    of: Option<Of>,
    /// By a digest of all that stands before what is bound: raw text is not kept.
    known: HashMap<[u8; 32], Arc<Known>>,
    bytes: usize,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Memory({} texts)", self.known.len())
    }
}

impl Memory {
    /// What was made of a text, made by `make` if it is not remembered.
    pub(crate) fn of(
        &mut self,
        facts: &SessionFacts,
        cut: &Cut<'_>,
        make: impl FnOnce() -> Known,
    ) -> Arc<Known> {
        if !self.is_of(facts) {
            let of = (facts.policy.clone(), facts.masks.clone(), facts.target.kind, facts.channel);
            *self = Self { of: Some(of), ..Self::default() };
        }
        let text = cut.before();
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, text).as_ref());
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let known = Arc::new(make());
        if text.len() > TEXT_BYTES {
            return known;
        }
        if self.known.len() >= TEXTS || self.bytes + text.len() > TEXT_BYTES {
            self.known.clear();
            self.bytes = 0;
        }
        self.bytes += text.len();
        self.known.insert(key, known.clone());
        known
    }

    fn is_of(&self, facts: &SessionFacts) -> bool {
        self.of.as_ref().is_some_and(|(policy, masks, kind, channel)| {
            Arc::ptr_eq(policy, &facts.policy)
                && Arc::ptr_eq(masks, &facts.masks)
                && (*kind, *channel) == (facts.target.kind, facts.channel)
        })
    }

    /// How many texts are remembered, and their bytes.
    #[cfg(test)]
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.known.len(), self.bytes)
    }
}
