//! An exported record, read without a server: a directory of `events export`, or a file of lines.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use proto::event::EVENT_LIMIT;
use proto::ids::{Chain, Digest, Name};
use proto::refusal::Code;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Outcome};

/// The file of events in an archive.
pub(crate) const EVENTS: &str = "events.jsonl";
/// The directory of policies in an archive.
pub(crate) const POLICIES: &str = "policies";
/// What an archive says of itself.
pub(crate) const MANIFEST: &str = "manifest.json";

/// The largest policy or manifest, in bytes.
const TEXT_LIMIT: u64 = 16 * 1024 * 1024;

/// What an archive says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The cluster whose record it is.
    pub(crate) cluster: Option<Name>,
    /// The version of the program that wrote it.
    pub(crate) version: String,
    /// Whether it is a part of the record, cut by time.
    pub(crate) partial: bool,
    /// Where it starts, when that was asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) from: Option<String>,
    /// Where it ends, when that was asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) to: Option<String>,
    /// How many events it holds.
    pub(crate) events: u64,
    /// Policies that its events name.
    pub(crate) policies: Vec<Digest>,
    /// Policies that its events name and that the gateway did not give.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) policies_missing: Vec<Digest>,
    /// The last event of each chain.
    pub(crate) heads: Vec<ChainHead>,
}

/// The last event of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChainHead {
    /// The chain.
    pub(crate) chain: Chain,
    /// How many of its events the archive holds.
    pub(crate) events: u64,
    /// The last one's place.
    pub(crate) seq: u64,
    /// SHA-256 of its bytes.
    pub(crate) hash: Digest,
}

/// An archive on disk.
pub(crate) struct Archive {
    /// The file of events.
    pub(crate) events: PathBuf,
    /// The directory of policies, when there is one.
    policies: Option<PathBuf>,
    /// What it says of itself, when it does.
    pub(crate) manifest: Option<Manifest>,
}

impl Archive {
    /// Opens a directory, or a file of events.
    pub(crate) fn open(path: &Path) -> Outcome<Self> {
        if !path.is_dir() {
            return Ok(Self { events: path.to_owned(), policies: None, manifest: None });
        }
        let manifest = path.join(MANIFEST);
        let manifest = match manifest.exists() {
            false => None,
            true => {
                let text = text(&manifest)?;
                Some(serde_json::from_str(&text).map_err(|error| unreadable(&manifest, &error))?)
            }
        };
        Ok(Self { events: path.join(EVENTS), policies: Some(path.join(POLICIES)), manifest })
    }

    /// Its lines.
    pub(crate) fn lines(&self) -> Outcome<ArchiveLines> {
        let file = File::open(&self.events).map_err(|error| unreadable(&self.events, &error))?;
        Ok(ArchiveLines { reader: BufReader::with_capacity(1024 * 1024, file) })
    }

    /// The text of a policy, when the archive holds it.
    pub(crate) fn policy(&self, digest: &Digest) -> Outcome<Option<String>> {
        let Some(policies) = &self.policies else { return Ok(None) };
        let path = policies.join(format!("{digest}.yaml"));
        if path.exists() { text(&path).map(Some) } else { Ok(None) }
    }
}

/// The lines of a file, one event each.
pub(crate) struct ArchiveLines {
    reader: BufReader<File>,
}

impl ArchiveLines {
    /// The next line without its end; a line longer than any event is given cut, so that it is
    /// found to be none.
    pub(crate) fn next(&mut self) -> Outcome<Option<Vec<u8>>> {
        let failed = |error: std::io::Error| Failure::new(Code::ArchiveUnreadable, error);
        let mut line = Vec::new();
        let limit = EVENT_LIMIT as u64 + 2;
        let mut bounded = self.reader.by_ref().take(limit);
        if bounded.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            return Ok(None);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if line.len() as u64 == limit {
            self.reader.skip_until(b'\n').map_err(failed)?;
        }
        Ok(Some(line))
    }
}

fn text(path: &Path) -> Outcome<String> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let mut text = String::new();
    file.take(TEXT_LIMIT).read_to_string(&mut text).map_err(|error| unreadable(path, &error))?;
    Ok(text)
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Code::ArchiveUnreadable, format!("{}: {error}", path.display()))
}
