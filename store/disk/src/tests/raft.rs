//! Tests of what Raft must never forget.

mod closing;
mod crashes;
mod damage;
mod disks;

use std::collections::BTreeMap;

use bytes::Bytes;
use proto::ids::Epoch;
use proto::peer::raft::{LogId, Membership, SnapshotMeta, Vote};

use crate::raft::{Heads, Identity, Kept, LogRecord, OpenError, RaftStore, Write, Writer};
use crate::storage::Simulated;

fn open(disk: &Simulated) -> Result<(RaftStore, Writer), OpenError> {
    RaftStore::open(disk)
}

fn at(term: u64, index: u64) -> LogId {
    LogId { term, node: 1, index }
}

fn entry(term: u64, index: u64, length: usize) -> LogRecord {
    let letter = b'a' + u8::try_from((term + index) % 26).unwrap();
    LogRecord { at: at(term, index), kind: 1, bytes: Bytes::from(vec![letter; length]) }
}

fn vote(term: u64, committed: bool) -> Vote {
    Vote { term, node: 1, committed }
}

fn identity(starts: u64) -> Identity {
    Identity {
        cluster: "fleet".parse().unwrap(),
        node: "gw-1".parse().unwrap(),
        raft_id: 1,
        epoch: Epoch(starts),
        nonce: starts * 7,
        starts,
    }
}

fn snapshot(number: u64, last: LogId, parts: u32, bytes: u64) -> Kept {
    let membership = Membership { configs: vec![vec![1]], members: Vec::new() };
    let meta = SnapshotMeta {
        id: format!("{number}"),
        last_log: Some(last),
        membership_at: None,
        membership,
    };
    Kept { number, parts, bytes, meta }
}

/// What somebody outside knows of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Model {
    heads: Heads,
    log: BTreeMap<u64, LogRecord>,
    parts: BTreeMap<(u64, u32), Bytes>,
}

impl Model {
    fn perform(&mut self, write: &Write) {
        let heads = &mut self.heads;
        match write {
            Write::Vote(vote) => heads.vote = Some(*vote),
            Write::Append(records) => {
                for record in records {
                    self.log.insert(record.at.index, record.clone());
                    heads.last = Some(record.at);
                }
            }
            Write::Truncate(from) => {
                self.log.split_off(from);
                let last = self.log.values().next_back().map(|record| record.at);
                heads.last = last.or(heads.purged);
            }
            Write::Purge(up_to) => {
                self.log = self.log.split_off(&(up_to.index + 1));
                heads.purged = Some(*up_to);
                let last = self.log.values().next_back().map(|record| record.at);
                heads.last = last.or(heads.purged);
            }
            Write::Committed(at) => heads.committed = heads.committed.max(Some(*at)),
            Write::Identity(identity) => heads.identity = Some(identity.clone()),
            Write::SnapshotPart { number, part, bytes } => {
                self.parts.insert((*number, *part), bytes.clone());
            }
            Write::Snapshot(kept) => {
                self.parts.retain(|(number, _), _| *number == kept.number);
                heads.snapshot = Some(kept.clone());
            }
        }
    }

    /// What the store says, in the shape of a model; parts only of the current snapshot.
    fn of(store: &RaftStore) -> Self {
        let heads = store.heads();
        let entries = store.entries(0..u64::MAX).unwrap();
        let log = entries.into_iter().map(|record| (record.at.index, record)).collect();
        let mut parts = BTreeMap::new();
        if let Some(kept) = &heads.snapshot {
            for part in 0..kept.parts {
                let bytes = store.snapshot_part(kept.number, part).unwrap();
                parts.insert((kept.number, part), bytes);
            }
        }
        Self { heads, log, parts }
    }

    /// As [`Model::of`] would say it: without parts of snapshots that are not whole, and without
    /// the marker that may be forgotten.
    fn durable(&self) -> Self {
        let mut model = self.clone();
        let current = model.heads.snapshot.as_ref().map(|kept| kept.number);
        model.parts.retain(|(number, _), _| Some(*number) == current);
        model.heads.committed = None;
        model
    }
}
