//! A server of files that keeps to the protocol, and of which each byte is known.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::packets::{self, Fields, KIND_AT, Packet, number, status};

/// What a status says.
const OK: u32 = 0;
const END: u32 = 1;
const UNSUPPORTED: u32 = 8;
/// How long each file is, in bytes.
const FILE_BYTES: u64 = 9_000;
/// What its clients may ask beside what the protocol has.
const EXTENSIONS: [&[u8]; 2] = [b"fsync@openssh.com", b"posix-rename@openssh.com"];

/// The byte of each file at a place.
pub(super) fn byte(at: u64) -> u8 {
    at.wrapping_mul(31).to_le_bytes()[0]
}

/// Content of each file.
fn content(from: u64, length: u64) -> Vec<u8> {
    let end = from.saturating_add(length).min(FILE_BYTES);
    (from..end).map(byte).collect()
}

/// The server: how much it gives at a time, and what it has open. It counts what it opens as
/// OpenSSH's does.
pub(super) struct Server {
    pub(super) most: u64,
    pub(super) open: BTreeSet<u32>,
}

impl Server {
    /// What it answers to a packet that the gateway sent.
    ///
    /// # Panics
    /// When the gateway sends what is no packet.
    pub(super) fn answer(&mut self, packet: &Bytes) -> Bytes {
        let asked = packet[KIND_AT];
        if asked == packets::INIT {
            let hello = Packet::new(packets::VERSION).number(3);
            return EXTENSIONS.iter().fold(hello, |hello, name| hello.text(name).text(b"1")).done();
        }
        let id = number(packet);
        let mut fields = Fields::of(packet);
        let names = |count| Packet::numbered(packets::NAME, id).number(count);
        match asked {
            packets::OPEN | packets::OPENDIR => {
                let free = (0..).find(|number| !self.open.contains(number)).expect("few");
                self.open.insert(free);
                Packet::numbered(packets::HANDLE, id).text(&free.to_be_bytes()).done()
            }
            packets::CLOSE => {
                let handle = fields.text().and_then(<[u8]>::first_chunk).expect("a handle");
                assert!(self.open.remove(&u32::from_be_bytes(*handle)), "it is open");
                status(id, OK)
            }
            packets::READ => self.read(id, &mut fields),
            packets::READDIR if id.is_multiple_of(3) => status(id, END),
            packets::READDIR => names(1).text(b"a").text(b"-rw- a").number(0).done(),
            packets::REALPATH | packets::READLINK => {
                names(1).text(b"/srv/a").text(b"").number(0).done()
            }
            packets::STAT | packets::LSTAT | packets::FSTAT => {
                Packet::numbered(packets::ATTRS, id).number(1).long(FILE_BYTES).done()
            }
            packets::EXTENDED => Self::extended(id, &mut fields),
            _ => status(id, OK),
        }
    }

    fn read(&self, id: u32, fields: &mut Fields<'_>) -> Bytes {
        let (_, from) = (fields.text().expect("a handle"), fields.long().expect("a place"));
        let length = u64::from(fields.number().expect("a length")).min(self.most);
        match &content(from, length)[..] {
            [] => status(id, END),
            content => Packet::numbered(packets::DATA, id).text(content).done(),
        }
    }

    fn extended(id: u32, fields: &mut Fields<'_>) -> Bytes {
        let reply = Packet::numbered(packets::EXTENDED_REPLY, id);
        match fields.text().expect("a name") {
            b"limits@openssh.com" => reply.long(0).long(0).long(0).long(0).done(),
            b"statvfs@openssh.com" | b"fstatvfs@openssh.com" => reply.raw(&[0; 88]).done(),
            b"users-groups-by-id@openssh.com" => reply.text(b"").text(b"").done(),
            b"expand-path@openssh.com" => status(id, UNSUPPORTED),
            _ => status(id, OK),
        }
    }
}
