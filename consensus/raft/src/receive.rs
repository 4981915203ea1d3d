//! A snapshot on its way from the leader, piece by piece.

use bytes::Bytes;
use proto::peer::raft::{SnapshotChunk, SnapshotMeta, Vote};

use crate::config::SNAPSHOT_LIMIT;

/// What has come so far of the one snapshot that is on its way.
#[derive(Debug, Default)]
pub(crate) struct Incoming(Option<Partial>);

#[derive(Debug)]
struct Partial {
    vote: Vote,
    meta: SnapshotMeta,
    total: u64,
    bytes: Vec<u8>,
}

/// What a piece made of a snapshot.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// So many bytes have come; the next piece begins there.
    SoFar(u64),
    /// All of it.
    Whole(Bytes),
}

impl Incoming {
    /// Takes a piece; one that does not follow changes nothing.
    pub(crate) fn take(&mut self, chunk: SnapshotChunk) -> Taken {
        let SnapshotChunk { vote, meta, offset, total, bytes } = chunk;
        if total > SNAPSHOT_LIMIT {
            return Taken::SoFar(0);
        }
        let is_same = |partial: &Partial| {
            partial.vote == vote && partial.meta == meta && partial.total == total
        };
        if offset == 0 || !self.0.as_ref().is_some_and(is_same) {
            self.0 = Some(Partial { vote, meta, total, bytes: Vec::new() });
        }
        let Some(partial) = &mut self.0 else { return Taken::SoFar(0) };
        let so_far = partial.bytes.len() as u64;
        if offset != so_far || so_far + bytes.len() as u64 > total {
            return Taken::SoFar(so_far);
        }
        partial.bytes.extend_from_slice(&bytes);
        if (partial.bytes.len() as u64) < total {
            return Taken::SoFar(partial.bytes.len() as u64);
        }
        let whole = self.0.take().map(|partial| partial.bytes).unwrap_or_default();
        Taken::Whole(whole.into())
    }
}
