//! Where a message begins and ends: one byte of kind, four of length, which count themselves.

/// Bytes before a message's body.
pub(crate) const HEADER_BYTES: usize = 5;
/// The shortest length that a message can say: its own.
const LEAST_LENGTH: u32 = 4;

/// The head of a message that is complete or will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// What it is.
    pub(crate) kind: u8,
    /// How many bytes it has with its header.
    pub(crate) bytes: usize,
}

/// A message that cannot be, or must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadFrame {
    /// A length that no message has.
    #[error("a message of kind {kind:#04x} says that it is {length} bytes long")]
    Length { kind: u8, length: u32 },
    /// More than is looked through.
    #[error("a message of kind {kind:#04x} has {length} bytes, which is more than {limit}")]
    TooLarge { kind: u8, length: u32, limit: usize },
}

/// The head of the first message of these bytes; none while its header is not whole.
pub(crate) fn head(bytes: &[u8], limit: usize) -> Result<Option<Frame>, BadFrame> {
    let Some((&[kind, length @ ..], _)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Ok(None);
    };
    // Unsigned: a negative length is one that is too large.
    let length = u32::from_be_bytes(length);
    if length < LEAST_LENGTH {
        return Err(BadFrame::Length { kind, length });
    }
    match usize::try_from(length).ok().and_then(|length| length.checked_add(1)) {
        Some(bytes) if bytes <= limit => Ok(Some(Frame { kind, bytes })),
        _ => Err(BadFrame::TooLarge { kind, length, limit }),
    }
}

/// The first message of these bytes, once all of it is there.
pub(crate) fn whole(bytes: &[u8], limit: usize) -> Result<Option<Frame>, BadFrame> {
    Ok(head(bytes, limit)?.filter(|frame| frame.bytes <= bytes.len()))
}
