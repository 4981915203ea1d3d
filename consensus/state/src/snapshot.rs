//! Snapshots: the whole state as bytes.
//!
//! A version byte, then rkyv of a struct of lists. Indexes are not in it; they are made again.
//! Equal states have equal bytes. A version that was ever written is read for ever.
//!
//! Version 2 is the bytes of version 1, their length before them, and behind them those of what
//! came later. It is written once the cluster's version is 2, so that older nodes read what they
//! are sent.

#![allow(missing_docs, reason = "rkyv derives a resolver whose fields it does not document")]

use std::sync::Arc;
use std::time::Duration;

use proto::entry::{ApprovalId, By};
use proto::event::{DraftKey, Head, Stamped};
use proto::ids::{Chain, Digest, Epoch, EventId, Name};
use proto::person::Person;
use proto::target::Target;
use proto::time::Utc;
use rkyv::rancor::Error as RkyvError;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Deserialize, Serialize};
use store_proof::tree::Range;

use crate::approvals::{Approval, Approvals};
use crate::control_chain::ControlChain;
use crate::documents::Listed;
use crate::ledger::Ledger;
use crate::locks::{Lock, Locks};
use crate::membership::Token;
use crate::nodes::{Node, Nodes};
use crate::planted::{Bug, planted};
use crate::policy::{Policies, PolicyRevision};
use crate::replies::Last;
use crate::seals::{ControlCheckpoint, ControlTree, SEALS_SINCE, SealedChain, Seals};
use crate::secrets::{SealedCheckpoint, Wrapped};
use crate::sessions::{Numbers, OpenSession, Sessions};
use crate::state::State;

/// The version that this program writes; it reads all up to this.
pub const SNAPSHOT_VERSION: u8 = 2;

/// Bytes that are not a snapshot.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadSnapshot {
    /// A version that this program does not read.
    #[error("snapshot version {0} is not one that this program reads (up to {SNAPSHOT_VERSION})")]
    Version(u8),
    /// Not the bytes of a snapshot.
    #[error("snapshot bytes are damaged: {0}")]
    Damaged(String),
}

/// The state as it lies in a snapshot of version 1.
#[derive(Archive, Serialize, Deserialize)]
struct Frozen {
    cluster: Name,
    contact_ms: u64,
    version: u32,
    policies: Vec<FrozenPolicy>,
    people: Vec<Person>,
    people_revision: u64,
    targets: Vec<Target>,
    targets_revision: u64,
    nodes: Vec<Node>,
    last_raft_id: u64,
    tokens: Vec<(Digest, Token)>,
    sessions: Vec<OpenSession>,
    numbers: Vec<(Name, Numbers)>,
    ledger: Ledger,
    approvals: Vec<Approval>,
    ended: Vec<ApprovalId>,
    locks: Vec<Lock>,
    secrets: Vec<(Name, Wrapped)>,
    checkpoints: Vec<(Name, SealedCheckpoint)>,
    chain_seq: u64,
    chain_hash: Option<Digest>,
    unpublished: Vec<(u64, Vec<u8>)>,
    lanes: Vec<(Name, u32, Last)>,
    applied: u64,
    time: Utc,
}

#[derive(Archive, Serialize, Deserialize)]
struct FrozenPolicy {
    digest: Digest,
    /// Absent when an earlier revision has the same text.
    document: Option<String>,
    at: Utc,
    by: By,
    approval: Option<ApprovalId>,
}

impl State {
    /// The bytes of the whole state: equal states have equal bytes.
    #[must_use]
    pub fn to_snapshot(&self) -> Vec<u8> {
        let body = rkyv::to_bytes::<RkyvError>(&Frozen::of(self));
        let body = body.expect("a state within its limits fits");
        if self.version < SEALS_SINCE {
            return [&[1], &body[..]].concat();
        }
        let later = rkyv::to_bytes::<RkyvError>(&FrozenSeals::of(&self.seals));
        let later = later.expect("a state within its limits fits");
        let length = (body.len() as u64).to_le_bytes();
        [&[SNAPSHOT_VERSION], &length[..], &body, &later].concat()
    }

    /// Reads a snapshot; its bytes are validated before anything is believed.
    ///
    /// # Errors
    /// [`BadSnapshot`] when they are not a snapshot of a version up to this one.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, BadSnapshot> {
        let damaged = |what: &str| BadSnapshot::Damaged(what.to_owned());
        let (version, body) = bytes.split_first().ok_or_else(|| damaged("no bytes"))?;
        let (body, later) = match *version {
            1 => (body, None),
            SNAPSHOT_VERSION => {
                let parts = body.split_first_chunk::<8>().and_then(|(length, rest)| {
                    rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)
                });
                parts
                    .map(|(body, later)| (body, Some(later)))
                    .ok_or_else(|| damaged("its length"))?
            }
            other => return Err(BadSnapshot::Version(other)),
        };
        let aligned = aligned(body);
        let frozen = rkyv::from_bytes::<Frozen, RkyvError>(&aligned);
        let frozen = frozen.map_err(|error| BadSnapshot::Damaged(error.to_string()))?;
        let misfit = || damaged("its parts do not fit together");
        let mut state = frozen.thaw().ok_or_else(misfit)?;
        if let Some(later) = later {
            let later = rkyv::from_bytes::<FrozenSeals, RkyvError>(&self::aligned(later));
            let later = later.map_err(|error| BadSnapshot::Damaged(error.to_string()))?;
            state.seals = later.thaw().ok_or_else(misfit)?;
        }
        Ok(state)
    }
}

/// rkyv reads in place and needs alignment, which a slice of a file does not have.
fn aligned(bytes: &[u8]) -> AlignedVec<16> {
    let mut aligned = AlignedVec::<16>::with_capacity(bytes.len());
    aligned.extend_from_slice(bytes);
    aligned
}

/// What version 2 has behind version 1.
#[derive(Archive, Serialize, Deserialize)]
struct FrozenSeals {
    keys: Vec<(Name, [u8; 32])>,
    chains: Vec<(Name, SealedChain)>,
    control: Option<FrozenTree>,
}

#[derive(Archive, Serialize, Deserialize)]
struct FrozenTree {
    base: u64,
    size: u64,
    hashes: Vec<Digest>,
    open: Option<ControlCheckpoint>,
    sealed: Option<ControlCheckpoint>,
}

impl FrozenSeals {
    fn of(seals: &Seals) -> Self {
        let control = seals.control.as_ref().map(|tree| FrozenTree {
            base: tree.base,
            size: tree.range.end(),
            hashes: tree.range.hashes().to_vec(),
            open: tree.open.clone(),
            sealed: tree.sealed.clone(),
        });
        Self { keys: pairs(&seals.keys), chains: pairs(&seals.chains), control }
    }

    fn thaw(self) -> Option<Seals> {
        let (keys, chains) = (self.keys.into_iter().collect(), self.chains.into_iter().collect());
        let Some(FrozenTree { base, size, hashes, open, sealed }) = self.control else {
            return Some(Seals { keys, chains, control: None });
        };
        let range = Range::restore(0, size, hashes)?;
        Some(Seals { keys, chains, control: Some(ControlTree { base, range, open, sealed }) })
    }
}

impl Frozen {
    fn of(state: &State) -> Self {
        let lanes = state.replies.0.iter().flat_map(|(node, lanes)| {
            lanes.iter().map(|(lane, last)| (node.clone(), *lane, last.clone()))
        });
        let unpublished = state.chain.unpublished();
        Self {
            cluster: state.cluster.clone(),
            contact_ms: u64::try_from(state.contact.as_millis()).unwrap_or(u64::MAX),
            version: state.version,
            policies: freeze(&state.policies),
            people: state.people.by_name.values().cloned().collect(),
            people_revision: state.people.revision,
            targets: state.targets.by_name.values().cloned().collect(),
            targets_revision: state.targets.revision,
            nodes: state.nodes.by_name.values().cloned().collect(),
            last_raft_id: state.nodes.last_raft_id,
            tokens: pairs(&state.tokens),
            sessions: state.sessions.open().cloned().collect(),
            numbers: pairs(&state.sessions.numbers),
            ledger: state.ledger.clone(),
            approvals: state.approvals.iter().cloned().collect(),
            ended: state.approvals.ended().collect(),
            locks: state.locks.iter().cloned().collect(),
            secrets: pairs(&state.secrets),
            checkpoints: pairs(&state.checkpoints),
            chain_seq: state.chain.head.seq,
            chain_hash: state.chain.head.hash,
            unpublished: unpublished.map(|event| (event.id.seq, event.bytes.clone())).collect(),
            lanes: lanes.collect(),
            applied: state.applied,
            time: state.time,
        }
    }

    /// The state, with its indexes; nothing when parts of it do not fit together.
    fn thaw(self) -> Option<State> {
        let now = self.time;
        let mut state = State::new(self.cluster);
        (state.contact, state.version) = (Duration::from_millis(self.contact_ms), self.version);
        state.policies = thaw(self.policies)?;
        state.people = listed(self.people, self.people_revision, |person| &person.name);
        state.targets = listed(self.targets, self.targets_revision, |target| &target.name);
        state.nodes = nodes(self.nodes, self.last_raft_id);
        state.tokens = self.tokens.into_iter().collect();
        state.sessions = sessions(self.sessions, self.numbers);
        state.ledger = self.ledger;
        state.approvals = Approvals::restore(self.approvals, self.ended, now)?;
        state.locks = locks(self.locks);
        state.secrets = self.secrets.into_iter().collect();
        state.checkpoints = self.checkpoints.into_iter().collect();
        let head = Head { seq: self.chain_seq, hash: self.chain_hash };
        state.chain = ControlChain::restore(self.unpublished.into_iter().map(event), head)?;
        let kept = |_: &_| !planted(Bug::SnapshotWithoutReplies);
        for (node, lane, last) in self.lanes.into_iter().filter(kept) {
            state.replies.0.entry(node).or_default().insert(lane, last);
        }
        (state.applied, state.time) = (self.applied, now);
        Some(state)
    }
}

fn pairs<K: Clone, V: Clone>(map: &std::collections::BTreeMap<K, V>) -> Vec<(K, V)> {
    map.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn listed<T>(items: Vec<T>, revision: u64, name: impl Fn(&T) -> &Name) -> Listed<T> {
    let by_name = items.into_iter().map(|item| (name(&item).clone(), item)).collect();
    Listed { by_name, revision }
}

fn nodes(nodes: Vec<Node>, last_raft_id: u64) -> Nodes {
    let mut restored = Nodes { last_raft_id, ..Nodes::default() };
    nodes.into_iter().for_each(|node| restored.insert(node));
    restored
}

fn sessions(open: Vec<OpenSession>, numbers: Vec<(Name, Numbers)>) -> Sessions {
    let mut restored = Sessions::default();
    open.into_iter().for_each(|session| restored.insert(session));
    restored.numbers = numbers.into_iter().collect();
    restored
}

fn locks(locks: Vec<Lock>) -> Locks {
    let mut restored = Locks::default();
    let kept = locks.into_iter().filter(|_| !planted(Bug::SnapshotWithoutLocks));
    kept.for_each(|lock| restored.insert(lock));
    restored
}

/// An event of the control chain is about no session, so its draft has no name of its own.
fn event((seq, bytes): (u64, Vec<u8>)) -> Stamped {
    let id = EventId { chain: Chain::Control, epoch: Epoch(0), seq };
    Stamped { id, key: DraftKey { session: None, session_seq: 0 }, bytes }
}

fn freeze(policies: &Policies) -> Vec<FrozenPolicy> {
    let mut written = std::collections::BTreeSet::new();
    let freeze = |policy: &PolicyRevision| FrozenPolicy {
        digest: policy.digest,
        document: written.insert(policy.digest).then(|| policy.document.to_string()),
        at: policy.at,
        by: policy.by.clone(),
        approval: policy.approval,
    };
    policies.revisions().iter().map(freeze).collect()
}

fn thaw(frozen: Vec<FrozenPolicy>) -> Option<Policies> {
    let mut policies = Policies::default();
    let mut documents = std::collections::BTreeMap::new();
    for FrozenPolicy { digest, document, at, by, approval } in frozen {
        if let Some(document) = document {
            documents.insert(digest, Arc::<str>::from(document));
        }
        let document = documents.get(&digest)?.clone();
        let revision = policies.current() + 1;
        policies.push(PolicyRevision { revision, digest, document, at, by, approval });
    }
    Some(policies)
}
