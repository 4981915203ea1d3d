//! The bytes of a segment: its header and its records. All numbers are little-endian.
//!
//! Every checksum covers the segment's salt, so bytes that somebody got recorded can never pass
//! for a record of their own, and a record of another segment never passes for one of this.
//! Nothing here reads a file. A format that is once written is read for ever.

use proto::event::{EVENT_LIMIT, Head};
use proto::ids::{Digest, Epoch};
use store_log::{Heads, Position};

use crate::error::OpenError;

/// The format version that this program writes.
pub(crate) const VERSION: u32 = 1;
/// The header of a segment, one sector.
pub(crate) const HEADER_BYTES: u64 = 512;
/// What a record takes beside its content and padding.
pub(crate) const FRAME_BYTES: usize = 56;
const MAGIC: [u8; 8] = *b"SPJOURNL";
/// Records start at multiples of this.
pub(crate) const ALIGNMENT: usize = 8;

/// What a record of `content` bytes takes in a segment.
pub(crate) fn record_bytes(content: usize) -> u64 {
    ((FRAME_BYTES + content).next_multiple_of(ALIGNMENT)) as u64
}

/// What a segment says about itself, and where the chains stood when it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) capacity: u64,
    pub(crate) first: Position,
    pub(crate) salt: u64,
    pub(crate) before: Heads,
}

/// What a record says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) position: Position,
    /// The first position of the records that were synced together with this one: everything
    /// before it was durable when this was written.
    pub(crate) batch: Position,
    pub(crate) epoch: Epoch,
    pub(crate) seq: u64,
    pub(crate) share: u64,
    pub(crate) control: bool,
    pub(crate) last_words: bool,
}

/// What is found where a record may start.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// Nothing was written here.
    End,
    /// A whole record: its frame, its content.
    Record(Frame, &'a [u8]),
    /// Something that is not what was written.
    Flaw(&'static str),
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn number(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let (head, rest) = self.0.split_at(N);
        self.0 = rest;
        head.try_into().expect("split_at gave N bytes")
    }

    fn head(&mut self) -> Head {
        let seq = self.number();
        let hash = Digest(self.array());
        Head { seq, hash: (seq > 0).then_some(hash) }
    }
}

impl Header {
    /// The header's sector.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(usize::try_from(HEADER_BYTES).unwrap_or(0));
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend([0; 4]);
        for number in [self.capacity, self.first.0, self.salt, self.before.epoch.0] {
            bytes.extend(number.to_le_bytes());
        }
        for head in [self.before.node, self.before.control] {
            bytes.extend(head.seq.to_le_bytes());
            bytes.extend(head.hash.unwrap_or(Digest::ZERO).0);
        }
        bytes.resize(usize::try_from(HEADER_BYTES).unwrap_or(0), 0);
        let checksum = header_checksum(&bytes);
        bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads a header's sector; `file` is for the error.
    pub(crate) fn decode(file: &str, position: u64, bytes: &[u8]) -> Result<Self, OpenError> {
        let damaged = |what: &str| OpenError::damaged(file, position, what);
        if bytes.len() as u64 != HEADER_BYTES {
            return Err(damaged("the header is cut off"));
        }
        let mut fields = Fields(bytes);
        if fields.array() != MAGIC {
            return Err(damaged("this is not the header of a segment"));
        }
        let version = u32::from_le_bytes(fields.array());
        let checksum = u32::from_le_bytes(fields.array());
        if checksum != header_checksum(bytes) {
            return Err(damaged("the header's checksum is wrong"));
        }
        if version != VERSION {
            return Err(OpenError::UnknownVersion { file: file.to_owned(), version });
        }
        let [capacity, first, salt, epoch] = std::array::from_fn(|_| fields.number());
        let (node, control) = (fields.head(), fields.head());
        let before = Heads { node, control, epoch: Epoch(epoch) };
        Ok(Self { capacity, first: Position(first), salt, before })
    }
}

impl Frame {
    /// Appends the record's bytes to `into`.
    pub(crate) fn encode(&self, salt: u64, content: &[u8], into: &mut Vec<u8>) {
        let start = into.len();
        let length = u32::try_from(content.len()).expect("content is at most EVENT_LIMIT bytes");
        into.extend(length.to_le_bytes());
        into.extend([0; 4]);
        for number in [self.position.0, self.batch.0, self.epoch.0, self.seq, self.share] {
            into.extend(number.to_le_bytes());
        }
        let chain = if self.control { 2 } else { 1 };
        into.extend([chain, u8::from(self.last_words), 0, 0, 0, 0, 0, 0]);
        into.extend(content);
        let checksum = checksum(salt, &into[start..]);
        into[start + 4..start + 8].copy_from_slice(&checksum.to_le_bytes());
        into.resize(start + (FRAME_BYTES + content.len()).next_multiple_of(ALIGNMENT), 0);
    }
}

/// How many bytes the record at the start of `frame` takes in all, or what is there instead.
/// `room` is what is left of the segment.
pub(crate) fn extent(frame: &[u8], room: u64) -> Result<usize, Found<'static>> {
    let Some(length) = frame.first_chunk::<4>() else {
        return Err(Found::End);
    };
    let length = u32::from_le_bytes(*length) as usize;
    if length == 0 {
        return Err(Found::End);
    }
    if length > EVENT_LIMIT {
        return Err(Found::Flaw("the length is beyond any record"));
    }
    if record_bytes(length) > room {
        return Err(Found::Flaw("the length is beyond the segment"));
    }
    Ok(usize::try_from(record_bytes(length)).unwrap_or(usize::MAX))
}

/// Reads the record that takes exactly `bytes`, as [`extent`] gave it.
pub(crate) fn decode(salt: u64, bytes: &[u8]) -> Found<'_> {
    let length = bytes.first_chunk::<4>().map_or(0, |four| u32::from_le_bytes(*four) as usize);
    let end = FRAME_BYTES + length;
    if bytes.len() < end {
        return Found::Flaw("the record is cut off");
    }
    let expected = u32::from_le_bytes(Fields(&bytes[4..]).array());
    if checksum(salt, &bytes[..end]) != expected {
        return Found::Flaw("the checksum is wrong");
    }
    if bytes[end..].iter().any(|byte| *byte != 0) {
        return Found::Flaw("the padding is not zero");
    }
    let mut fields = Fields(&bytes[8..]);
    let [position, batch, epoch, seq, share] = std::array::from_fn(|_| fields.number());
    let [chain, flags, rest @ ..]: [u8; 8] = fields.array();
    let control = match chain {
        1 => false,
        2 => true,
        _ => return Found::Flaw("the chain is none that is known"),
    };
    if flags > 1 || rest != [0; 6] {
        return Found::Flaw("a field is set that this version does not know");
    }
    let (position, batch, epoch) = (Position(position), Position(batch), Epoch(epoch));
    let frame = Frame { position, batch, epoch, seq, share, control, last_words: flags == 1 };
    Found::Record(frame, content(bytes))
}

/// The content of a record that [`decode`] found good.
pub(crate) fn content(record: &[u8]) -> &[u8] {
    let length = record.first_chunk::<4>().map_or(0, |four| u32::from_le_bytes(*four) as usize);
    &record[FRAME_BYTES..FRAME_BYTES + length]
}

fn header_checksum(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..12]);
    hasher.update(&bytes[16..]);
    hasher.finalize()
}

fn checksum(salt: u64, record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(&record[..4]);
    hasher.update(&record[8..]);
    hasher.finalize()
}
