//! Reading back: nothing is given that was not checked against its manifest.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use proto::event::{EVENT_LIMIT, Event};
use ring::digest::{Context, SHA256};
use store_proof::keys::{Keys, Signed};
use store_proof::tree::{Range, leaf};

use crate::error::Error;
use crate::layout::Sealed;

/// So much of a line is looked at; no event with its end is longer.
const LINE_LIMIT: usize = EVENT_LIMIT + 2;

/// What a segment is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// The file is the one that the node has signed.
    Good,
    /// The file is another than the manifest says, or gone.
    Differs(&'static str),
    /// The manifest is signed by another key of the node's name.
    AnotherKey(String),
    /// The signature of the manifest is not good.
    BadSignature(String),
    /// No key of the signer is known.
    Unknown,
}

impl Sealed {
    /// Checks the file against the manifest, and the manifest against keys.
    ///
    /// # Errors
    /// [`Error`] when the medium fails.
    pub fn check(&self, keys: &Keys) -> Result<Checked, Error> {
        if !self.events.exists() {
            return Ok(Checked::Differs("its file is gone"));
        }
        let file = File::open(&self.events).map_err(Error::file(&self.events))?;
        let length = file.metadata().map_err(Error::file(&self.events))?.len();
        if length != self.segment.bytes {
            return Ok(Checked::Differs("its file is longer or shorter"));
        }
        let (mut reader, mut sha256) =
            (BufReader::with_capacity(READ_BYTES, file), Context::new(&SHA256));
        loop {
            let read = reader.fill_buf().map_err(Error::file(&self.events))?;
            if read.is_empty() {
                break;
            }
            sha256.update(read);
            let count = read.len();
            reader.consume(count);
        }
        if sha256.finish().as_ref() != self.segment.sha256.0 {
            return Ok(Checked::Differs("its file has other bytes"));
        }
        let named = self.note.signatures.first().map(|one| one.name.clone()).unwrap_or_default();
        Ok(match keys.check(&self.note, Some(&named)) {
            Signed::By(_) => Checked::Good,
            Signed::ByAnotherKey(name) => Checked::AnotherKey(name),
            Signed::Badly(name) => Checked::BadSignature(name),
            Signed::ByStrangers => Checked::Unknown,
        })
    }
}

/// How much is read at once, in bytes: little enough to stay in a core's own cache until it is
/// looked at.
const READ_BYTES: usize = 256 * 1024;

/// The lines of a segment's file.
pub struct Lines {
    reader: BufReader<File>,
}

impl Lines {
    /// Opens a file of events.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::file(path))?;
        Ok(Self { reader: BufReader::with_capacity(READ_BYTES, file) })
    }

    /// The next line without its end; a line longer than any event is given cut, so that it is
    /// found to be none.
    ///
    /// # Errors
    /// When the medium fails.
    pub fn next_line(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        Ok(self.read_line(&mut line)?.then_some(line))
    }

    /// As [`Self::next_line`], into a line that is used again; false at the end.
    ///
    /// # Errors
    /// When the medium fails.
    pub fn read_line(&mut self, line: &mut Vec<u8>) -> std::io::Result<bool> {
        line.clear();
        loop {
            let available = match self.reader.fill_buf() {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                available => available?,
            };
            if available.is_empty() {
                return Ok(!line.is_empty());
            }
            let within = &available[..available.len().min(LINE_LIMIT - line.len())];
            if let Some(end) = memchr::memchr(b'\n', within) {
                line.extend_from_slice(&within[..end]);
                self.reader.consume(end + 1);
                return Ok(true);
            }
            let count = within.len();
            line.extend_from_slice(within);
            self.reader.consume(count);
            if line.len() == LINE_LIMIT {
                self.reader.skip_until(b'\n')?;
                return Ok(true);
            }
        }
    }
}

/// The tree of the chain behind a segment, when the one before it is known.
pub(crate) fn tree_after(sealed: &Sealed) -> Result<Option<Range>, Error> {
    let Some(mut tree) = sealed.segment.before.clone() else { return Ok(None) };
    let mut lines = Lines::open(&sealed.events)?;
    while let Some(line) = lines.next_line().map_err(Error::file(&sealed.events))? {
        let event = Event::read(&line).map_err(|error| Error::damaged(&sealed.events, error))?;
        if event.id.seq > sealed.segment.base {
            tree.push(leaf(&line));
        }
    }
    Ok(Some(tree))
}
