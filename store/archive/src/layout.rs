//! Where what is in an archive's directory.
//!
//! `segments/<chain>/<first place>.jsonl` holds events, `….manifest` beside it is the signed note;
//! `pruned/<chain>/…` keeps the manifests of what was taken away.

use std::fs;
use std::path::{Path, PathBuf};

use proto::ids::Chain;
use store_proof::note::{NOTE_LIMIT, Note};
use store_proof::segment::Segment;

use crate::error::Error;
use crate::settings::Archive;

pub(crate) const SETTINGS: &str = "archive.json";
pub(crate) const SEGMENTS: &str = "segments";
pub(crate) const PRUNED: &str = "pruned";
const EVENTS: &str = "jsonl";
pub(crate) const MANIFEST: &str = "manifest";

/// How many segments are looked at.
const SEGMENTS_LIMIT: usize = 1_000_000;

/// A segment with its manifest.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// What its manifest says.
    pub segment: Segment,
    /// The manifest as a signed note.
    pub note: Note,
    /// The file of events.
    pub events: PathBuf,
    /// The file of the manifest.
    pub manifest: PathBuf,
}

impl Archive {
    /// The folder of a chain.
    pub(crate) fn folder(&self, within: &str, chain: &Chain) -> PathBuf {
        self.directory.join(within).join(chain.to_string())
    }

    /// All segments, by chain and place.
    ///
    /// # Errors
    /// [`Error`] when a manifest cannot be read.
    pub fn segments(&self) -> Result<Vec<Sealed>, Error> {
        let folder = self.directory.join(SEGMENTS);
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let mut sealed = Vec::new();
        for chain in names(&folder)? {
            for path in names(&chain)? {
                let is_manifest = path.extension().is_some_and(|ending| ending == MANIFEST);
                if is_manifest && sealed.len() < SEGMENTS_LIMIT {
                    sealed.push(read(path)?);
                }
            }
        }
        let place = |one: &Sealed| (one.segment.chain.clone(), one.segment.first);
        sealed.sort_by_key(place);
        Ok(sealed)
    }
}

/// The file of events whose first has a place.
pub(crate) fn events_file(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:020}.{EVENTS}"))
}

fn read(manifest: PathBuf) -> Result<Sealed, Error> {
    let about = fs::metadata(&manifest).map_err(Error::file(&manifest))?;
    if about.len() > NOTE_LIMIT as u64 {
        return Err(Error::damaged(&manifest, "it is too large for a manifest"));
    }
    let text = fs::read_to_string(&manifest).map_err(Error::file(&manifest))?;
    let damaged = |error: store_proof::note::BadNote| Error::damaged(&manifest, error);
    let note: Note = text.parse().map_err(damaged)?;
    let segment: Segment = note.text.parse().map_err(damaged)?;
    let events = manifest.with_extension(EVENTS);
    Ok(Sealed { segment, note, events, manifest })
}

fn names(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(folder).map_err(Error::file(folder))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<_> = paths.collect::<Result<_, _>>().map_err(Error::file(folder))?;
    paths.sort();
    Ok(paths)
}
