//! Events to look at, one after the other: of an archive, or of a gateway.

use std::path::Path;
use std::sync::Arc;

use proto::ids::Digest;
use proto::refusal::Code;
use store_proof::Place;

use crate::archive::{Archive, ArchiveLines, Manifest};
use crate::arguments::Gateway;
use crate::client::{Client, Lines};
use crate::failure::{Failure, Outcome};

/// Where events come from.
pub(crate) enum Source {
    /// Files; no server is asked.
    Archive { archive: Archive, lines: ArchiveLines, file: Arc<str>, line: u64 },
    /// A gateway.
    Live { client: Client, lines: Lines, position: u64 },
}

impl Source {
    /// The archive that is named, else the gateway's record.
    pub(crate) async fn open(archive: Option<&Path>, gateway: &Gateway) -> Outcome<Self> {
        match archive {
            Some(path) => {
                let archive = Archive::open(path)?;
                let lines = archive.lines()?;
                let file = archive.events.display().to_string().into();
                Ok(Self::Archive { archive, lines, file, line: 0 })
            }
            None => {
                let client = Client::new(gateway)?;
                let lines = client.lines("/v1/events", &[]).await?;
                Ok(Self::Live { client, lines, position: 0 })
            }
        }
    }

    /// What an archive says of itself.
    pub(crate) fn manifest(&self) -> Option<&Manifest> {
        match self {
            Self::Archive { archive, .. } => archive.manifest.as_ref(),
            Self::Live { .. } => None,
        }
    }

    /// The exact bytes of the next event, and where they are.
    pub(crate) async fn next(&mut self) -> Outcome<Option<(Place, Vec<u8>)>> {
        match self {
            Self::Archive { lines, file, line, .. } => {
                let Some(bytes) = lines.next()? else { return Ok(None) };
                *line += 1;
                Ok(Some((Place::Line { file: file.clone(), line: *line }, bytes)))
            }
            Self::Live { lines, position, .. } => match lines.next().await? {
                Some(bytes) => {
                    *position += 1;
                    Ok(Some((Place::Position(*position), bytes)))
                }
                None if *position == lines.last => Ok(None),
                None => {
                    let (last, got) = (lines.last, *position);
                    let text = format!("the gateway gave {got} of {last} events");
                    Err(Failure::new(Code::RecordUnavailable, text))
                }
            },
        }
    }

    /// The text of a policy, when it can be had.
    pub(crate) async fn policy(&self, digest: &Digest) -> Outcome<Option<String>> {
        match self {
            Self::Archive { archive, .. } => archive.policy(digest),
            Self::Live { client, .. } => policy(client, digest).await,
        }
    }
}

/// The text of a policy from a gateway, when it has it.
pub(crate) async fn policy(client: &Client, digest: &Digest) -> Outcome<Option<String>> {
    match client.text(&format!("/v1/policy/{digest}")).await {
        Ok(text) => Ok(Some(text)),
        Err(Failure::Told(told)) if told.code == Code::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}
