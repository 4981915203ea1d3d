//! Where publishing a chain goes on, given what the stream has last and what the journal holds.
//!
//! Pure. It must never skip an event that the stream may lack, and never write behind an event that
//! this node did not write.

use proto::event::Event;
use proto::ids::{Chain, Digest};
use store_log::{Position, Stored};

use crate::fault::Fault;
use crate::link::Last;

/// Where publishing goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resume {
    /// The last place of the chain that the stream has; 0 when it has none.
    pub(crate) seq: u64,
    /// Where in the stream that is; 0 when it has none.
    pub(crate) fence: u64,
    /// SHA-256 of it.
    pub(crate) hash: Option<Digest>,
}

/// What the journal holds of a chain around a place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Around {
    /// The event at the place.
    pub(crate) at: Option<Stored>,
    /// The event after it.
    pub(crate) next: Option<Stored>,
    /// The last place of the chain here.
    pub(crate) last: u64,
}

/// The place in a chain that a message says; it must be an event of that chain.
pub(crate) fn place(chain: &Chain, last: &Last) -> Result<(u64, Event), Fault> {
    let foreign = || Fault::Foreign { chain: chain.clone(), sequence: last.sequence };
    let event = Event::read(&last.bytes).map_err(|_| foreign())?;
    if event.id.chain != *chain || event.id.seq == 0 {
        return Err(foreign());
    }
    Ok((event.id.seq, event))
}

/// Where publishing goes on.
///
/// # Errors
/// A fault of the chain: nothing may be published until somebody looked.
pub(crate) fn resume(chain: &Chain, last: Option<&Last>, held: &Around) -> Result<Resume, Fault> {
    let Some(last) = last else {
        return match &held.next {
            // Everything is still here, or there is nothing yet.
            Some(next) if next.seq == 1 => Ok(nothing()),
            Some(next) => {
                Err(Fault::Gone { chain: chain.clone(), from: 1, to: next.seq.saturating_sub(1) })
            }
            None => Ok(nothing()),
        };
    };
    let (seq, _) = place(chain, last)?;
    let theirs = sha256(&last.bytes);
    let found = Resume { seq, fence: last.sequence, hash: Some(theirs) };
    let forked = |ours| Fault::Forked { chain: chain.clone(), seq, ours, theirs };
    match (&held.at, &held.next) {
        (Some(at), _) if at.bytes == last.bytes => Ok(found),
        (Some(at), _) => Err(forked(sha256(&at.bytes))),
        // It is no longer here, but the event after it says which one it was.
        (None, Some(next)) if next.seq == seq + 1 => match Event::read(&next.bytes) {
            Ok(next) if next.prev == theirs => Ok(found),
            Ok(next) => Err(forked(next.prev)),
            Err(error) => Err(Fault::Journal(format!("the event after {seq}: {error}"))),
        },
        (None, Some(next)) => {
            Err(Fault::Gone { chain: chain.clone(), from: seq + 1, to: next.seq.saturating_sub(1) })
        }
        (None, None) => Err(Fault::Ahead { chain: chain.clone(), ours: held.last, theirs: seq }),
    }
}

fn nothing() -> Resume {
    Resume { seq: 0, fence: 0, hash: None }
}

/// Where the next event of a chain is in the journal, as far as is known.
pub(crate) fn from(held: &Around, first: Position) -> Position {
    match (&held.next, &held.at) {
        (Some(next), _) => next.position,
        (None, Some(at)) => at.position.next(),
        (None, None) => first,
    }
}

/// SHA-256 of an event's bytes: its content-hash id, and what the next event points back to.
pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    let mut digest = Digest::ZERO;
    digest.0.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    digest
}
