//! Sealing: events become segments. What is sealed already is passed over, so that the same export
//! may come again, and a longer one goes on where the last ended.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use proto::event::Event;
use proto::ids::{Chain, Digest};
use proto::time::Utc;
use ring::digest::{Context, SHA256};
use ring::signature::Ed25519KeyPair;
use store_proof::note::{Note, Signature};
use store_proof::segment::Segment;
use store_proof::tree::{Range, leaf};

use crate::error::Error;
use crate::layout::{SEGMENTS, Sealed, events_file};
use crate::read::tree_after;
use crate::settings::{Archive, make_folder, replace, sync_folder};

/// How large segments are.
#[derive(Clone, Copy, Debug)]
pub struct SealerOptions {
    /// A segment has at most so many events.
    pub events: u64,
    /// A segment ends behind the event with which it has so many bytes.
    pub bytes: u64,
}

impl Default for SealerOptions {
    fn default() -> Self {
        Self { events: 65_536, bytes: 64 * 1024 * 1024 }
    }
}

/// Seals events of any chains; those of one chain come in order.
pub struct Sealer<'a> {
    archive: &'a Archive,
    /// The name of the key that signs.
    name: String,
    pair: &'a Ed25519KeyPair,
    options: SealerOptions,
    /// For each chain whose tree does not begin with its first event: the place before its leaves.
    bases: BTreeMap<Chain, u64>,
    chains: BTreeMap<Chain, Writing>,
    sealed: Vec<Sealed>,
}

/// Where a chain stands.
struct Writing {
    folder: PathBuf,
    last: u64,
    head: Digest,
    base: u64,
    tree: Option<Range>,
    open: Option<Open>,
}

/// A segment that is written.
struct Open {
    path: PathBuf,
    file: BufWriter<File>,
    sha256: Context,
    bytes: u64,
    first: u64,
    events: u64,
    prev: Digest,
    before: Option<Range>,
    from: Utc,
    to: Utc,
}

impl<'a> Sealer<'a> {
    /// A sealer that signs with a node's key, by its name.
    ///
    /// # Errors
    /// [`Error`] when what is sealed already cannot be read.
    pub fn new(
        archive: &'a Archive,
        name: &str,
        pair: &'a Ed25519KeyPair,
        bases: BTreeMap<Chain, u64>,
        options: SealerOptions,
    ) -> Result<Self, Error> {
        let mut chains = BTreeMap::new();
        for sealed in archive.segments()? {
            let folder = archive.folder(SEGMENTS, &sealed.segment.chain);
            let Segment { chain, last, head, base, .. } = sealed.segment.clone();
            // Segments come in order: the last one of a chain stays.
            chains.insert(
                chain,
                (Writing { folder, last, head, base, tree: None, open: None }, sealed),
            );
        }
        let mut standing = BTreeMap::new();
        for (chain, (mut writing, sealed)) in chains {
            writing.tree = tree_after(&sealed)?;
            standing.insert(chain, writing);
        }
        let (name, sealed) = (name.to_owned(), Vec::new());
        Ok(Self { archive, name, pair, options, bases, chains: standing, sealed })
    }

    /// Takes the exact bytes of an event.
    ///
    /// # Errors
    /// [`Error::Gap`] when it does not follow, others as they come.
    pub fn take(&mut self, event: &Event, bytes: &[u8]) -> Result<(), Error> {
        if event.cluster != *self.archive.cluster() {
            let (is, wanted) = (self.archive.cluster().clone(), event.cluster.clone());
            return Err(Error::OtherCluster { is, wanted });
        }
        let (chain, seq) = (&event.id.chain, event.id.seq);
        if !self.chains.contains_key(chain) {
            let base = self.bases.get(chain).copied().unwrap_or(0);
            let folder = self.archive.folder(SEGMENTS, chain);
            make_folder(&folder)?;
            // A record whose start is gone says so by the place and the link of its first event.
            let tree = (seq <= base + 1).then(|| Range::at(0));
            let (last, head) = (seq - 1, event.prev);
            let writing = Writing { folder, last, head, base, tree, open: None };
            self.chains.insert(chain.clone(), writing);
        }
        let Some(writing) = self.chains.get_mut(chain) else { return Ok(()) };
        if seq <= writing.last {
            return Ok(());
        }
        let follows =
            event.prev == writing.head && (*chain == Chain::Control || seq == writing.last + 1);
        if !follows {
            return Err(Error::Gap { chain: chain.clone(), last: writing.last, found: seq });
        }
        writing.write(event, bytes)?;
        let in_tree = seq > writing.base;
        if let Some(tree) = writing.tree.as_mut().filter(|_| in_tree) {
            tree.push(leaf(bytes));
        }
        let full = writing.open.as_ref().is_some_and(|open| {
            open.events >= self.options.events || open.bytes >= self.options.bytes
        });
        if full {
            let chain = chain.clone();
            self.close(&chain)?;
        }
        Ok(())
    }

    /// Seals what is left; gives what was sealed.
    ///
    /// # Errors
    /// [`Error`].
    pub fn finish(mut self) -> Result<Vec<Sealed>, Error> {
        for chain in self.chains.keys().cloned().collect::<Vec<_>>() {
            self.close(&chain)?;
        }
        Ok(self.sealed)
    }

    /// Closes a chain's segment: the file first, then the manifest that makes it one.
    fn close(&mut self, chain: &Chain) -> Result<(), Error> {
        let Some(writing) = self.chains.get_mut(chain) else { return Ok(()) };
        let Some(open) = writing.open.take() else { return Ok(()) };
        let Open { path, file, sha256, bytes, first, events, prev, before, from, to } = open;
        let unfinished = path.with_extension("unfinished");
        let file = file.into_inner().map_err(|error| Error::file(&path)(error.into_error()))?;
        file.sync_all().map_err(Error::file(&path))?;
        fs::rename(&unfinished, &path).map_err(Error::file(&path))?;
        sync_folder(&path)?;
        let mut digest = Digest::ZERO;
        digest.0.copy_from_slice(sha256.finish().as_ref());
        let segment = Segment {
            cluster: self.archive.cluster().clone(),
            chain: chain.clone(),
            first,
            last: writing.last,
            events,
            bytes,
            sha256: digest,
            prev,
            head: writing.head,
            base: writing.base,
            before,
            from,
            to,
        };
        let text = segment.to_string();
        let manifest = path.with_extension(crate::layout::MANIFEST);
        let signature = Signature::make(&self.name, self.pair, &text)
            .ok_or_else(|| Error::damaged(&manifest, "the name of the key is none"))?;
        let note = Note { text, signatures: vec![signature] };
        replace(&manifest, note.to_string().as_bytes())?;
        self.sealed.push(Sealed { segment, note, events: path, manifest });
        Ok(())
    }
}

impl Writing {
    fn write(&mut self, event: &Event, bytes: &[u8]) -> Result<(), Error> {
        if self.open.is_none() {
            let path = events_file(&self.folder, event.id.seq);
            let unfinished = path.with_extension("unfinished");
            let mut options = OpenOptions::new();
            let options = options.write(true).create(true).truncate(true).mode(0o600);
            let file = options.open(&unfinished).map_err(Error::file(&unfinished))?;
            self.open = Some(Open {
                path,
                file: BufWriter::with_capacity(1024 * 1024, file),
                sha256: Context::new(&SHA256),
                bytes: 0,
                first: event.id.seq,
                events: 0,
                prev: event.prev,
                before: self.tree.clone(),
                from: event.time,
                to: event.time,
            });
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let failed = Error::file(&open.path);
        open.file.write_all(bytes).and_then(|()| open.file.write_all(b"\n")).map_err(failed)?;
        open.sha256.update(bytes);
        open.sha256.update(b"\n");
        open.bytes += bytes.len() as u64 + 1;
        open.events += 1;
        (open.from, open.to) = (open.from.min(event.time), open.to.max(event.time));
        (self.last, self.head) = (event.id.seq, sha256(bytes));
        Ok(())
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    let mut digest = Digest::ZERO;
    digest.0.copy_from_slice(ring::digest::digest(&SHA256, bytes).as_ref());
    digest
}
