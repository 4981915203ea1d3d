//! What a client has open, and what passed of it.

use bytes::Bytes;
use node_enforce::mask::AROUND_BYTES;
use proto::event::{FileTransferred, Passed};
use proto::ids::Digest;
use proto::refusal::{Code, Told};
use ring::digest::{Context, SHA256};

/// Something that is open.
pub(super) struct Opened {
    /// The command that opened it.
    pub(super) command: u64,
    pub(super) path: Vec<u8>,
    pub(super) is_folder: bool,
    pub(super) reads: bool,
    pub(super) writes: bool,
    /// How many of its reads and writes have no answer yet.
    pub(super) busy: u32,
    pub(super) read: Passage,
    pub(super) written: Passage,
    /// What was sent to be written, whatever became of it.
    pub(super) sent: Sent,
    /// How many bytes may pass, either way.
    pub(super) limit: Option<u64>,
    /// The detectors that found something in it; nothing more is read of it then.
    pub(super) withheld: Option<(Vec<String>, Told)>,
    /// The same of what was to be written to it.
    pub(super) barred: Option<(Vec<String>, Told)>,
}

impl Opened {
    /// What the record is to hold of what was not closed, with its command.
    pub(super) fn left(&self) -> (u64, Option<FileTransferred>) {
        (self.command, self.file(false))
    }

    /// What the record is to hold of it, if it is a file.
    pub(super) fn file(&self, closed: bool) -> Option<FileTransferred> {
        let refused = || self.withheld.iter().chain(&self.barred);
        let found = refused().flat_map(|(detectors, _)| detectors);
        (!self.is_folder).then(|| FileTransferred {
            command: self.command,
            read: self.read.total(),
            written: self.written.total(),
            closed,
            found: found.map(|detector| (detector.clone(), 1)).collect(),
            told: refused().next().map(|(_, told)| told.clone()),
        })
    }

    /// Why so many bytes more may not pass, when so many did.
    pub(super) fn is_too_much(&self, passed: u64, more: usize) -> Option<Told> {
        let limit = self.limit?;
        let text = format!("No more than {limit} bytes of this file may pass here.");
        (passed.saturating_add(more as u64) > limit).then(|| Told::new(Code::LimitReached, text))
    }
}

/// What was sent to be written, as far as it matters for what follows.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) bytes: u64,
    /// Where the last of it ended.
    end: u64,
    /// The end itself.
    tail: Bytes,
}

impl Sent {
    /// What lies before a place of the file, if that was sent last.
    pub(super) fn before(&self, offset: u64) -> Bytes {
        if offset == self.end { self.tail.clone() } else { Bytes::new() }
    }

    pub(super) fn pass(&mut self, offset: u64, data: &[u8]) {
        let (before, last) =
            (self.before(offset), &data[data.len().saturating_sub(AROUND_BYTES)..]);
        let gone = (before.len() + last.len()).saturating_sub(AROUND_BYTES);
        self.tail = [&before[gone..], last].concat().into();
        self.end = offset.saturating_add(data.len() as u64);
        self.bytes += data.len() as u64;
    }
}

/// Bytes of a file that pass one way.
pub(crate) struct Passage {
    digest: Option<Context>,
    bytes: u64,
}

impl Default for Passage {
    fn default() -> Self {
        Self { digest: Some(Context::new(&SHA256)), bytes: 0 }
    }
}

impl Passage {
    /// Counts the next bytes.
    pub(crate) fn pass_on(&mut self, bytes: &[u8]) {
        self.pass(self.bytes, bytes);
    }

    /// Counts bytes at a place of the file. Once they are out of order there is no digest.
    pub(crate) fn pass(&mut self, offset: u64, bytes: &[u8]) {
        match &mut self.digest {
            Some(digest) if offset == self.bytes => digest.update(bytes),
            _ => self.digest = None,
        }
        self.bytes += bytes.len() as u64;
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn total(&self) -> Passed {
        let digest = self.digest.as_ref().filter(|_| self.bytes > 0);
        let sha256 = digest.map(|digest| {
            let mut bytes = [0; 32];
            bytes.copy_from_slice(digest.clone().finish().as_ref());
            Digest(bytes)
        });
        Passed { bytes: self.bytes, sha256 }
    }
}
