//! Between openraft's types, the wire's and the disk's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use openraft::{AsyncRuntime, EntryPayload, LeaderId, Membership};
use proto::entry::{BadProposal, Batch};
use proto::peer::raft as wire;
use rkyv::rancor::Error as RkyvError;
use rkyv::util::AlignedVec;
use store_disk::raft::LogRecord;

use crate::types::{Batched, Entry, LogId, Seat, SnapshotMeta, StoredMembership, Vote};

const BLANK: u8 = 0;
const BATCH: u8 = 1;
const MEMBERSHIP: u8 = 2;

/// Bytes that are no entry of the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadEntry {
    #[error("{0}")]
    Proposal(#[from] BadProposal),
    #[error("the configuration is damaged: {0}")]
    Membership(RkyvError),
    #[error("{0} is no kind of entry that this program knows")]
    Kind(u8),
}

pub(crate) fn wire_log_id(at: &LogId) -> wire::LogId {
    wire::LogId { term: at.leader_id.term, node: at.leader_id.node_id, index: at.index }
}

pub(crate) fn log_id(at: wire::LogId) -> LogId {
    LogId { leader_id: LeaderId::new(at.term, at.node), index: at.index }
}

pub(crate) fn wire_vote(vote: &Vote) -> wire::Vote {
    let leader = &vote.leader_id;
    wire::Vote { term: leader.term, node: leader.node_id, committed: vote.committed }
}

pub(crate) fn vote(vote: wire::Vote) -> Vote {
    let wire::Vote { term, node, committed } = vote;
    Vote { leader_id: LeaderId::new(term, node), committed }
}

pub(crate) fn wire_membership(membership: &Membership<u64, Seat>) -> wire::Membership {
    let configs = membership.get_joint_config().iter();
    let configs = configs.map(|config| config.iter().copied().collect()).collect();
    let members = membership.nodes().map(|(raft_id, seat)| wire::Member {
        raft_id: *raft_id,
        node: seat.node.clone(),
        address: seat.address.clone(),
    });
    wire::Membership { configs, members: members.collect() }
}

pub(crate) fn membership(membership: wire::Membership) -> Membership<u64, Seat> {
    let configs: Vec<BTreeSet<u64>> =
        membership.configs.into_iter().map(|config| config.into_iter().collect()).collect();
    let seats = membership.members.into_iter().map(|member| {
        let wire::Member { raft_id, node, address } = member;
        (raft_id, Seat { node, address })
    });
    Membership::new(configs, seats.collect::<BTreeMap<_, _>>())
}

pub(crate) fn wire_meta(meta: &SnapshotMeta) -> wire::SnapshotMeta {
    wire::SnapshotMeta {
        id: meta.snapshot_id.clone(),
        last_log: meta.last_log_id.as_ref().map(wire_log_id),
        membership_at: meta.last_membership.log_id().as_ref().map(wire_log_id),
        membership: wire_membership(meta.last_membership.membership()),
    }
}

pub(crate) fn meta(meta: wire::SnapshotMeta) -> SnapshotMeta {
    let at = meta.membership_at.map(log_id);
    SnapshotMeta {
        last_log_id: meta.last_log.map(log_id),
        last_membership: StoredMembership::new(at, membership(meta.membership)),
        snapshot_id: meta.id,
    }
}

impl Batched {
    /// Reads a batch that came from elsewhere; it is validated before anything in it is believed.
    pub(crate) fn read(bytes: Bytes) -> Result<Self, BadProposal> {
        let batch = Arc::new(Batch::from_bytes(&bytes)?);
        Ok(Self { bytes, batch, turn: None })
    }
}

pub(crate) fn wire_entry<R: AsyncRuntime>(entry: &Entry<R>) -> wire::LogEntry {
    let payload = match &entry.payload {
        EntryPayload::Blank => wire::Payload::Blank,
        EntryPayload::Normal(batched) => wire::Payload::Batch(batched.bytes.to_vec()),
        EntryPayload::Membership(membership) => {
            wire::Payload::Membership(wire_membership(membership))
        }
    };
    wire::LogEntry { at: wire_log_id(&entry.log_id), payload }
}

pub(crate) fn entry<R: AsyncRuntime>(entry: wire::LogEntry) -> Result<Entry<R>, BadEntry> {
    let payload = match entry.payload {
        wire::Payload::Blank => EntryPayload::Blank,
        wire::Payload::Batch(bytes) => EntryPayload::Normal(Batched::read(bytes.into())?),
        wire::Payload::Membership(of) => EntryPayload::Membership(membership(of)),
    };
    Ok(Entry::<R> { log_id: log_id(entry.at), payload })
}

pub(crate) fn record<R: AsyncRuntime>(entry: &Entry<R>) -> Result<LogRecord, BadEntry> {
    let (kind, bytes) = match &entry.payload {
        EntryPayload::Blank => (BLANK, Bytes::new()),
        EntryPayload::Normal(batched) => (BATCH, batched.bytes.clone()),
        EntryPayload::Membership(membership) => {
            let bytes = rkyv::to_bytes::<RkyvError>(&wire_membership(membership));
            (MEMBERSHIP, bytes.map_err(BadEntry::Membership)?.to_vec().into())
        }
    };
    Ok(LogRecord { at: wire_log_id(&entry.log_id), kind, bytes })
}

pub(crate) fn recorded<R: AsyncRuntime>(record: LogRecord) -> Result<Entry<R>, BadEntry> {
    let payload = match record.kind {
        BLANK => EntryPayload::Blank,
        BATCH => EntryPayload::Normal(Batched::read(record.bytes)?),
        MEMBERSHIP => {
            let mut aligned = AlignedVec::<16>::with_capacity(record.bytes.len());
            aligned.extend_from_slice(&record.bytes);
            let read = rkyv::from_bytes::<wire::Membership, RkyvError>(&aligned);
            EntryPayload::Membership(membership(read.map_err(BadEntry::Membership)?))
        }
        other => return Err(BadEntry::Kind(other)),
    };
    Ok(Entry::<R> { log_id: log_id(record.at), payload })
}
