//! What a client has open, and what passed of it.

use proto::event::{FileTransferred, Passed};
use proto::ids::Digest;
use proto::refusal::Told;
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
    /// The detectors that found something in it; nothing more is read of it then.
    pub(super) withheld: Option<(Vec<String>, Told)>,
}

impl Opened {
    /// What the record is to hold of it, if it is a file.
    pub(super) fn file(&self, closed: bool) -> Option<FileTransferred> {
        let found = self.withheld.iter().flat_map(|(detectors, _)| detectors);
        (!self.is_folder).then(|| FileTransferred {
            command: self.command,
            read: self.read.total(),
            written: self.written.total(),
            closed,
            found: found.map(|detector| (detector.clone(), 1)).collect(),
            told: self.withheld.as_ref().map(|(_, told)| told.clone()),
        })
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
