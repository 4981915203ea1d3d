//! The frame around a body: fixed, big-endian, and checked before anything is allocated for it.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | length of the body |
//! | 1 | format version |
//! | 1 | kind of the body |
//! | 8 | number of the call, given by whoever connects; 0 outside of calls |

use super::message::limit_of;

/// The format version that this program writes and reads.
pub const FORMAT: u8 = 1;

/// Bytes before the body.
pub const HEADER_BYTES: usize = 14;

/// The largest body of any kind, in bytes.
pub const FRAME_LIMIT: usize = 16 * 1024 * 1024;

/// What stands before a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// How many bytes the body has.
    pub length: usize,
    /// Its kind.
    pub kind: u8,
    /// The call.
    pub call: u64,
}

/// A header that nobody goes on after: what follows it cannot be told apart.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadFrame {
    /// Another format.
    #[error("frame format {0} is not the one that this program speaks ({FORMAT})")]
    Format(u8),
    /// An unknown kind.
    #[error("a frame of kind {0} is not one that this program knows")]
    Kind(u8),
    /// Too long for its kind.
    #[error("a frame of kind {kind} says {length} bytes, and may have {limit}")]
    TooLarge {
        /// The kind.
        kind: u8,
        /// What it says.
        length: usize,
        /// What it may.
        limit: usize,
    },
}

impl Header {
    /// The bytes to send.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        // No body is over FRAME_LIMIT, so that this never saturates.
        let length = u32::try_from(self.length).unwrap_or(u32::MAX);
        bytes[..4].copy_from_slice(&length.to_be_bytes());
        bytes[4] = FORMAT;
        bytes[5] = self.kind;
        bytes[6..].copy_from_slice(&self.call.to_be_bytes());
        bytes
    }

    /// Reads what came.
    ///
    /// # Errors
    /// [`BadFrame`] when the frame cannot or must not be read.
    pub fn read(bytes: &[u8; HEADER_BYTES]) -> Result<Self, BadFrame> {
        let [l0, l1, l2, l3, format, kind, call @ ..] = *bytes;
        if format != FORMAT {
            return Err(BadFrame::Format(format));
        }
        let said = u32::from_be_bytes([l0, l1, l2, l3]);
        let length = usize::try_from(said).unwrap_or(usize::MAX);
        let limit = limit_of(kind).ok_or(BadFrame::Kind(kind))?;
        if length > limit {
            return Err(BadFrame::TooLarge { kind, length, limit });
        }
        Ok(Self { length, kind, call: u64::from_be_bytes(call) })
    }
}
