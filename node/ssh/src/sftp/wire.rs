//! Packets of version 3 of the file transfer protocol, as OpenSSH speaks it
//! (draft-ietf-secsh-filexfer-02, and OpenSSH's `PROTOCOL`, section 4).

use bytes::{Buf as _, Bytes, BytesMut};

/// The longest packet without its length, in bytes: OpenSSH takes no longer one
/// (`SFTP_MAX_MSG_LENGTH`).
pub(crate) const PACKET_LIMIT: usize = 256 * 1024;
/// Where a packet's kind stands, its number, and what follows that.
pub(super) const KIND_AT: usize = 4;
pub(super) const BODY_AT: usize = 9;

pub(super) const VERSION: u32 = 3;

pub(super) mod kind {
    pub(crate) const INIT: u8 = 1;
    pub(crate) const VERSION: u8 = 2;
    pub(crate) const OPEN: u8 = 3;
    pub(crate) const CLOSE: u8 = 4;
    pub(crate) const READ: u8 = 5;
    pub(crate) const WRITE: u8 = 6;
    pub(crate) const LSTAT: u8 = 7;
    pub(crate) const FSTAT: u8 = 8;
    pub(crate) const SETSTAT: u8 = 9;
    pub(crate) const FSETSTAT: u8 = 10;
    pub(crate) const OPENDIR: u8 = 11;
    pub(crate) const READDIR: u8 = 12;
    pub(crate) const REMOVE: u8 = 13;
    pub(crate) const MKDIR: u8 = 14;
    pub(crate) const RMDIR: u8 = 15;
    pub(crate) const REALPATH: u8 = 16;
    pub(crate) const STAT: u8 = 17;
    pub(crate) const RENAME: u8 = 18;
    pub(crate) const READLINK: u8 = 19;
    pub(crate) const SYMLINK: u8 = 20;
    pub(crate) const STATUS: u8 = 101;
    pub(crate) const HANDLE: u8 = 102;
    pub(crate) const DATA: u8 = 103;
    pub(crate) const NAME: u8 = 104;
    pub(crate) const ATTRS: u8 = 105;
    pub(crate) const EXTENDED: u8 = 200;
    pub(crate) const EXTENDED_REPLY: u8 = 201;
}

/// What a status says.
pub(super) mod status {
    pub(crate) const OK: u32 = 0;
    pub(crate) const EOF: u32 = 1;
    pub(crate) const PERMISSION_DENIED: u32 = 3;
    pub(crate) const FAILURE: u32 = 4;
    pub(crate) const OP_UNSUPPORTED: u32 = 8;
}

/// What is no packet of the protocol: nothing that follows can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    /// It is longer than any packet.
    #[error("a packet of {0} bytes is longer than {PACKET_LIMIT}")]
    TooLong(u32),
    /// It is shorter than what it must hold, or longer.
    #[error("a packet does not hold what its kind says")]
    Malformed,
    /// It came out of its turn.
    #[error("a packet came that nothing asked for, or in place of another")]
    OutOfTurn,
}

/// Puts packets together out of a stream's pieces.
#[derive(Debug, Default)]
pub(super) struct Framer(BytesMut);

impl Framer {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next whole packet, with its length before it; at least a kind is in it.
    pub(super) fn peek(&self) -> Result<Option<&[u8]>, Broken> {
        let Some(length) = self.0.first_chunk() else { return Ok(None) };
        let length = u32::from_be_bytes(*length);
        let whole = usize::try_from(length).unwrap_or(usize::MAX);
        match whole {
            0 => Err(Broken::Malformed),
            _ if whole > PACKET_LIMIT => Err(Broken::TooLong(length)),
            _ => Ok(self.0.get(..KIND_AT + whole)),
        }
    }

    /// Takes what was peeked at.
    pub(super) fn take(&mut self) -> Result<Option<Bytes>, Broken> {
        let Some(length) = self.peek()?.map(<[u8]>::len) else { return Ok(None) };
        let packet = self.0.split_to(length).freeze();
        if self.0.is_empty() {
            // What a long packet needed is not kept for short ones.
            self.0 = BytesMut::new();
        }
        Ok(Some(packet))
    }
}

/// Reads fields out of a packet.
#[derive(Clone)]
pub(super) struct Fields<'a> {
    packet: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    /// Those behind the packet's number.
    pub(super) fn of(packet: &'a [u8]) -> Self {
        Self::from(packet, BODY_AT)
    }

    pub(super) fn from(packet: &'a [u8], at: usize) -> Self {
        Self { packet, at }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Broken> {
        let end = self.at.checked_add(length).ok_or(Broken::Malformed)?;
        let taken = self.packet.get(self.at..end).ok_or(Broken::Malformed)?;
        self.at = end;
        Ok(taken)
    }

    pub(super) fn number(&mut self) -> Result<u32, Broken> {
        self.take(4).map(|mut bytes| bytes.get_u32())
    }

    pub(super) fn long(&mut self) -> Result<u64, Broken> {
        self.take(8).map(|mut bytes| bytes.get_u64())
    }

    pub(super) fn text(&mut self) -> Result<&'a [u8], Broken> {
        let length = usize::try_from(self.number()?).map_err(|_| Broken::Malformed)?;
        self.take(length)
    }

    /// All that follows.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.packet.get(self.at..).unwrap_or_default()
    }

    /// That nothing follows.
    pub(super) fn end(&self) -> Result<(), Broken> {
        if self.rest().is_empty() { Ok(()) } else { Err(Broken::Malformed) }
    }

    /// Attributes (section 5), with where their texts stand.
    pub(super) fn attributes(&mut self, texts: &mut Vec<(usize, usize)>) -> Result<(), Broken> {
        let flags = self.number()?;
        for (flag, length) in [(0x1, 8), (0x2, 8), (0x4, 4), (0x8, 8)] {
            if flags & flag != 0 {
                self.take(length)?;
            }
        }
        if flags & 0x8000_0000 == 0 {
            return Ok(());
        }
        for _ in 0..self.number()? {
            for _ in 0..2 {
                let length = self.text()?.len();
                texts.push((self.at - length, self.at));
            }
        }
        Ok(())
    }
}

/// Writes a packet.
pub(super) struct Packet(Vec<u8>);

impl Packet {
    pub(super) fn new(kind: u8) -> Self {
        Self(vec![0, 0, 0, 0, kind])
    }

    pub(super) fn numbered(kind: u8, id: u32) -> Self {
        Self::new(kind).number(id)
    }

    pub(super) fn number(mut self, number: u32) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(super) fn long(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(super) fn text(self, text: &[u8]) -> Self {
        // Nothing here is longer than a packet.
        self.number(u32::try_from(text.len()).unwrap_or(u32::MAX)).raw(text)
    }

    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn done(mut self) -> Bytes {
        let length = u32::try_from(self.0.len() - KIND_AT).unwrap_or(u32::MAX);
        self.0[..KIND_AT].copy_from_slice(&length.to_be_bytes());
        self.0.into()
    }
}

/// A status with a text.
pub(super) fn status(id: u32, code: u32, text: &str) -> Bytes {
    Packet::numbered(kind::STATUS, id).number(code).text(text.as_bytes()).text(b"").done()
}
