//! Gives a draft its place in a chain, and its exact bytes.

use std::io::{self, Write as _};

use serde::Serialize;

use super::{Draft, DraftKey, EVENT_LIMIT};
use crate::ids::{Digest, Epoch, EventId, Name};

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

/// The bytes of a draft at a place of its chain. `id.seq` must follow `head.seq`.
///
/// # Errors
/// [`TooLarge`] when the event is over [`EVENT_LIMIT`].
pub fn stamp(cluster: &Name, id: EventId, head: Head, draft: &Draft) -> Result<Stamped, TooLarge> {
    // Most events fit: growing to their size by doubling copies each of them several times.
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    write(&mut bytes, cluster, &id, head, draft).expect("memory takes what is written to it");
    if bytes.len() > EVENT_LIMIT {
        return Err(TooLarge { bytes: bytes.len() });
    }
    Ok(Stamped { id, key: draft.key(), bytes })
}

/// Writes the envelope piece by piece: names, kinds and times hold nothing that JSON escapes.
fn write(
    bytes: &mut Vec<u8>,
    cluster: &Name,
    id: &EventId,
    head: Head,
    draft: &Draft,
) -> io::Result<()> {
    let EventId { chain, epoch: Epoch(epoch), seq } = id;
    let (kind, time, applied) = (draft.kind.name(), draft.time, draft.applied);
    write!(
        bytes,
        r#"{{"specversion":"1.0","id":"{epoch}-{seq}","source":"/sallyport/{cluster}/{chain}","#
    )?;
    write!(bytes, r#""type":"io.sallyport.{kind}.v1","#)?;
    if let Some(session) = &draft.about.session {
        bytes.extend_from_slice(br#""subject":"session/"#);
        // The id of a session may have been read from anywhere; its own quote is there already.
        let at = bytes.len();
        add(bytes, session);
        bytes.remove(at);
        bytes.push(b',');
    }
    write!(bytes, r#""time":"{time}","datacontenttype":"application/json","#)?;
    let prev = head.hash.unwrap_or(Digest::ZERO);
    write!(bytes, r#""data":{{"chain":"{chain}","epoch":{epoch},"seq":{seq},"#)?;
    write!(bytes, r#""prev":"{prev}","applied":{applied}"#)?;
    add_fields(bytes, &draft.about);
    add_fields(bytes, &draft.kind);
    bytes.extend_from_slice(b"}}");
    Ok(())
}

fn add(bytes: &mut Vec<u8>, what: &impl Serialize) {
    serde_json::to_writer(&mut *bytes, what).expect("plain data with string keys serialises");
}

/// Adds the fields of an object to those that the open one has.
fn add_fields(bytes: &mut Vec<u8>, of: &impl Serialize) {
    let at = bytes.len();
    add(bytes, of);
    debug_assert!(bytes[at] == b'{' && bytes.ends_with(b"}"), "only objects have fields");
    // The brace that ends it is not needed, and the one that begins it becomes a comma.
    bytes.pop();
    if bytes.len() == at + 1 {
        bytes.pop();
    } else {
        bytes[at] = b',';
    }
}
