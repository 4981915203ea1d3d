//! A client that only counts: what a real one does with rows would hide what a path costs.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::live::wire::{Message, Wire, bytes};

use crate::rig::{DATABASE, Way};

/// How much it reads at a time.
const READ_BYTES: usize = 256 * 1024;
/// A message's kind and length.
const HEAD_BYTES: usize = 5;

/// Logs in.
pub(crate) fn connect(way: &Way) -> Result<Wire> {
    Wire::connect(&way.address(), way.user, DATABASE, way.password)
        .with_context(|| format!("the way {}", way.name))
}

/// Asks, and counts the bytes and rows (of a select or a copy) up to the end of the answer.
pub(crate) fn count(wire: &mut Wire, ask: &[Message]) -> Result<(u64, u64)> {
    wire.send(&bytes(ask))?;
    let mut stream: TcpStream = wire.stream()?;
    let (mut total, mut rows) = (0, 0);
    let mut buffer = vec![0; READ_BYTES];
    // What of a head is there, and how many bytes of a body are to be passed over.
    let (mut head, mut begun, mut left) = ([0; HEAD_BYTES], 0, 0_usize);
    loop {
        let read = match stream.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read?,
        };
        ensure!(read > 0, "the connection was closed");
        total += read as u64;
        let mut rest = &buffer[..read];
        while !rest.is_empty() {
            let passed = left.min(rest.len());
            (left, rest) = (left - passed, &rest[passed..]);
            let taken = if left > 0 { 0 } else { (HEAD_BYTES - begun).min(rest.len()) };
            head[begun..begun + taken].copy_from_slice(&rest[..taken]);
            (begun, rest) = (begun + taken, &rest[taken..]);
            if begun < HEAD_BYTES {
                continue;
            }
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
            (begun, left) = (0, usize::try_from(length)?.saturating_sub(4));
            rows += u64::from(matches!(head[0], b'D' | b'd'));
            ensure!(head[0] != b'E', "an error came");
            if head[0] == b'Z' {
                return Ok((total, rows));
            }
        }
    }
}

/// Says goodbye.
pub(crate) fn leave(wire: &mut Wire) -> Result<()> {
    let mut stream = wire.stream()?;
    Ok(stream.write_all(&bytes(&[(b'X', Vec::new())]))?)
}
