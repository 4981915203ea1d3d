//! A file of encrypted blocks, first in first out, whose key is only in memory and whose name is
//! gone as soon as it is open.
//!
//! ChaCha20-Poly1305 (RFC 8439) with a key for each file and a counter as nonce. It never uses a
//! nonce twice and never gives back a block that is not the one that was written.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use bytes::Bytes;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::SpoolError;

/// How many bytes a block holds.
pub(crate) const BLOCK_BYTES: usize = 64 * 1024;
/// What a block takes in the file: its bytes and the tag.
const SLOT_BYTES: usize = BLOCK_BYTES + 16;
/// How often another name is tried when one is taken.
const NAME_ATTEMPTS: usize = 4;

/// Blocks in a file.
pub(crate) struct Vault {
    file: File,
    key: LessSafeKey,
    next_nonce: u64,
    blocks: VecDeque<Block>,
    // Places whose block was read; the file grows only when there is none.
    free: Vec<u32>,
    places: u32,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    place: u32,
    nonce: u64,
}

impl Vault {
    /// A new file in a folder, without a name once this returns.
    pub(crate) fn create(directory: &Path) -> io::Result<Self> {
        let random = SystemRandom::new();
        let mut bytes = Zeroizing::new([0_u8; 32]);
        random.fill(&mut *bytes).map_err(|_| io::Error::other("the system has no randomness"))?;
        let key = UnboundKey::new(&CHACHA20_POLY1305, &*bytes)
            .map_err(|_| io::Error::other("the key does not fit"))?;
        let file = nameless(directory, &random)?;
        Ok(Self {
            file,
            key: LessSafeKey::new(key),
            next_nonce: 0,
            blocks: VecDeque::new(),
            free: Vec::new(),
            places: 0,
        })
    }

    /// How many blocks wait.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Writes [`BLOCK_BYTES`] bytes, which are encrypted where they are and wiped.
    pub(crate) fn write(&mut self, bytes: &mut [u8]) -> Result<(), SpoolError> {
        debug_assert_eq!(bytes.len(), BLOCK_BYTES);
        let nonce = self.next_nonce;
        self.next_nonce += 1;
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce_of(nonce), Aad::empty(), bytes)
            .map_err(|_| SpoolError::Changed)?;
        let place = self.free.pop().unwrap_or_else(|| {
            self.places += 1;
            self.places - 1
        });
        let offset = offset_of(place);
        self.file.write_all_at(bytes, offset)?;
        self.file.write_all_at(tag.as_ref(), offset + BLOCK_BYTES as u64)?;
        self.blocks.push_back(Block { place, nonce });
        Ok(())
    }

    /// Reads the oldest block.
    pub(crate) fn read(&mut self) -> Result<Bytes, SpoolError> {
        let block = self.blocks.pop_front().ok_or(SpoolError::Changed)?;
        let mut bytes = vec![0; SLOT_BYTES];
        self.file.read_exact_at(&mut bytes, offset_of(block.place))?;
        self.key
            .open_in_place(nonce_of(block.nonce), Aad::empty(), &mut bytes)
            .map_err(|_| SpoolError::Changed)?;
        bytes.truncate(BLOCK_BYTES);
        self.free.push(block.place);
        Ok(Bytes::from(bytes))
    }

    /// The file, for tests that change it.
    #[cfg(test)]
    pub(crate) fn file(&self) -> &File {
        &self.file
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault({} blocks in {} places)", self.blocks.len(), self.places)
    }
}

/// A file that nobody else can open: created anew for its owner alone, and its name removed.
fn nameless(directory: &Path, random: &SystemRandom) -> io::Result<File> {
    let mut taken = io::Error::other("no name was tried");
    for _ in 0..NAME_ATTEMPTS {
        let mut bytes = [0_u8; 8];
        random.fill(&mut bytes).map_err(|_| io::Error::other("the system has no randomness"))?;
        let path = directory.join(format!("input-{:016x}", u64::from_le_bytes(bytes)));
        let mut options = OpenOptions::new();
        match options.read(true).write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => {
                std::fs::remove_file(&path)?;
                return Ok(file);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = error,
            Err(error) => return Err(error),
        }
    }
    Err(taken)
}

fn offset_of(place: u32) -> u64 {
    u64::from(place) * SLOT_BYTES as u64
}

fn nonce_of(count: u64) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[..8].copy_from_slice(&count.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}
