//! The envelope of every stored record: a version, a keyed checksum, the content.
//!
//! redb returns what a flipped bit made of a value, so every reading checks. The checksum also
//! covers which record it is: one that stands in another's place does not fit. Its key is drawn for
//! each store, so that nobody who chooses content can choose bytes that pass after a torn write.

use bytes::Bytes;
use proto::peer::raft::LogId;
use ring::hmac;
use rkyv::api::high::{HighDeserializer, HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Error as RkyvError;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Deserialize, Serialize};

use super::error::Damage;
use super::facts::LogRecord;

/// The version that this program writes.
pub(crate) const VERSION: u8 = 1;
/// The checksum is cut to so many bytes.
const TAG_BYTES: usize = 16;
/// Version and checksum.
pub(crate) const ENVELOPE_BYTES: usize = 1 + TAG_BYTES;
/// Term, node and kind of an entry.
const ENTRY_BYTES: usize = 8 + 8 + 1;
/// A store's key has so many bytes.
pub(crate) const KEY_BYTES: usize = 32;

/// Which record: what stands for its place in the checksum and in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    Entry(u64),
    Fact(&'a str),
    Part(u64, u32),
}

impl Place<'_> {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Entry(index) => format!("entry {index}"),
            Self::Fact(name) => name.to_owned(),
            Self::Part(number, part) => format!("part {part} of snapshot {number}"),
        }
    }

    pub(crate) fn damage(self, what: &str) -> Damage {
        Damage::of(self.name(), what)
    }
}

/// Seals and opens the records of one store.
#[derive(Clone, Debug)]
pub(crate) struct Sealer(hmac::Key);

impl Sealer {
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    fn tag(&self, place: Place<'_>, content: &[&[u8]]) -> [u8; TAG_BYTES] {
        let mut context = hmac::Context::with_key(&self.0);
        let name = place.name();
        // The name's length keeps a name and a content from being read as another pair.
        context.update(&[VERSION, u8::try_from(name.len()).unwrap_or(u8::MAX)]);
        context.update(name.as_bytes());
        for piece in content {
            context.update(piece);
        }
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&context.sign().as_ref()[..TAG_BYTES]);
        tag
    }

    pub(crate) fn seal(&self, place: Place<'_>, content: &[&[u8]]) -> Vec<u8> {
        let length: usize = content.iter().map(|piece| piece.len()).sum();
        let mut record = Vec::with_capacity(ENVELOPE_BYTES + length);
        record.push(VERSION);
        record.extend_from_slice(&self.tag(place, content));
        for piece in content {
            record.extend_from_slice(piece);
        }
        record
    }

    pub(crate) fn open<'a>(&self, place: Place<'_>, record: &'a [u8]) -> Result<&'a [u8], Damage> {
        let Some((head, content)) = record.split_at_checked(ENVELOPE_BYTES) else {
            return Err(place.damage("it is too short"));
        };
        if head[0] != VERSION || head[1..] != self.tag(place, &[content]) {
            return Err(place.damage("its checksum does not fit"));
        }
        Ok(content)
    }

    pub(crate) fn seal_entry(&self, record: &LogRecord) -> Vec<u8> {
        let LogId { term, node, index } = record.at;
        let place = Place::Entry(index);
        let head = [&term.to_le_bytes()[..], &node.to_le_bytes()[..], &[record.kind]].concat();
        self.seal(place, &[&head, &record.bytes])
    }

    pub(crate) fn open_entry(&self, index: u64, record: &[u8]) -> Result<LogRecord, Damage> {
        let place = Place::Entry(index);
        let content = self.open(place, record)?;
        let short = || place.damage("it is too short");
        let (head, bytes) = content.split_at_checked(ENTRY_BYTES).ok_or_else(short)?;
        let number = |at: usize| head[at..at + 8].try_into().map(u64::from_le_bytes);
        let (Ok(term), Ok(node)) = (number(0), number(8)) else { return Err(short()) };
        let at = LogId { term, node, index };
        Ok(LogRecord { at, kind: head[16], bytes: Bytes::copy_from_slice(bytes) })
    }

    pub(crate) fn seal_value<T>(&self, place: Place<'_>, value: &T) -> Result<Vec<u8>, String>
    where
        T: for<'a> Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, RkyvError>>,
    {
        let bytes = rkyv::to_bytes::<RkyvError>(value).map_err(|error| error.to_string())?;
        Ok(self.seal(place, &[&bytes]))
    }

    pub(crate) fn open_value<T>(&self, place: Place<'_>, record: &[u8]) -> Result<T, Damage>
    where
        T: Archive,
        T::Archived: for<'a> CheckBytes<HighValidator<'a, RkyvError>>
            + Deserialize<T, HighDeserializer<RkyvError>>,
    {
        let content = self.open(place, record)?;
        // rkyv reads in place and needs alignment, which a value of redb does not have.
        let mut aligned = AlignedVec::<16>::with_capacity(content.len());
        aligned.extend_from_slice(content);
        rkyv::from_bytes::<T, RkyvError>(&aligned).map_err(|error| place.damage(&error.to_string()))
    }
}
