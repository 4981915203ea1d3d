//! An event as it was delivered, with the hash of its exact bytes.

use proto::event::{Event, Unreadable};
use proto::ids::Digest;
use ring::digest::{SHA256, digest};

/// An event on its way into the views.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivered {
    /// The event.
    pub event: Event,
    /// SHA-256 of its bytes: what the next one of its chain must point back to.
    pub hash: Digest,
    /// How many bytes it has.
    pub bytes: usize,
}

impl Delivered {
    /// Reads what was delivered.
    ///
    /// # Errors
    /// [`Unreadable`] when it is no event.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let event = Event::read(bytes)?;
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
        Ok(Self { event, hash: Digest(hash), bytes: bytes.len() })
    }
}
