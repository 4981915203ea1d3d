//! What a git server says to somebody who fetches: pkt-lines, of which some carry the pack and the
//! others are text (git's `gitprotocol-common`, `gitprotocol-pack`, `gitprotocol-v2`).
//!
//! A pack is compressed: what is found in it is found by chance, and masked it would be broken. It
//! passes as it is. Every other line is masked as a text of its own, and its length set anew. What
//! does not keep to the protocol is output as any command's.
//!
//! Pure: bytes go in, what to do with them comes out.

use bytes::{Bytes, BytesMut};
use node_enforce::files::{LENGTH_DIGITS as DIGITS, packet_length};
use node_enforce::mask::{Form, Place};

/// The longest line.
const LINE_BYTES: usize = 65_520;
/// Lengths up to this mean something else: the end of a section, of a list, of an answer.
const MARKS: usize = 2;
/// What a pack begins with, where it comes without lines around it.
const PACK: &[u8] = b"PACK";
/// The first byte of a line that carries the pack, and of those that carry messages.
const OF_PACK: u8 = 1;
const MESSAGES: [u8; 2] = [2, 3];

/// What to do with what came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Whole lines, or a part of a pack, for the client, with the texts in it masked.
    Lines(Bytes, Vec<Place>),
    /// Output.
    Output(Bytes),
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Lines,
    /// The pack, up to the end.
    Pack,
    /// Something else, up to the end.
    Output,
}

/// One fetch.
pub(crate) struct Fetch {
    arrived: BytesMut,
    phase: Phase,
}

impl Fetch {
    pub(crate) fn new() -> Self {
        Self { arrived: BytesMut::new(), phase: Phase::Lines }
    }

    /// Bytes came from the server.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.arrived.extend_from_slice(bytes);
    }

    /// What to do with what came, as far as it is known.
    pub(crate) fn next(&mut self) -> Option<Said> {
        let mut places = Vec::new();
        let mut whole = 0;
        while self.phase == Phase::Lines {
            let rest = &self.arrived[whole..];
            let Some(digits) = rest.get(..DIGITS) else { break };
            match length(digits) {
                None => self.phase = if digits == PACK { Phase::Pack } else { Phase::Output },
                Some(0..=MARKS) => whole += DIGITS,
                Some(length) => {
                    let Some(line) = rest.get(..length) else { break };
                    places.extend(text(line).map(|(from, to)| Place {
                        start: whole + from,
                        end: whole + to,
                        message: whole,
                        form: Form::Packet,
                    }));
                    whole += length;
                }
            }
        }
        if self.phase == Phase::Pack {
            whole = self.arrived.len();
        }
        if whole > 0 {
            return Some(Said::Lines(self.arrived.split_to(whole).freeze(), places));
        }
        (self.phase == Phase::Output).then(|| self.rest()).flatten()
    }

    /// What is left when nothing more comes.
    pub(crate) fn rest(&mut self) -> Option<Said> {
        let rest = self.arrived.split().freeze();
        (!rest.is_empty()).then_some(Said::Output(rest))
    }
}

/// How long a line is, or which mark it is; nothing when it is none.
fn length(digits: &[u8]) -> Option<usize> {
    packet_length(digits).filter(|length| *length != MARKS + 1 && *length <= LINE_BYTES)
}

/// Where the text of a line is, if it is one.
fn text(line: &[u8]) -> Option<(usize, usize)> {
    match line.get(DIGITS) {
        None | Some(&OF_PACK) => None,
        Some(band) if MESSAGES.contains(band) => Some((DIGITS + 1, line.len())),
        Some(_) => Some((DIGITS, line.len())),
    }
}
