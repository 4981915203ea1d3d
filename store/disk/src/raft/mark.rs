//! The number of the last commit that was answered, beside the database.
//!
//! redb keeps the commit before the last one, and one flipped bit of its header would bring that
//! back: a vote or an entry that was answered would be gone without a trace. The mark is written
//! after each commit and before any answer, itself without a sync: it survives a killed process,
//! and after a power cut it can only be older than the truth. Two slots are written in turn.

use std::io;
use std::sync::Arc;

use crate::storage::{File, Storage};

/// The file's name.
pub(crate) const MARK: &str = "raft.mark";
const MAGIC: [u8; 8] = *b"SPRAFTM1";
/// The slots are this far apart, so that no medium tears both at once.
const SLOT_BYTES: u64 = 4096;
const FIELDS: usize = 20;

/// The mark of one database.
pub(crate) struct Mark {
    file: Arc<dyn File>,
    second_next: bool,
}

impl Mark {
    /// Opens the mark; one that is missing is made.
    pub(crate) fn open(storage: &dyn Storage) -> io::Result<Self> {
        let file = match storage.open(MARK) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = storage.create(MARK, 2 * SLOT_BYTES)?;
                file.sync()?;
                storage.sync_folder("")?;
                file
            }
            Err(error) => return Err(error),
        };
        if file.length()? < 2 * SLOT_BYTES {
            file.set_length(2 * SLOT_BYTES)?;
        }
        Ok(Self { file, second_next: false })
    }

    /// The last commit that was answered, as far as it is known.
    pub(crate) fn read(&mut self) -> io::Result<u64> {
        let slots = [self.slot(0)?, self.slot(SLOT_BYTES)?];
        let last = slots.iter().flatten().max().copied();
        // The older slot is overwritten next.
        self.second_next = last.is_some() && slots[0] == last;
        Ok(last.unwrap_or(0))
    }

    fn slot(&self, offset: u64) -> io::Result<Option<u64>> {
        let mut bytes = [0; FIELDS];
        if self.file.read_at(offset, &mut bytes)? < FIELDS {
            return Ok(None);
        }
        let mut number = [0; 8];
        number.copy_from_slice(&bytes[8..16]);
        let number = u64::from_le_bytes(number);
        Ok((encode(number) == bytes).then_some(number))
    }

    /// Notes a commit, without a sync.
    pub(crate) fn write(&mut self, number: u64) -> io::Result<()> {
        let offset = if self.second_next { SLOT_BYTES } else { 0 };
        self.second_next = !self.second_next;
        self.file.write_at(offset, &encode(number))
    }
}

fn encode(number: u64) -> [u8; FIELDS] {
    let mut bytes = [0; FIELDS];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    let checksum = crc32fast::hash(&bytes[..16]);
    bytes[16..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}
