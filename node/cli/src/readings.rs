//! Readings of texts that come again: people and programs ask for the same commands all day, and
//! reading a text costs more than all else that is done with its event.
//!
//! A reading follows from the policy, the kind of target and channel, and the text; so the same is
//! given for the same. Only masked texts are kept here: a text that a key has opened never is.

use std::collections::HashMap;
use std::sync::Arc;

use node_enforce::decide::{Facts, read_command};
use node_enforce::policy::Policy;
use proto::ids::Digest;
use proto::reading::{Channel, Reading};
use proto::target::TargetKind;

/// How many texts are kept; when there are more, it begins anew.
const TEXTS_LIMIT: usize = 16_384;
/// How long a text that is kept is at most, in bytes.
const TEXT_BYTES: usize = 4096;

/// All that a reading depends on beside its text.
type Depends = (Digest, TargetKind, Channel);

/// Readings by their texts.
type Known = HashMap<Box<[u8]>, Arc<Reading>>;

/// Readings by what they follow from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Readings {
    /// Few: a policy, and kinds of targets and channels.
    known: Vec<(Depends, Known)>,
    texts: usize,
}

impl Readings {
    /// What is read in a masked text.
    pub(crate) fn of(&mut self, policy: &Policy, facts: &Facts<'_>, text: &[u8]) -> Arc<Reading> {
        let depends = (policy.digest(), facts.target.kind, facts.channel);
        let at = self.place(&depends);
        if let Some(known) = at.and_then(|at| self.known[at].1.get(text)) {
            return known.clone();
        }
        let reading = Arc::new(read_command(policy, facts, text));
        if text.len() <= TEXT_BYTES {
            if self.texts == TEXTS_LIMIT {
                *self = Self::default();
            }
            self.texts += 1;
            let at = self.place(&depends).unwrap_or_else(|| {
                self.known.push((depends, Known::new()));
                self.known.len() - 1
            });
            self.known[at].1.insert(text.into(), reading.clone());
        }
        reading
    }

    fn place(&self, depends: &Depends) -> Option<usize> {
        self.known.iter().position(|(known, _)| known == depends)
    }
}
