//! Reading back: nothing is given that was not checked against its manifest.

use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _};
use std::ops::Range;
use std::path::Path;

use proto::event::{EVENT_LIMIT, Event};
use ring::digest::{Context, SHA256};
use store_proof::keys::{Keys, Signed};
use store_proof::tree::{self, leaf};

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

/// The lines of a segment's file, each looked at where it was read to.
pub struct Lines {
    file: File,
    /// What was read of the file; it grows to the longest line.
    buffer: Vec<u8>,
    /// Where the line is in it.
    line: Range<usize>,
    /// Where what follows it starts, and ends.
    start: usize,
    end: usize,
    /// The line is cut: the rest of it is passed over first.
    cut: bool,
}

impl Lines {
    /// Opens a file of events.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::file(path))?;
        let buffer = vec![0; READ_BYTES];
        Ok(Self { file, buffer, line: 0..0, start: 0, end: 0, cut: false })
    }

    /// The line that was gone to, without its end; one that is longer than any event is cut, so
    /// that it is found to be none.
    #[must_use]
    pub fn line(&self) -> &[u8] {
        &self.buffer[self.line.clone()]
    }

    /// Goes to the next line; false at the end.
    ///
    /// # Errors
    /// When the medium fails.
    pub fn advance(&mut self) -> std::io::Result<bool> {
        self.pass_over_the_cut()?;
        let mut looked = 0;
        loop {
            let within = self.end.min(self.start + LINE_LIMIT);
            let unseen = &self.buffer[self.start + looked..within];
            if let Some(end) = memchr::memchr(b'\n', unseen) {
                self.goes_to(looked + end, 1);
                return Ok(true);
            }
            looked = within - self.start;
            self.cut = looked == LINE_LIMIT;
            if self.cut || !self.fill()? {
                self.goes_to(looked, 0);
                return Ok(looked > 0);
            }
        }
    }

    /// The line has so many bytes, and an end of so many.
    fn goes_to(&mut self, count: usize, end: usize) {
        self.line = self.start..self.start + count;
        self.start = self.line.end + end;
    }

    fn pass_over_the_cut(&mut self) -> std::io::Result<()> {
        while self.cut {
            match memchr::memchr(b'\n', &self.buffer[self.start..self.end]) {
                Some(end) => (self.start, self.cut) = (self.start + end + 1, false),
                None => {
                    self.start = self.end;
                    self.cut = self.fill()?;
                }
            }
        }
        Ok(())
    }

    /// Reads on behind what is there; false at the end of the file.
    fn fill(&mut self) -> std::io::Result<bool> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.end == self.buffer.len() {
            self.buffer.resize(self.end + READ_BYTES, 0);
        }
        loop {
            match self.file.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => {
                    let read = read?;
                    self.end += read;
                    return Ok(read > 0);
                }
            }
        }
    }
}

/// The tree of the chain behind a segment, when the one before it is known.
pub(crate) fn tree_after(sealed: &Sealed) -> Result<Option<tree::Range>, Error> {
    let Some(mut tree) = sealed.segment.before.clone() else { return Ok(None) };
    let mut lines = Lines::open(&sealed.events)?;
    while lines.advance().map_err(Error::file(&sealed.events))? {
        let line = lines.line();
        let event = Event::read(line).map_err(|error| Error::damaged(&sealed.events, error))?;
        if event.id.seq > sealed.segment.base {
            tree.push(leaf(line));
        }
    }
    Ok(Some(tree))
}
