//! Events to look at, one after the other: of an archive, or of a gateway.

use std::path::Path;

use proto::api::Seals;
use proto::ids::Digest;
use proto::refusal::Code;
use store_archive::Sealed;
use store_proof::Place;

use crate::archive::{Archive, ArchiveLines, Manifest};
use crate::arguments::Gateway;
use crate::client::{Client, Lines};
use crate::commands::events::MORE_PAUSE;
use crate::failure::{Failure, Outcome};

/// Where events come from.
pub(crate) enum Source {
    /// Files; no server is asked.
    Archive { archive: Box<Archive>, lines: ArchiveLines },
    /// A gateway.
    Live { client: Client, lines: Lines, position: u64, event: Vec<u8> },
}

impl Source {
    /// The archive that is named, else the gateway's record.
    pub(crate) async fn open(archive: Option<&Path>, gateway: &Gateway) -> Outcome<Self> {
        match archive {
            Some(path) => {
                let archive = Archive::open(path)?;
                let lines = archive.lines()?;
                Ok(Self::Archive { archive: Box::new(archive), lines })
            }
            None => {
                let client = Client::new(gateway)?;
                let lines = client.lines("/v1/events", &[]).await?;
                Ok(Self::Live { client, lines, position: 0, event: Vec::new() })
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

    /// Public keys and the newest checkpoints.
    pub(crate) async fn seals(&self) -> Outcome<Option<Seals>> {
        match self {
            Self::Archive { archive, .. } => Ok(archive.seals.clone()),
            Self::Live { client, .. } => client.get("/v1/seals").await.map(Some),
        }
    }

    /// The segments of an archive, by chain and place.
    pub(crate) fn segments(&self) -> &[Sealed] {
        match self {
            Self::Archive { archive, .. } => &archive.segments,
            Self::Live { .. } => &[],
        }
    }

    /// Where public keys and checkpoints are, in an archive.
    pub(crate) fn place_of_seals(&self) -> Option<Place> {
        match self {
            Self::Archive { archive, .. } => {
                Some(Place::File { file: archive.seals_path().display().to_string().into() })
            }
            Self::Live { .. } => None,
        }
    }

    /// Asks for what came since; false when nothing can.
    pub(crate) async fn more(&mut self) -> Outcome<bool> {
        match self {
            Self::Archive { .. } => Ok(false),
            Self::Live { client, lines, .. } => {
                tokio::time::sleep(MORE_PAUSE).await;
                let query = [("position", (lines.last + 1).to_string())];
                *lines = client.lines("/v1/events", &query).await?;
                Ok(true)
            }
        }
    }

    /// The exact bytes of the next event, and where they are.
    pub(crate) async fn next(&mut self) -> Outcome<Option<(Place, Vec<u8>)>> {
        let there = self.advance().await?;
        Ok(there.then(|| (self.place(), self.bytes().to_vec())))
    }

    /// Goes to the next event; false when there is none.
    pub(crate) async fn advance(&mut self) -> Outcome<bool> {
        match self {
            Self::Archive { lines, .. } => lines.advance(),
            Self::Live { lines, position, event, .. } => match lines.next().await? {
                Some(read) => {
                    *event = read;
                    *position += 1;
                    Ok(true)
                }
                None if lines.may_be(*position) => Ok(false),
                None => {
                    let (least, got) = (lines.least(), *position);
                    let text = format!("the gateway gave {got} of {least} events");
                    Err(Failure::new(Code::RecordUnavailable, text))
                }
            },
        }
    }

    /// The exact bytes of the event that was gone to.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Archive { lines, .. } => lines.line(),
            Self::Live { event, .. } => event,
        }
    }

    /// Where that event is.
    pub(crate) fn place(&self) -> Place {
        match self {
            Self::Archive { lines, .. } => lines.place(),
            Self::Live { position, .. } => Place::Position(*position),
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
