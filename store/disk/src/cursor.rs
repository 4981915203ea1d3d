//! Walks over the records of one segment and checks each of them.
//!
//! It never gives a record whose checksum, padding or position is wrong, and never steps over one.

use std::io;
use std::sync::Arc;

use store_log::Position;

use crate::format::{FRAME_BYTES, Found, HEADER_BYTES, content, decode, extent};
use crate::storage::File;

/// How much is read at once, in bytes.
const WINDOW_BYTES: u64 = 128 * 1024;

/// A place within one segment.
pub(crate) struct Cursor {
    file: Arc<dyn File>,
    salt: u64,
    capacity: u64,
    /// Where the next record starts.
    pub(crate) offset: u64,
    /// Which position it must have.
    pub(crate) expected: Position,
    window: Vec<u8>,
    window_start: u64,
}

impl Cursor {
    /// Starts at a record that is known to be at `offset`.
    pub(crate) fn at(
        file: Arc<dyn File>,
        salt: u64,
        capacity: u64,
        offset: u64,
        expected: Position,
    ) -> Self {
        let (window, window_start) = (Vec::new(), 0);
        Self { file, salt, capacity, offset, expected, window, window_start }
    }

    /// Starts at a segment's first record.
    pub(crate) fn start(file: Arc<dyn File>, salt: u64, capacity: u64, first: Position) -> Self {
        Self::at(file, salt, capacity, HEADER_BYTES, first)
    }

    /// The next record, and steps behind it; at an end or a flaw it stays.
    pub(crate) fn next(&mut self) -> io::Result<Found<'_>> {
        let room = self.capacity.saturating_sub(self.offset);
        if room < FRAME_BYTES as u64 {
            return Ok(Found::End);
        }
        let frame = self.bytes(FRAME_BYTES)?;
        if frame.len() < FRAME_BYTES {
            return Ok(Found::Flaw("the file is cut off"));
        }
        let total = match extent(frame, room) {
            Ok(total) => total,
            Err(found) => return Ok(found),
        };
        let (salt, expected) = (self.salt, self.expected);
        // Only the frame is taken from the first look; the content is borrowed again below,
        // when nothing can go wrong any more.
        let frame = match decode(salt, self.bytes(total)?) {
            Found::Record(frame, _) if frame.position == expected => frame,
            Found::Record(..) => {
                return Ok(Found::Flaw("a record of another position is in its place"));
            }
            Found::End => return Ok(Found::End),
            Found::Flaw(what) => return Ok(Found::Flaw(what)),
        };
        let at = usize::try_from(self.offset - self.window_start).map_err(io::Error::other)?;
        self.offset += total as u64;
        self.expected = expected.next();
        Ok(Found::Record(frame, content(&self.window[at..at + total])))
    }

    fn bytes(&mut self, count: usize) -> io::Result<&[u8]> {
        let end = self.offset + count as u64;
        let inside =
            self.offset >= self.window_start && end <= self.window_start + self.window.len() as u64;
        if !inside {
            let wanted = WINDOW_BYTES.max(count as u64).min(self.capacity - self.offset);
            self.window.resize(usize::try_from(wanted).map_err(io::Error::other)?, 0);
            self.window_start = self.offset;
            let read = self.file.read_at(self.offset, &mut self.window)?;
            self.window.truncate(read);
        }
        let at = usize::try_from(self.offset - self.window_start).map_err(io::Error::other)?;
        Ok(&self.window[at..self.window.len().min(at + count)])
    }
}
