//! Seals the record: signs checkpoints of this node's chain and, with the others, of the control
//! chain.
//!
//! Only durable events are sealed, in order, and nothing is sealed twice: where to go on is what
//! the cluster has kept. It must never delay an event; a checkpoint that cannot be made now covers
//! more when it can.

use std::sync::Arc;
use std::time::Duration;

use consensus_raft::Replica;
use consensus_state::{Denied, Reply, SealedChain, State};
use proto::entry::{ChainSealing, ControlSigning, Entry, NodeKeySetting, Passing};
use proto::event::Head;
use proto::ids::{Chain, Digest, Name};
use ring::signature::Ed25519KeyPair;
use store_disk::Journal;
use store_log::{Backend as _, Log, Position, ReadError};
use store_proof::checkpoint::Checkpoint;
use store_proof::note::public;
use store_proof::tree::{Range, leaf};
use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::errors::Error;
use crate::home::Card;

/// A checkpoint is made this often, when there is anything new.
const SEAL_EVERY: Duration = Duration::from_secs(1);
/// And sooner when so many records are new.
const SEAL_RECORDS: u64 = 4_096;
/// It is looked this often whether so many are new.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// One checkpoint adds at most so many events; the next goes on.
const EVENTS_AT_ONCE: u64 = 65_536;
/// So many records are read at a time.
const BATCH: usize = 512;

/// What a node needs to seal.
pub(crate) struct Sealing {
    cluster: Name,
    node: Name,
    pair: Ed25519KeyPair,
    record: Arc<Log<Journal>>,
    replica: Arc<Replica>,
    more: Arc<Notify>,
    /// Held while a checkpoint is made.
    sealing: Mutex<()>,
}

/// Events that are new since the checkpoint before.
struct Added {
    base: u64,
    leaves: Range,
    head: Digest,
}

/// Why nothing was sealed.
#[derive(Debug, thiserror::Error)]
enum NotSealed {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Propose(#[from] consensus_raft::ProposeError),
    #[error("the cluster refused: {0}")]
    Denied(Denied),
    #[error("reading the record ended badly")]
    Broken,
}

/// Whether the record holds what was sealed of it. A record that ends before, or has another event
/// there, must take nothing more: what came then would be a second history.
///
/// # Errors
/// [`Error::Record`], saying what is not there.
pub(crate) fn check(journal: &Journal, state: &State, node: &Name) -> Result<(), Error> {
    let Some(sealed) = state.sealed_chain(node) else { return Ok(()) };
    let (last, Head { seq, .. }) = (sealed.last(), journal.heads().node);
    if seq < last {
        return Err(Error::Record(format!(
            "the record of this node ends at event {seq}, and events up to {last} were sealed: \
             its end was taken away"
        )));
    }
    let found = journal.find(false, last).map_err(|error| Error::Record(error.to_string()))?;
    match found {
        Some(stored) if sha256(&stored.bytes) != sealed.head => Err(Error::Record(format!(
            "event {last} of this node is not the one that was sealed: the record was rewritten"
        ))),
        // Sealed and acknowledged events may be gone from the start of a record.
        _ => Ok(()),
    }
}

impl Sealing {
    /// A node's sealing; `more` is told when somebody is to sign, or may go on.
    pub(crate) fn of(
        card: &Card,
        pair: Ed25519KeyPair,
        record: Arc<Log<Journal>>,
        replica: Arc<Replica>,
        more: Arc<Notify>,
    ) -> Arc<Self> {
        let (cluster, node) = (card.cluster.clone(), card.node.clone());
        Arc::new(Self { cluster, node, pair, record, replica, more, sealing: Mutex::default() })
    }

    /// Seals until the node stops.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (mut sealed_at, mut cut_at, mut next) = (Instant::now(), Instant::now(), None);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = look.tick() => {}
                () = self.more.notified() => {}
            }
            let last = self.record.usage().last.0;
            let new = last.saturating_sub(next.map_or(0, |next: Position| next.0));
            if sealed_at.elapsed() >= SEAL_EVERY || new >= SEAL_RECORDS {
                sealed_at = Instant::now();
                next = self.told(self.seal(next).await).flatten().or(next);
            }
            let may_cut = cut_at.elapsed() >= SEAL_EVERY;
            if may_cut {
                cut_at = Instant::now();
            }
            self.told(self.sign(may_cut).await);
        }
    }

    /// Seals all that is there: for a node that stops.
    pub(crate) async fn finish(&self) {
        self.told(self.seal(None).await);
        self.told(self.sign(true).await);
    }

    fn told<T>(&self, result: Result<T, NotSealed>) -> Option<T> {
        match result {
            Ok(done) => Some(done),
            Err(NotSealed::Propose(error)) => {
                tracing::debug!(%error, "a checkpoint waits for the cluster");
                None
            }
            // A node that was lost says so, and goes on when it is seen again.
            Err(NotSealed::Denied(denied @ Denied::NodeLost(_))) => {
                tracing::debug!(%denied, "a checkpoint waits for the cluster");
                None
            }
            Err(error) => {
                metrics::counter!("sallyport_seal_failures_total").increment(1);
                tracing::error!(%error, node = %self.node, "the record is not sealed");
                None
            }
        }
    }

    /// Seals what is new; gives where the next record is.
    async fn seal(&self, from: Option<Position>) -> Result<Option<Position>, NotSealed> {
        let _one_at_a_time = self.sealing.lock().await;
        let (known, version, sealed) = self.replica.with_state(|state| {
            let sealed = state.sealed_chain(&self.node).cloned();
            (state.node_key(&self.node), state.cluster_version(), sealed)
        });
        let (node, epoch) = (self.node.clone(), self.record.epoch());
        let public = public(&self.pair);
        if known.is_none_or(|known| *known.public() != public) {
            let entry = Entry::NodeKeySet(NodeKeySetting { node, epoch, public });
            if version < entry.since() {
                return Ok(None);
            }
            self.propose(entry).await?;
            return Ok(None);
        }
        let (added, next) = match sealed.as_ref().and_then(|sealed| self.known(sealed)) {
            Some((added, next)) => (Some(added), next),
            None => {
                let (journal, before) = (self.record.backend().clone(), sealed.clone());
                let reading = move || added(&journal, before.as_ref(), from);
                tokio::task::spawn_blocking(reading).await.map_err(|_| NotSealed::Broken)??
            }
        };
        let Some(Added { base, leaves, head }) = added else { return Ok(Some(next)) };
        let before = sealed.as_ref().map_or(Some(Range::at(0)), SealedChain::range);
        let mut tree = before.ok_or(NotSealed::Broken)?;
        if !tree.append(&leaves) {
            return Err(NotSealed::Broken);
        }
        let (size, root) = (tree.end(), tree.root());
        let (cluster, chain) = (self.cluster.clone(), Chain::Node(node.clone()));
        let text = Checkpoint { cluster, chain, size, root, head, epoch, base }.to_string();
        let signature = self.pair.sign(text.as_bytes()).as_ref().to_vec();
        let added = leaves.hashes().to_vec();
        let sealing = ChainSealing { node, epoch, base, size, root, head, added, signature };
        self.propose(Entry::ChainSealed(sealing)).await?;
        Ok(Some(next))
    }

    /// What came behind a checkpoint, when the log knows that without reading, and where to go on.
    fn known(&self, sealed: &SealedChain) -> Option<(Added, Position)> {
        let durable = self.record.usage().last;
        let mut known = self.record.leaves(sealed.last(), durable)?;
        known.truncate(usize::try_from(EVENTS_AT_ONCE).unwrap_or(usize::MAX));
        let last = known.last()?;
        let (head, next) = (last.hash, last.position.next());
        let mut leaves = Range::at(sealed.size);
        known.iter().for_each(|one| leaves.push(one.leaf));
        Some((Added { base: sealed.base, leaves, head }, next))
    }

    /// Has the control chain's checkpoint made, when this node leads and may, and signs it.
    async fn sign(&self, may_cut: bool) -> Result<(), NotSealed> {
        let node = self.node.clone();
        if may_cut && self.leads() && self.replica.with_state(State::control_is_ahead) {
            self.propose(Entry::ControlCut(Passing { node: node.clone() })).await?;
        }
        let to_sign = self.replica.with_state(|state| {
            let registered = state.node_key(&node).is_some();
            state.control_to_sign(&node).filter(|_| registered)
        });
        if let Some((size, text)) = to_sign {
            let signature = self.pair.sign(text.as_bytes()).as_ref().to_vec();
            self.propose(Entry::ControlSigned(ControlSigning { node, size, signature })).await?;
        }
        Ok(())
    }

    fn leads(&self) -> bool {
        let status = self.replica.status();
        status.leader == Some(status.raft_id)
    }

    async fn propose(&self, entry: Entry) -> Result<(), NotSealed> {
        match self.replica.propose(entry).await?.reply {
            Reply::Refused(denied) => Err(NotSealed::Denied(denied)),
            _ => Ok(()),
        }
    }
}

/// Reads what is behind a checkpoint, from where that is when it is known; gives what it added, and
/// where to go on.
fn added(
    journal: &Journal,
    sealed: Option<&SealedChain>,
    from: Option<Position>,
) -> Result<(Option<Added>, Position), ReadError> {
    let end = journal.usage().last;
    let mut base = sealed.map(|sealed| sealed.base);
    let mut expected = sealed.map(|sealed| sealed.last() + 1);
    let from = match (from, expected) {
        (Some(from), Some(_)) => from,
        (_, None) => journal.oldest(),
        (None, Some(seq)) => match journal.find(false, seq)? {
            Some(stored) => stored.position,
            // Nothing came since.
            None => return Ok((None, end.next())),
        },
    };
    let size = sealed.map_or(0, |sealed| sealed.size);
    let (mut leaves, mut newest, mut next) = (Range::at(size), None, from);
    while next <= end && leaves.end() - size < EVENTS_AT_ONCE {
        let batch = journal.read(next, BATCH)?;
        let Some(last) = batch.last().map(|stored| stored.position) else { break };
        for stored in batch.into_iter().filter(|stored| !stored.control) {
            // A checkpoint whose answer was lost has been taken all the same.
            if expected.is_some_and(|expected| stored.seq < expected) {
                continue;
            }
            if expected.is_some_and(|expected| stored.seq > expected) {
                let what = format!("event {} is not the one behind a checkpoint", stored.seq);
                return Err(ReadError::Damaged { position: stored.position.0, what });
            }
            base.get_or_insert(stored.seq - 1);
            expected = Some(stored.seq + 1);
            leaves.push(leaf(&stored.bytes));
            newest = Some(stored.bytes);
        }
        next = last.next();
    }
    let head = newest.map(|bytes| sha256(&bytes));
    let found = head.zip(base).map(|(head, base)| Added { base, leaves, head });
    Ok((found, next))
}

fn sha256(bytes: &[u8]) -> Digest {
    let mut digest = Digest::ZERO;
    digest.0.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    digest
}
