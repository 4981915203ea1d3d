//! Packets of file transfers, written and read once more: what is fuzzed has readers of its own.

use bytes::Bytes;

/// Where a packet's kind stands, and what follows its number.
pub(super) const KIND_AT: usize = 4;
pub(super) const BODY_AT: usize = 9;

pub(super) const INIT: u8 = 1;
pub(super) const VERSION: u8 = 2;
pub(super) const OPEN: u8 = 3;
pub(super) const CLOSE: u8 = 4;
pub(super) const READ: u8 = 5;
pub(super) const WRITE: u8 = 6;
pub(super) const LSTAT: u8 = 7;
pub(super) const FSTAT: u8 = 8;
pub(super) const FSETSTAT: u8 = 10;
pub(super) const OPENDIR: u8 = 11;
pub(super) const READDIR: u8 = 12;
pub(super) const REALPATH: u8 = 16;
pub(super) const STAT: u8 = 17;
pub(super) const READLINK: u8 = 19;
pub(super) const STATUS: u8 = 101;
pub(super) const HANDLE: u8 = 102;
pub(super) const DATA: u8 = 103;
pub(super) const NAME: u8 = 104;
pub(super) const ATTRS: u8 = 105;
pub(super) const EXTENDED: u8 = 200;
pub(super) const EXTENDED_REPLY: u8 = 201;

/// What may be sent without a verdict.
const UNJUDGED: &[u8] = &[INIT, CLOSE, READ, WRITE, FSTAT, FSETSTAT, READDIR, REALPATH];
/// The extensions of which the same is so.
const UNJUDGED_EXTENSIONS: &[&[u8]] = &[
    b"fsync@openssh.com",
    b"fstatvfs@openssh.com",
    b"limits@openssh.com",
    b"expand-path@openssh.com",
    b"users-groups-by-id@openssh.com",
];
/// Whether a packet opens, changes, removes and lists nothing that was not let open.
pub(super) fn needs_no_verdict(packet: &[u8]) -> bool {
    let name = || Fields::of(packet).text().is_some_and(|name| UNJUDGED_EXTENSIONS.contains(&name));
    UNJUDGED.contains(&packet[KIND_AT]) || packet[KIND_AT] == EXTENDED && name()
}

/// How long the packet at the beginning is, as far as it is there.
pub(super) fn framed(bytes: &[u8]) -> usize {
    let Some(length) = bytes.first_chunk() else { return bytes.len() };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    bytes.len().min(length.saturating_add(KIND_AT))
}

/// A packet's number.
pub(super) fn number(packet: &[u8]) -> u32 {
    let number = packet.get(KIND_AT + 1..).and_then(<[u8]>::first_chunk);
    u32::from_be_bytes(*number.expect("a number"))
}

/// Reads what follows a packet's number; nothing where there is too little.
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn of(packet: &'a [u8]) -> Self {
        Self(packet.get(BODY_AT..).unwrap_or_default())
    }

    pub(super) fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }

    pub(super) fn long(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*number))
    }

    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text)
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

    pub(super) fn number(self, number: u32) -> Self {
        self.raw(&number.to_be_bytes())
    }

    pub(super) fn long(self, number: u64) -> Self {
        self.raw(&number.to_be_bytes())
    }

    pub(super) fn text(self, text: &[u8]) -> Self {
        self.number(u32::try_from(text.len()).expect("short")).raw(text)
    }

    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn done(mut self) -> Bytes {
        let length = u32::try_from(self.0.len() - KIND_AT).expect("short");
        self.0[..KIND_AT].copy_from_slice(&length.to_be_bytes());
        self.0.into()
    }
}

/// A status, as short as a server may say it.
pub(super) fn status(id: u32, code: u32) -> Bytes {
    Packet::numbered(STATUS, id).number(code).done()
}
