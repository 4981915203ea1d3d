//! What lies behind the last good record of a segment: nothing, a torn batch, or damage.
//!
//! It decides nothing by itself; it must never call something torn that a later sync covers.

use std::io;

use store_log::Position;

use crate::format::{ALIGNMENT, FRAME_BYTES, Found, decode, extent};
use crate::storage::File;

/// It is read in pieces of so many bytes.
pub(crate) const PIECE: usize = 1024 * 1024;

/// What lies behind the last good record, up to the last byte that is not zero.
pub(crate) struct Rest {
    salt: u64,
    offset: u64,
    pub(crate) bytes: Vec<u8>,
}

impl Rest {
    pub(crate) fn read(file: &dyn File, salt: u64, offset: u64, capacity: u64) -> io::Result<Self> {
        let (mut bytes, mut at, mut length) = (Vec::new(), offset, 0);
        let mut piece = vec![0; PIECE];
        while at < capacity {
            let count = usize::try_from(capacity - at).unwrap_or(PIECE).min(PIECE);
            let read = file.read_at(at, &mut piece[..count])?;
            if read == 0 {
                break;
            }
            if let Some(last) = piece[..read].iter().rposition(|byte| *byte != 0) {
                let before = usize::try_from(at - offset).map_err(io::Error::other)?;
                bytes.resize(before, 0);
                bytes.extend_from_slice(&piece[..=last]);
                length = bytes.len();
            }
            at += read as u64;
        }
        bytes.truncate(length);
        Ok(Self { salt, offset, bytes })
    }

    /// Whether a whole record is here that was written when `missing` was durable already. Then
    /// `missing` was not torn by the last crash: it was damaged later.
    pub(crate) fn holds_later_batch(&self, missing: Position, capacity: u64) -> bool {
        let most = missing.0.saturating_add(capacity / FRAME_BYTES as u64);
        (0..self.bytes.len()).step_by(ALIGNMENT).any(|at| {
            let rest = &self.bytes[at..];
            let Some(position) = rest.get(8..16).and_then(|bytes| bytes.first_chunk::<8>()) else {
                return false;
            };
            // Cheap first: few places hold a number that could be a position here.
            if !(missing.0..=most).contains(&u64::from_le_bytes(*position)) {
                return false;
            }
            let Ok(total) = extent(rest, capacity - self.offset - at as u64) else {
                return false;
            };
            // The last record's padding may be cut off with the zeroes behind it.
            let mut record = rest[..rest.len().min(total)].to_vec();
            record.resize(total, 0);
            matches!(
                decode(self.salt, &record),
                Found::Record(frame, _) if frame.batch > missing
            )
        })
    }
}
