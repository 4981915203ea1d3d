//! A record, read without a server: a directory of `events export`, an archive of segments, or a
//! file of lines.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proto::api::Seals;
use proto::ids::{Chain, Digest, Name};
use proto::refusal::Code;
use serde::{Deserialize, Serialize};
use store_archive::{Archive as Store, Lines, Sealed};
use store_proof::Place;

use crate::failure::{Failure, Outcome};

/// The file of events in an archive.
pub(crate) const EVENTS: &str = "events.jsonl";
/// The directory of policies in an archive.
pub(crate) const POLICIES: &str = "policies";
/// Public keys and checkpoints in an archive.
pub(crate) const SEALS: &str = "seals.json";
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
    /// Chains whose start the gateway does not have any more, and where they begin.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) starts: Vec<ChainStart>,
    /// The last event of each chain.
    pub(crate) heads: Vec<ChainHead>,
}

/// Where a chain begins whose start is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChainStart {
    /// The chain.
    pub(crate) chain: Chain,
    /// The place of its first event here.
    pub(crate) seq: u64,
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
    /// The file, or directory, that was named.
    path: PathBuf,
    /// The files of events, in the order in which they are read.
    pub(crate) events: Vec<PathBuf>,
    /// The segments, when it is an archive of those.
    pub(crate) segments: Vec<Sealed>,
    /// The directory of policies, when there is one.
    policies: Option<PathBuf>,
    /// Public keys and checkpoints, when it has them.
    pub(crate) seals: Option<Seals>,
    /// What it says of itself, when it does.
    pub(crate) manifest: Option<Manifest>,
}

impl Archive {
    /// Opens a directory, or a file of events.
    pub(crate) fn open(path: &Path) -> Outcome<Self> {
        if !path.is_dir() {
            let (path, events, segments) = (path.to_owned(), vec![path.to_owned()], Vec::new());
            return Ok(Self {
                path,
                events,
                segments,
                policies: None,
                seals: None,
                manifest: None,
            });
        }
        let seals = json(&path.join(SEALS))?;
        let policies = Some(path.join(POLICIES));
        let path = path.to_owned();
        if Store::is_there(&path) {
            let failed = |error| Failure::new(Code::ArchiveUnreadable, error);
            let segments = Store::open(&path).and_then(|store| store.segments()).map_err(failed)?;
            let events = segments.iter().map(|one| one.events.clone()).collect();
            return Ok(Self { path, events, segments, policies, seals, manifest: None });
        }
        let manifest = json(&path.join(MANIFEST))?;
        let (events, segments) = (vec![path.join(EVENTS)], Vec::new());
        Ok(Self { path, events, segments, policies, seals, manifest })
    }

    /// Its lines.
    pub(crate) fn lines(&self) -> Outcome<ArchiveLines> {
        let mut files = self.events.clone();
        files.reverse();
        let mut lines = ArchiveLines { files, file: "".into(), number: 0, reader: None };
        // What is not there is said now.
        lines.next_file()?;
        Ok(lines)
    }

    /// Where its public keys and checkpoints are.
    pub(crate) fn seals_path(&self) -> PathBuf {
        self.path.join(SEALS)
    }

    /// Copies keys, checkpoints and policies beside what was sealed: an archive of segments is as
    /// good as an export.
    pub(crate) fn copy_beside(&self, into: &Path) -> Outcome {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error: std::io::Error| Failure::file(&path, &error)
        };
        let seals = into.join(SEALS);
        std::fs::copy(self.seals_path(), &seals).map_err(failed(&seals))?;
        let policies = into.join(POLICIES);
        std::fs::create_dir_all(&policies).map_err(failed(&policies))?;
        for policy in std::fs::read_dir(self.path.join(POLICIES)).map_err(failed(&self.path))? {
            let policy = policy.map_err(failed(&self.path))?.path();
            let kept = policies.join(policy.file_name().unwrap_or_default());
            std::fs::copy(&policy, &kept).map_err(failed(&kept))?;
        }
        Ok(())
    }

    /// The text of a policy, when the archive holds it.
    pub(crate) fn policy(&self, digest: &Digest) -> Outcome<Option<String>> {
        let Some(policies) = &self.policies else { return Ok(None) };
        let path = policies.join(format!("{digest}.yaml"));
        if path.exists() { text(&path).map(Some) } else { Ok(None) }
    }
}

/// The lines of files, one event each.
pub(crate) struct ArchiveLines {
    /// The files that are still to be read, the last one first.
    files: Vec<PathBuf>,
    /// The file that is read.
    file: Arc<str>,
    /// The number of its line that was gone to.
    number: u64,
    reader: Option<Lines>,
}

impl ArchiveLines {
    /// Goes to the next line; false at the end.
    pub(crate) fn advance(&mut self) -> Outcome<bool> {
        let failed = |error: std::io::Error| Failure::new(Code::ArchiveUnreadable, error);
        while let Some(reader) = &mut self.reader {
            if reader.advance().map_err(failed)? {
                self.number += 1;
                return Ok(true);
            }
            self.next_file()?;
        }
        Ok(false)
    }

    /// The line that was gone to, without its end; one that is longer than any event is cut, so
    /// that it is found to be none.
    pub(crate) fn line(&self) -> &[u8] {
        self.reader.as_ref().map_or(&[], Lines::line)
    }

    /// Where that line is.
    pub(crate) fn place(&self) -> Place {
        Place::Line { file: self.file.clone(), line: self.number }
    }

    fn next_file(&mut self) -> Outcome {
        self.reader = None;
        if let Some(path) = self.files.pop() {
            let opened = Lines::open(&path);
            self.reader =
                Some(opened.map_err(|error| Failure::new(Code::ArchiveUnreadable, error))?);
            (self.file, self.number) = (path.display().to_string().into(), 0);
        }
        Ok(())
    }
}

/// Public keys and checkpoints in a file.
pub(crate) fn read_seals(path: &Path) -> Outcome<Seals> {
    let read = json(path)?;
    read.ok_or_else(|| unreadable(path, &"there is no such file"))
}

/// What a file of JSON says, when it is there.
fn json<T: serde::de::DeserializeOwned>(path: &Path) -> Outcome<Option<T>> {
    if !path.exists() {
        return Ok(None);
    }
    let read = serde_json::from_str(&text(path)?).map_err(|error| unreadable(path, &error))?;
    Ok(Some(read))
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
