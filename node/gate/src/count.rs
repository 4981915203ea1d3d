//! Counts and digests what was let through of one output, and how much of it the record keeps.

use std::fmt;

use proto::event::Counted;
use proto::ids::Digest;
use ring::digest::{Context, SHA256};

/// The counter of one output of one command.
pub(crate) struct Counter {
    context: Context,
    bytes: u64,
    /// Whether the record keeps nothing of what passes now, and whether it ever did so.
    cutting: bool,
    truncated: bool,
    /// Whether bytes passed that were only counted: then there is no digest of all.
    unread: bool,
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Counter({} bytes)", self.bytes)
    }
}

impl Counter {
    pub(crate) fn new() -> Self {
        let context = Context::new(&SHA256);
        Self { context, bytes: 0, cutting: false, truncated: false, unread: false }
    }

    /// How many bytes passed so far: the offset of the next.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether the record keeps nothing of what passes now.
    pub(crate) fn cuts(&self) -> bool {
        self.cutting
    }

    /// Counts masked bytes.
    pub(crate) fn pass(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// Counts bytes of which the record keeps nothing but the digest.
    pub(crate) fn pass_by(&mut self, bytes: &[u8]) {
        self.pass(bytes);
        self.truncate();
    }

    /// Counts bytes of which neither the record nor a digest keeps anything.
    pub(crate) fn pass_unread(&mut self, bytes: u64) {
        self.bytes += bytes;
        (self.cutting, self.truncated, self.unread) = (true, true, true);
    }

    /// From now on the record keeps only the count and the digest.
    pub(crate) fn truncate(&mut self) {
        (self.cutting, self.truncated) = (true, true);
    }

    /// From now on the record keeps what passes, but for what it did not keep before.
    pub(crate) fn resume(&mut self) {
        self.cutting = false;
    }

    pub(crate) fn total(&self) -> Counted {
        let digest = (self.bytes > 0 && !self.unread).then(|| {
            let mut digest = [0; 32];
            digest.copy_from_slice(self.context.clone().finish().as_ref());
            Digest(digest)
        });
        Counted { bytes: self.bytes, digest, truncated: self.truncated }
    }
}
