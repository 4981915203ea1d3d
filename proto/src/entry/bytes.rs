//! The bytes of proposals and batches.
//!
//! A proposal is the version, then an rkyv envelope: client, request, the entry's tag and the rkyv
//! bytes of its own struct. A batch is a list of proposals with one stamp. Nothing is believed
//! before it was validated, and damage is an error, never a panic.

use rkyv::api::high::{HighDeserializer, HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Error as RkyvError;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize};

use super::{Batch, Client, Entry, Proposal, v1};
use crate::time::Utc;

/// The version that this program writes; it reads all up to this.
pub const ENTRY_VERSION: u8 = 2;

/// The largest proposal, in bytes.
pub const ENTRY_LIMIT: usize = 8 * 1024 * 1024;

/// Bytes that are not a proposal.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadProposal {
    /// A version that this program does not read.
    #[error("entry version {0} is not one that this program reads (up to {ENTRY_VERSION})")]
    Version(u8),
    /// A kind that this program does not know: a newer one wrote it.
    #[error("an entry of kind {0} is not one that this program knows; upgrade it")]
    Kind(u16),
    /// Not the bytes of a proposal.
    #[error("entry bytes are damaged: {0}")]
    Damaged(String),
    /// Larger than any entry may be.
    #[error("an entry of {0} bytes is larger than {ENTRY_LIMIT}")]
    TooLarge(usize),
}

#[derive(Archive, RkyvSerialize, RkyvDeserialize)]
struct Envelope {
    client: Client,
    request: u64,
    tag: u16,
    body: Vec<u8>,
}

#[derive(Archive, RkyvSerialize, RkyvDeserialize)]
struct Envelopes {
    at: Utc,
    proposals: Vec<Envelope>,
}

pub(super) fn write<T>(value: &T) -> Result<AlignedVec, BadProposal>
where
    T: for<'a> RkyvSerialize<HighSerializer<AlignedVec, ArenaHandle<'a>, RkyvError>>,
{
    rkyv::to_bytes::<RkyvError>(value).map_err(|error| BadProposal::Damaged(error.to_string()))
}

pub(super) fn read<T>(bytes: &[u8]) -> Result<T, BadProposal>
where
    T: Archive,
    T::Archived: for<'a> CheckBytes<HighValidator<'a, RkyvError>>
        + RkyvDeserialize<T, HighDeserializer<RkyvError>>,
{
    // rkyv reads in place and needs alignment, which a slice of a file does not have.
    let mut aligned = AlignedVec::<16>::with_capacity(bytes.len());
    aligned.extend_from_slice(bytes);
    rkyv::from_bytes::<T, RkyvError>(&aligned)
        .map_err(|error| BadProposal::Damaged(error.to_string()))
}

impl Envelope {
    fn of(proposal: &Proposal) -> Result<Self, BadProposal> {
        let body = proposal.entry.body()?;
        if body.len() > ENTRY_LIMIT {
            return Err(BadProposal::TooLarge(body.len()));
        }
        let (client, request) = (proposal.client.clone(), proposal.request);
        Ok(Self { client, request, tag: proposal.entry.tag(), body: body.to_vec() })
    }

    fn open(self) -> Result<Proposal, BadProposal> {
        let entry = Entry::read(self.tag, &self.body)?;
        Ok(Proposal { client: self.client, request: self.request, entry })
    }
}

fn versioned(body: &AlignedVec) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len() + 1);
    bytes.push(ENTRY_VERSION);
    bytes.extend_from_slice(body);
    bytes
}

fn unversioned(bytes: &[u8]) -> Result<(u8, &[u8]), BadProposal> {
    let (version, body) =
        bytes.split_first().ok_or_else(|| BadProposal::Damaged("no bytes".to_owned()))?;
    Ok((*version, body))
}

impl Proposal {
    /// The bytes that are sent to a leader.
    ///
    /// # Errors
    /// [`BadProposal::TooLarge`] over [`ENTRY_LIMIT`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, BadProposal> {
        Ok(versioned(&write(&Envelope::of(self)?)?))
    }

    /// Reads sent or kept bytes; they are validated before anything is believed. Those of version 1
    /// are read as what they mean now.
    ///
    /// # Errors
    /// [`BadProposal`] when they are not a proposal of a version up to this one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadProposal> {
        if bytes.len() > ENTRY_LIMIT + 1024 {
            return Err(BadProposal::TooLarge(bytes.len()));
        }
        match unversioned(bytes)? {
            (v1::VERSION, body) => v1::read(body),
            (ENTRY_VERSION, body) => read::<Envelope>(body)?.open(),
            (other, _) => Err(BadProposal::Version(other)),
        }
    }
}

impl Batch {
    /// The bytes that the replicated log holds.
    ///
    /// # Errors
    /// [`BadProposal::TooLarge`] when a proposal is over [`ENTRY_LIMIT`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, BadProposal> {
        let proposals = self.proposals.iter().map(Envelope::of).collect::<Result<_, _>>()?;
        Ok(versioned(&write(&Envelopes { at: self.at, proposals })?))
    }

    /// Reads kept bytes.
    ///
    /// # Errors
    /// [`BadProposal`] when they are not a batch of a version up to this one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadProposal> {
        match unversioned(bytes)? {
            (ENTRY_VERSION, body) => {
                let Envelopes { at, proposals } = read::<Envelopes>(body)?;
                let proposals = proposals.into_iter().map(Envelope::open);
                Ok(Self { at, proposals: proposals.collect::<Result<_, _>>()? })
            }
            (other, _) => Err(BadProposal::Version(other)),
        }
    }
}
