//! Reads an event's bytes back, tolerant of fields that it does not know.

use serde::de::DeserializeSeed as _;

use super::envelope::{Data, Envelope, Text, kind_of};
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

impl Event {
    /// Reads one event.
    ///
    /// # Errors
    /// [`Unreadable`] when the bytes are not an event of any version.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let text = str::from_utf8(bytes).map_err(|_| Unreadable::Field("it is not UTF-8"))?;
        let (mut data, mut json) = (Data::default(), serde_json::Deserializer::from_str(text));
        let Envelope { specversion, id, source, r#type, time } = data.deserialize(&mut json)?;
        json.end()?;
        let common = &data.common;
        let (Some(Text(in_chain)), Some(epoch), Some(seq), Some(prev), Some(applied)) =
            (&common.chain, common.epoch, common.seq, common.prev, common.applied)
        else {
            return Err(Unreadable::Field("what all events have is missing"));
        };
        if specversion != "1.0" {
            return Err(Unreadable::Field("specversion is not 1.0"));
        }
        let (cluster, chain) = self::source(&source)?;
        if chain.as_str() != in_chain {
            return Err(Unreadable::Field("source and data.chain differ"));
        }
        if !is_id(&id, epoch, seq) {
            return Err(Unreadable::Field("id and data.epoch, data.seq differ"));
        }
        let (name, _) =
            kind_of(&r#type).ok_or(Unreadable::Field("type does not start with io.sallyport."))?;
        let (id, name) = (EventId { chain, epoch: Epoch(epoch), seq }, name.to_owned());
        let Data { common, kind } = data;
        Ok(Self { id, cluster, time, prev, applied, name, about: common.about(), kind })
    }
}

/// Whether a text is `<epoch>-<seq>`, each without a sign or zeroes before it.
fn is_id(text: &str, epoch: u64, seq: u64) -> bool {
    let is = |text: &str, number: u64| {
        let plain = text.as_bytes().first().is_some_and(u8::is_ascii_digit)
            && (text.len() == 1 || !text.starts_with('0'));
        plain && text.parse() == Ok(number)
    };
    text.split_once('-').is_some_and(|(one, other)| is(one, epoch) && is(other, seq))
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
