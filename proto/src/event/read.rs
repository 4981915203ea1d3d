//! Reads an event's bytes back, tolerant of fields that it does not know.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{About, Kind};
use crate::ids::{Chain, Digest, Epoch, EventId, Name};
use crate::time::Utc;

/// An event as it was read from its bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Which event.
    pub id: EventId,
    /// The cluster it happened in.
    pub cluster: Name,
    /// When, on the clock of whoever wrote it.
    pub time: Utc,
    /// SHA-256 of the event before it in its chain.
    pub prev: Digest,
    /// The control index that had been applied.
    pub applied: u64,
    /// The kind's name, also of kinds that this version does not know.
    pub name: String,
    /// Whom and what it is about.
    pub about: About,
    /// What happened; absent for kinds or versions that this program does not know.
    pub kind: Option<Kind>,
}

/// Bytes that are not an event.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The JSON does not parse, or a field is missing or of a wrong type.
    #[error("not an event: {0}")]
    Json(#[from] serde_json::Error),
    /// A field contradicts another or has no meaning.
    #[error("not an event: {0}")]
    Field(&'static str),
}

#[derive(Deserialize)]
struct Envelope<'a> {
    specversion: String,
    id: String,
    source: String,
    r#type: String,
    time: Utc,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct Common {
    chain: String,
    epoch: u64,
    seq: u64,
    prev: Digest,
    applied: u64,
    #[serde(flatten)]
    about: About,
}

impl Event {
    /// Reads one event.
    ///
    /// # Errors
    /// [`Unreadable`] when the bytes are not an event of any version.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let envelope: Envelope<'_> = serde_json::from_slice(bytes)?;
        if envelope.specversion != "1.0" {
            return Err(Unreadable::Field("specversion is not 1.0"));
        }
        let common: Common = serde_json::from_str(envelope.data.get())?;
        let (cluster, chain) = source(&envelope.source)?;
        if chain.to_string() != common.chain {
            return Err(Unreadable::Field("source and data.chain differ"));
        }
        if envelope.id != format!("{}-{}", common.epoch, common.seq) {
            return Err(Unreadable::Field("id and data.epoch, data.seq differ"));
        }
        let (name, version) = envelope
            .r#type
            .strip_prefix("io.sallyport.")
            .and_then(|rest| rest.rsplit_once('.'))
            .ok_or(Unreadable::Field("type does not start with io.sallyport."))?;
        let kind = match version {
            "v1" => Kind::read(name, envelope.data.get()).transpose()?,
            _ => None,
        };
        let id = EventId { chain, epoch: Epoch(common.epoch), seq: common.seq };
        Ok(Self {
            id,
            cluster,
            time: envelope.time,
            prev: common.prev,
            applied: common.applied,
            name: name.to_owned(),
            about: common.about,
            kind,
        })
    }
}

fn source(text: &str) -> Result<(Name, Chain), Unreadable> {
    let rest = text.strip_prefix("/sallyport/");
    let (cluster, chain) = rest
        .and_then(|rest| rest.split_once('/'))
        .ok_or(Unreadable::Field("source is not /sallyport/<cluster>/<chain>"))?;
    let name = |text: &str| {
        text.parse::<Name>().map_err(|_| Unreadable::Field("source holds what is not a name"))
    };
    let chain = if chain == "control" { Chain::Control } else { Chain::Node(name(chain)?) };
    Ok((name(cluster)?, chain))
}
