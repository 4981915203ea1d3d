//! Makes the proof of an event out of a record that is read twice: once to learn what covers it,
//! once to make the paths. Memory is bounded.

use proto::event::{Event, Kind};
use proto::ids::{Chain, EventId};

use crate::checkpoint::Checkpoint;
use crate::gaps::jumps_from;
use crate::note::Note;
use crate::path::Path;
use crate::proof::{FORMAT, InTree, Proof};
use crate::tree::leaf;

/// Why there is no proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoProof {
    /// The record does not have it.
    #[error("event {0} is not in this record")]
    NoEvent(EventId),
    /// No checkpoint covers it yet, or any more.
    #[error("no signed checkpoint covers event {0} yet")]
    NotCovered(EventId),
    /// The control chain's checkpoint is none.
    #[error("the checkpoint of the control chain: {0}")]
    Checkpoint(#[from] crate::note::BadNote),
    /// Events before it are missing: no path can be made.
    #[error("events of the chain {0} are missing")]
    Missing(Chain),
}

/// The leaves of one chain, counted as they come.
#[derive(Clone, Debug, Default)]
struct Count {
    leaves: u64,
    last: u64,
    /// Events are missing: what comes behind them has no number.
    broken: bool,
}

impl Count {
    /// The leaf of the next event of the chain; nothing before the tree begins and for copies.
    fn next(&mut self, base: u64, event: &Event) -> Option<u64> {
        let (seq, last) = (event.id.seq, self.last.max(base));
        if seq <= last {
            return None;
        }
        self.broken |= seq != last + 1 && jumps_from(event) != Some(last);
        self.last = seq;
        self.leaves += 1;
        Some(self.leaves - 1)
    }
}

/// The first pass: finds the event and what covers it.
#[derive(Debug)]
pub struct Finder {
    id: EventId,
    note: String,
    control: Checkpoint,
    count: Count,
    event: Option<String>,
    /// Where the event is in the control chain's tree.
    leaf: Option<u64>,
    /// What sealed it: the event, its leaf, base and size of the node's tree.
    sealed: Option<(String, u64, u64, u64)>,
}

impl Finder {
    /// Looks for an event under a signed checkpoint of the control chain.
    ///
    /// # Errors
    /// [`NoProof::Checkpoint`].
    pub fn new(id: EventId, control: &str) -> Result<Self, NoProof> {
        let note: Note = control.parse()?;
        let checkpoint = note.text.parse()?;
        Ok(Self {
            id,
            note: control.to_owned(),
            control: checkpoint,
            count: Count::default(),
            event: None,
            leaf: None,
            sealed: None,
        })
    }

    /// Takes the exact bytes of the next event.
    pub fn feed(&mut self, bytes: &[u8]) {
        if let Ok(event) = Event::read(bytes) {
            self.see(&event, bytes);
        }
    }

    /// The same of an event that was read already.
    pub fn see(&mut self, event: &Event, bytes: &[u8]) {
        if event.id.chain != Chain::Control && event.id != self.id {
            return;
        }
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        if event.id == self.id && self.event.is_none() {
            self.event = Some(text.to_owned());
        }
        if event.id.chain != Chain::Control {
            return;
        }
        let Some(leaf) = self.count.next(self.control.base, event) else { return };
        if leaf >= self.control.size {
            return;
        }
        if event.id == self.id {
            self.leaf = Some(leaf);
        }
        if let Some(Kind::CheckpointSealed(seal)) = &event.kind
            && self.sealed.is_none()
            && Chain::Node(seal.node.clone()) == self.id.chain
            && seal.base < self.id.seq
            && self.id.seq <= seal.base + seal.size
        {
            self.sealed = Some((text.to_owned(), leaf, seal.base, seal.size));
        }
    }

    /// The second pass.
    ///
    /// # Errors
    /// [`NoProof`] when the event is not here, or is not covered.
    pub fn found(self) -> Result<Prover, NoProof> {
        let Self { id, note, control, event, leaf, sealed, count } = self;
        let event = event.ok_or_else(|| NoProof::NoEvent(id.clone()))?;
        if count.broken {
            return Err(NoProof::Missing(Chain::Control));
        }
        let not_covered = || NoProof::NotCovered(id.clone());
        let (proven_leaf, own, sealed_leaf) = match (&id.chain, &sealed) {
            (Chain::Control, _) => (leaf.ok_or_else(not_covered)?, None, None),
            (Chain::Node(_), Some((_, sealed_leaf, base, size))) => {
                let own = id.seq - base - 1;
                let path = Path::of_leaf(own, *size).ok_or_else(not_covered)?;
                (own, Some((path, *base)), Some(*sealed_leaf))
            }
            (Chain::Node(_), None) => return Err(not_covered()),
        };
        let in_control = sealed_leaf.unwrap_or(proven_leaf);
        let path = Path::of_leaf(in_control, control.size).ok_or_else(not_covered)?;
        let sealed =
            sealed.filter(|_| sealed_leaf.is_some()).map(|(event, leaf, _, _)| (event, leaf));
        Ok(Prover {
            id,
            note,
            event,
            leaf: proven_leaf,
            sealed,
            control: (path, control.base, Count::default()),
            own: own.map(|(path, base)| (path, base, Count::default())),
        })
    }
}

/// The second pass: makes the paths.
#[derive(Debug)]
pub struct Prover {
    id: EventId,
    note: String,
    event: String,
    leaf: u64,
    sealed: Option<(String, u64)>,
    control: (Path, u64, Count),
    own: Option<(Path, u64, Count)>,
}

impl Prover {
    /// Which event.
    #[must_use]
    pub fn id(&self) -> &EventId {
        &self.id
    }

    /// Takes the exact bytes of the next event.
    pub fn feed(&mut self, bytes: &[u8]) {
        if let Ok(event) = Event::read(bytes) {
            self.see(&event, bytes);
        }
    }

    /// The same of an event that was read already.
    pub fn see(&mut self, event: &Event, bytes: &[u8]) {
        let tree = match &event.id.chain {
            Chain::Control => Some(&mut self.control),
            chain if *chain == self.id.chain => self.own.as_mut(),
            Chain::Node(_) => None,
        };
        if let Some((path, base, count)) = tree
            && count.next(*base, event).is_some()
        {
            path.push(leaf(bytes));
        }
    }

    /// The proof.
    ///
    /// # Errors
    /// [`NoProof::Missing`].
    pub fn finish(self) -> Result<Proof, NoProof> {
        let control = self.control.0.finish().ok_or(NoProof::Missing(Chain::Control))?;
        let own = match self.own {
            Some((path, _, count)) => {
                let whole = path.finish().filter(|_| !count.broken);
                Some(whole.ok_or(NoProof::Missing(self.id.chain))?)
            }
            None => None,
        };
        let (event, leaf) = (self.event, self.leaf);
        let (proven, sealed) = match (own, self.sealed) {
            (Some(path), Some((sealed, at))) => {
                let sealed = InTree { event: sealed, leaf: at, path: control };
                (InTree { event, leaf, path }, Some(sealed))
            }
            _ => (InTree { event, leaf, path: control }, None),
        };
        Ok(Proof { format: FORMAT.to_owned(), proven, sealed, control: self.note })
    }
}
