//! Gives a draft its place in a chain, and its exact bytes.

use serde::Serialize;

use super::{About, Draft, DraftKey, EVENT_LIMIT, Kind};
use crate::ids::{Chain, Digest, EventId, Name};

/// Where a chain stands: what the next event must point back to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The place of the last event, 0 before the first.
    pub seq: u64,
    /// SHA-256 of the last event's bytes, or zeroes.
    pub hash: Option<Digest>,
}

/// An event with its place in a chain, as the bytes that are published for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// Which event.
    pub id: EventId,
    /// The draft it was made of.
    pub key: DraftKey,
    /// The exact bytes.
    pub bytes: Vec<u8>,
}

/// An event larger than the record takes.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an event of {bytes} bytes is larger than {EVENT_LIMIT}")]
pub struct TooLarge {
    /// How large it came out.
    pub bytes: usize,
}

/// How large an event usually is at most, in bytes.
const USUAL_BYTES: usize = 2048;

#[derive(Serialize)]
struct Envelope<'a> {
    specversion: &'static str,
    id: String,
    source: String,
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    time: String,
    datacontenttype: &'static str,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    chain: String,
    epoch: u64,
    seq: u64,
    prev: Digest,
    applied: u64,
    #[serde(flatten)]
    about: &'a About,
    #[serde(flatten)]
    kind: &'a Kind,
}

/// The bytes of a draft at a place of its chain. `id.seq` must follow `head.seq`.
///
/// # Errors
/// [`TooLarge`] when the event is over [`EVENT_LIMIT`].
pub fn stamp(cluster: &Name, id: EventId, head: Head, draft: &Draft) -> Result<Stamped, TooLarge> {
    let source = match &id.chain {
        Chain::Control => format!("/sallyport/{cluster}/control"),
        Chain::Node(node) => format!("/sallyport/{cluster}/{node}"),
    };
    let envelope = Envelope {
        specversion: "1.0",
        id: format!("{}-{}", id.epoch.0, id.seq),
        source,
        r#type: format!("io.sallyport.{}.v1", draft.kind.name()),
        subject: draft.about.session.as_ref().map(|session| format!("session/{session}")),
        time: draft.time.to_string(),
        datacontenttype: "application/json",
        data: Data {
            chain: id.chain.to_string(),
            epoch: id.epoch.0,
            seq: id.seq,
            prev: head.hash.unwrap_or(Digest::ZERO),
            applied: draft.applied,
            about: &draft.about,
            kind: &draft.kind,
        },
    };
    // Most events fit: growing to their size by doubling copies each of them several times.
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    serde_json::to_writer(&mut bytes, &envelope).expect("plain data with string keys serialises");
    if bytes.len() > EVENT_LIMIT {
        return Err(TooLarge { bytes: bytes.len() });
    }
    Ok(Stamped { id, key: draft.key(), bytes })
}
