//! Input that waits for its target: first in memory, then in an encrypted file without a name.
//!
//! `russh` gives a client's channel new window as soon as bytes arrive, so a slow target cannot
//! hold a client back by the protocol's own means, and a channel that is not emptied blocks its
//! whole connection. What arrives is therefore always taken, in order, up to a limit.
//!
//! No waiting in here, but file I/O: the driver calls it where blocking is allowed.

mod vault;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use zeroize::Zeroizing;

use vault::Vault;

/// How much one channel's input may take in memory, in bytes.
pub(crate) const MEMORY_BYTES: usize = 1024 * 1024;
/// What a piece in memory costs besides its bytes: a client may send them one at a time.
const PIECE_COST: usize = 128;
/// How many bytes one channel may have waiting: 1 GiB.
pub(crate) const CHANNEL_BYTES: u64 = 1 << 30;
/// How many bytes may wait in files on one node: 8 GiB.
pub(crate) const NODE_BYTES: u64 = 8 << 30;
/// From how many waiting bytes on a client is slowed down.
const PACE_FROM: u64 = 64 << 20;
/// By how many bytes more the pause grows.
const PACE_STEP: u64 = 32 << 20;

/// Why input cannot be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpoolError {
    /// The channel has its share waiting.
    #[error("more than {0} bytes of input wait for the target")]
    Channel(u64),
    /// All channels together have the node's share waiting.
    #[error("too much input waits for targets on this node")]
    Node,
    /// The file cannot be written or read.
    #[error("input that waits cannot be kept in a file: {0}")]
    File(#[from] std::io::Error),
    /// The file does not hold what was written to it.
    #[error("input that waited in a file was changed there")]
    Changed,
}

/// The node's share of files, counted by all spools.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    used: Arc<AtomicU64>,
    limit: u64,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Self {
        Self { used: Arc::new(AtomicU64::new(0)), limit }
    }

    fn take(&self, bytes: u64) -> Result<(), SpoolError> {
        let more = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.map(drop).map_err(|_| SpoolError::Node)
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// How many bytes wait in files, for tests.
    #[cfg(test)]
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}

/// The input of one channel that its target has not taken yet.
#[derive(Debug)]
pub(crate) struct Spool {
    directory: PathBuf,
    budget: Budget,
    limit: u64,
    // In this order: what is in memory, what is in the file, what is not yet a full block of it.
    memory: VecDeque<Bytes>,
    memory_cost: usize,
    vault: Option<Vault>,
    tail: Zeroizing<Vec<u8>>,
    waiting: u64,
}

impl Spool {
    pub(crate) fn new(directory: PathBuf, budget: Budget, limit: u64) -> Self {
        Self {
            directory,
            budget,
            limit,
            memory: VecDeque::new(),
            memory_cost: 0,
            vault: None,
            tail: Zeroizing::new(Vec::new()),
            waiting: 0,
        }
    }

    /// How many bytes wait.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Whether keeping this many bytes more touches the file.
    pub(crate) fn push_blocks(&self, bytes: usize) -> bool {
        !self.fits_memory(bytes) && self.tail.len() + bytes >= vault::BLOCK_BYTES
    }

    /// Whether taking bytes out touches the file.
    pub(crate) fn pop_blocks(&self) -> bool {
        self.memory.is_empty() && self.in_file() > 0
    }

    /// Keeps bytes behind all others.
    ///
    /// # Errors
    /// [`SpoolError`]; then some of the bytes may be kept, and the channel's input is of no use.
    pub(crate) fn push(&mut self, bytes: Bytes) -> Result<(), SpoolError> {
        let length = bytes.len() as u64;
        if self.waiting + length > self.limit {
            return Err(SpoolError::Channel(self.limit));
        }
        self.waiting += length;
        if self.fits_memory(bytes.len()) {
            self.memory_cost += bytes.len() + PIECE_COST;
            self.memory.push_back(bytes);
            return Ok(());
        }
        let mut rest = &bytes[..];
        // The tail never grows beyond its first allocation, so no copy of it is left unwiped.
        if self.tail.capacity() == 0 {
            self.tail.reserve_exact(vault::BLOCK_BYTES);
        }
        while !rest.is_empty() {
            let room = vault::BLOCK_BYTES - self.tail.len();
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.tail.extend_from_slice(now);
            rest = later;
            if self.tail.len() == vault::BLOCK_BYTES {
                self.spill()?;
            }
        }
        Ok(())
    }

    fn fits_memory(&self, bytes: usize) -> bool {
        self.in_file() == 0
            && self.tail.is_empty()
            && self.memory_cost + bytes + PIECE_COST <= MEMORY_BYTES
    }

    fn in_file(&self) -> usize {
        self.vault.as_ref().map_or(0, Vault::blocks)
    }

    fn spill(&mut self) -> Result<(), SpoolError> {
        self.budget.take(vault::BLOCK_BYTES as u64)?;
        let vault = match &mut self.vault {
            Some(vault) => vault,
            None => self.vault.insert(
                Vault::create(&self.directory)
                    .inspect_err(|_| self.budget.give_back(vault::BLOCK_BYTES as u64))?,
            ),
        };
        vault
            .write(&mut self.tail)
            .inspect_err(|_| self.budget.give_back(vault::BLOCK_BYTES as u64))?;
        self.tail.clear();
        Ok(())
    }

    /// Takes out the next bytes, at most `most` when they are in memory, and a block when not.
    ///
    /// # Errors
    /// [`SpoolError`] when the file cannot be read or was changed.
    pub(crate) fn pop(&mut self, most: usize) -> Result<Option<Bytes>, SpoolError> {
        let bytes = if self.memory.is_empty() { self.unspill()? } else { self.gather(most) };
        if let Some(bytes) = &bytes {
            self.waiting -= bytes.len() as u64;
        }
        Ok(bytes)
    }

    fn unspill(&mut self) -> Result<Option<Bytes>, SpoolError> {
        if let Some(vault) = self.vault.as_mut().filter(|vault| vault.blocks() > 0) {
            let block = vault.read()?;
            self.budget.give_back(vault::BLOCK_BYTES as u64);
            return Ok(Some(block));
        }
        if self.tail.is_empty() {
            return Ok(None);
        }
        let bytes = Bytes::copy_from_slice(&self.tail);
        self.tail.clear();
        Ok(Some(bytes))
    }

    /// The first piece, or as many small ones together as fit.
    fn gather(&mut self, most: usize) -> Option<Bytes> {
        let first = self.memory.front_mut()?;
        if first.len() > most {
            self.memory_cost -= most;
            return Some(first.split_to(most));
        }
        let first = self.next_piece()?;
        let fits = |next: &Bytes, have: usize| have + next.len() <= most;
        if !self.memory.front().is_some_and(|next| fits(next, first.len())) {
            return Some(first);
        }
        let mut together = BytesMut::with_capacity(most);
        together.extend_from_slice(first.chunk());
        while self.memory.front().is_some_and(|next| fits(next, together.len())) {
            if let Some(next) = self.next_piece() {
                together.extend_from_slice(&next);
            }
        }
        Some(together.freeze())
    }

    /// The file, for tests that look into it.
    #[cfg(test)]
    pub(crate) fn file(&self) -> &std::fs::File {
        self.vault.as_ref().expect("there is a file").file()
    }

    /// How many pieces are in memory, for tests.
    #[cfg(test)]
    pub(crate) fn pieces(&self) -> usize {
        self.memory.len()
    }

    fn next_piece(&mut self) -> Option<Bytes> {
        let piece = self.memory.pop_front()?;
        self.memory_cost -= piece.len() + PIECE_COST;
        Some(piece)
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        let blocks = self.in_file() as u64;
        self.budget.give_back(blocks * vault::BLOCK_BYTES as u64);
    }
}

/// How long a client's connection pauses for each packet when this many bytes wait: the one way
/// to hold back a client. It grows with the square, so that a target that takes 10 MB/s settles
/// near 120 MiB waiting, and one that takes 40 kB/s near the limit of 1 GiB.
pub(crate) fn pause(waiting: u64) -> Duration {
    let steps = waiting.saturating_sub(PACE_FROM) / (PACE_STEP / 8);
    Duration::from_micros((steps * steps).saturating_mul(1000 / 64))
}
