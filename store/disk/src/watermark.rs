//! How far the journal was surely durable, as last noted.
//!
//! Written after each sync and before any answer, itself without a sync: it survives a killed
//! process, and after a power cut it can only be older, never newer, than the truth. Two slots are
//! written in turn so that a torn one leaves the other.

use std::io;
use std::sync::Arc;

use store_log::Position;

use crate::error::OpenError;
use crate::storage::{File, Storage};

/// The two slots are this far apart, so that no medium tears both at once.
const SLOT_BYTES: u64 = 4096;
/// Both slots.
const WATERMARK_BYTES: u64 = 2 * SLOT_BYTES;
const WATERMARK: &str = "watermark";
const MAGIC: u32 = u32::from_le_bytes(*b"SPWM");
const FIELDS: usize = 32;

/// Everything up to here was durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    /// The last durable position.
    pub(crate) position: Position,
    /// The first position of its segment.
    pub(crate) segment: Position,
    /// Where its record ends in that segment.
    pub(crate) offset: u64,
}

/// The file.
pub(crate) struct Watermark {
    file: Arc<dyn File>,
    second_next: bool,
}

impl Watermark {
    pub(crate) fn new(file: Arc<dyn File>) -> Self {
        Self { file, second_next: false }
    }

    /// The newer slot, and how many slots are not readable.
    pub(crate) fn read(&mut self) -> io::Result<(Option<Mark>, u8)> {
        let slots = [self.slot(0)?, self.slot(SLOT_BYTES)?];
        let newest = slots.iter().flatten().max().copied();
        // The older one is overwritten next.
        self.second_next = newest.is_some() && slots[0] == newest;
        let unreadable = slots.iter().filter(|slot| slot.is_none()).count();
        Ok((newest, u8::try_from(unreadable).unwrap_or(2)))
    }

    fn slot(&self, offset: u64) -> io::Result<Option<Mark>> {
        let mut bytes = [0; FIELDS];
        if self.file.read_at(offset, &mut bytes)? < FIELDS {
            return Ok(None);
        }
        let number = |at: usize| {
            u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes of an array"))
        };
        let (position, segment, offset) = (number(8), number(16), number(24));
        let mark = Mark { position: Position(position), segment: Position(segment), offset };
        Ok((encode(mark) == bytes).then_some(mark))
    }

    /// Notes how far it is durable, without a sync.
    pub(crate) fn write(&mut self, mark: Mark) -> io::Result<()> {
        let offset = if self.second_next { SLOT_BYTES } else { 0 };
        self.second_next = !self.second_next;
        self.file.write_at(offset, &encode(mark))
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

/// Opens the watermark of a journal, or begins that of an empty one; gives the newer slot and how
/// many slots cannot be read.
pub(crate) fn open_watermark(
    storage: &dyn Storage,
    empty: bool,
) -> Result<(Watermark, Mark, u8), OpenError> {
    let failed = || OpenError::io("opening the watermark".to_owned());
    let file = match storage.open(WATERMARK) {
        Ok(file) => Some(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(failed()(error)),
    };
    if let Some(file) = file {
        let mut watermark = Watermark::new(file);
        match watermark.read().map_err(failed())? {
            // In an empty journal an earlier opening may have been cut short before what it wrote
            // here was synced; it is begun anew.
            (Some(mark), lost) if !empty || mark.position.0 > 0 => {
                return Ok((watermark, mark, lost));
            }
            _ if empty => {}
            _ => {
                return Err(OpenError::damaged(WATERMARK, 0, "neither of its slots can be read"));
            }
        }
    } else if !empty {
        return Err(OpenError::damaged(WATERMARK, 0, "it is missing"));
    }
    let file = storage.create(WATERMARK, WATERMARK_BYTES).map_err(failed())?;
    let mut watermark = Watermark::new(file);
    for _ in 0..2 {
        watermark.write(Mark::default()).map_err(failed())?;
    }
    watermark.sync().map_err(failed())?;
    storage.sync_folder("").map_err(failed())?;
    Ok((watermark, Mark::default(), 0))
}

fn encode(mark: Mark) -> [u8; FIELDS] {
    let mut bytes = [0; FIELDS];
    bytes[..4].copy_from_slice(&MAGIC.to_le_bytes());
    for (at, number) in [(8, mark.position.0), (16, mark.segment.0), (24, mark.offset)] {
        bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
    }
    let checksum = crc32fast::hash(&bytes[8..]);
    bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
    bytes
}
