//! The bytes of format version 1, as they are on disks for ever. The checksums were computed by
//! another implementation of CRC-32.

use proto::event::Head;
use proto::ids::{Digest, Epoch};
use store_log::{Heads, Position};

use crate::format::{Found, Frame, Header, decode, extent};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_header() {
    let head = |seq: u64| Head { seq, hash: Some(Digest([u8::try_from(seq).unwrap(); 32])) };
    let before = Heads { node: head(7), control: head(9), epoch: Epoch(3) };
    let header = Header { capacity: 4096, first: Position(17), salt: 0x0102_0304, before };
    let bytes = header.encode();
    assert_eq!(bytes.len(), 512);
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let expected = concat!(
        "53504a4f55524e4c", // magic
        "01000000",         // version
        "e26c18b1",         // checksum
        "0010000000000000", // capacity
        "1100000000000000", // first position
        "0403020100000000", // salt
        "0300000000000000", // epoch
        "0700000000000000", // place of the node's chain, and its hash
        "0707070707070707070707070707070707070707070707070707070707070707",
        "0900000000000000", // place of the control chain, and its hash
        "0909090909090909090909090909090909090909090909090909090909090909",
    );
    assert_eq!(hex(&bytes[..used]), expected);
    assert_eq!(Header::decode("a file", 17, &bytes).unwrap(), header);
}

#[test]
fn a_record() {
    let frame = Frame {
        position: Position(18),
        batch: Position(17),
        epoch: Epoch(3),
        seq: 8,
        share: 5,
        control: true,
        last_words: true,
    };
    let mut bytes = Vec::new();
    frame.encode(0x0102_0304, b"{} ok", &mut bytes);
    let expected = concat!(
        "05000000",         // length
        "7e3a7926",         // checksum
        "1200000000000000", // position
        "1100000000000000", // first position of its batch
        "0300000000000000", // epoch
        "0800000000000000", // place in its chain
        "0500000000000000", // share
        "0201000000000000", // chain, flags
        "7b7d206f6b000000", // content and padding
    );
    assert_eq!(hex(&bytes), expected);
    assert_eq!(extent(&bytes, 64), Ok(64));
    assert_eq!(decode(0x0102_0304, &bytes), Found::Record(frame, b"{} ok"));
}
