//! From a body to its bytes and back. Damage is an error, never a panic.

use rkyv::Archive;
use rkyv::api::high::{HighDeserializer, HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Error as RkyvError;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;

/// What rkyv needs of a buffer that it reads in place, in bytes.
const ALIGNMENT: usize = 16;

/// Bytes that are not a body.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadBody {
    /// A kind that this program does not know: a newer one sent it.
    #[error("a message of kind {0} is not one that this program knows")]
    Kind(u8),
    /// Not the bytes of this kind.
    #[error("a message of kind {kind} is damaged: {what}")]
    Damaged {
        /// The kind.
        kind: u8,
        /// What is wrong with it.
        what: String,
    },
    /// Larger than its kind may be.
    #[error("a message of kind {kind} and {bytes} bytes is larger than {limit}")]
    TooLarge {
        /// The kind.
        kind: u8,
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        limit: usize,
    },
}

pub(super) fn write<T>(kind: u8, limit: usize, value: &T) -> Result<AlignedVec, BadBody>
where
    T: for<'a> rkyv::Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, RkyvError>>,
{
    let body = rkyv::to_bytes::<RkyvError>(value)
        .map_err(|error| BadBody::Damaged { kind, what: error.to_string() })?;
    if body.len() > limit {
        return Err(BadBody::TooLarge { kind, bytes: body.len(), limit });
    }
    Ok(body)
}

pub(super) fn read<T>(kind: u8, limit: usize, bytes: &[u8]) -> Result<T, BadBody>
where
    T: Archive,
    T::Archived: for<'a> CheckBytes<HighValidator<'a, RkyvError>>
        + rkyv::Deserialize<T, HighDeserializer<RkyvError>>,
{
    if bytes.len() > limit {
        return Err(BadBody::TooLarge { kind, bytes: bytes.len(), limit });
    }
    // A frame's buffer is aligned already; a slice of something else is copied once.
    let copied;
    let aligned = if bytes.as_ptr().align_offset(ALIGNMENT) == 0 {
        bytes
    } else {
        let mut copy = AlignedVec::<ALIGNMENT>::with_capacity(bytes.len());
        copy.extend_from_slice(bytes);
        copied = copy;
        &copied
    };
    rkyv::from_bytes::<T, RkyvError>(aligned)
        .map_err(|error| BadBody::Damaged { kind, what: error.to_string() })
}
