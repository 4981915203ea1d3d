//! A database's bytes, to a client that has asked for something.

use bytes::Bytes;
use node_enforce::mask::ValueMasker;

use super::plan;
use crate::codec::frame::{HEADER_BYTES, whole};
use crate::codec::places::Finder;
use crate::codec::read::{self, columns};
use crate::config::TARGET_MESSAGE_BYTES;
use crate::conversation::{Bound, Conversation, Passed, Statement};

/// How many bytes go on together: few, so that short inputs have several batches.
const BATCH_BYTES: usize = 256;

/// Asks for as many things as a database's bytes may answer; the first byte says which.
fn opening(choice: u8) -> Conversation {
    let mut talk = Conversation::new();
    let statement = Statement::new(b"select 1"[..].into());
    let read = statement.script.clone();
    let bound = |binary: bool| {
        let binary: &[bool] = if binary { &[true] } else { &[false] };
        Bound { bind: b"", script: read.clone(), binary }
    };
    for turn in 0..16 {
        match choice % 4 {
            0 => talk.queried(read.clone()),
            1 => {
                talk.parsed(b"s", statement.clone());
                talk.described(b'S', b"s");
                talk.synced();
                talk.bound(b"", &statement, bound(turn % 2 == 0));
                talk.described(b'P', b"");
                talk.executed(b"", read.clone());
                talk.synced();
            }
            2 => {
                talk.parsed(b"", statement.clone());
                talk.bound(b"", &statement, bound(false));
                talk.executed(b"", read.clone());
                talk.synced();
            }
            _ => {
                talk.bound(b"p", &statement, bound(true));
                talk.executed(b"p", read.clone());
                talk.executed(b"p", read.clone());
                talk.closed(b'P', b"p");
                talk.synced();
            }
        }
    }
    talk
}

/// Puts bytes of a database through all that looks at them; the first one chooses what was asked.
///
/// # Panics
/// When something is not as it must be.
pub fn target(bytes: &[u8]) {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    let mut talk = opening(*choice);
    let mut masker = ValueMasker::new(plan());
    let (mut places, mut kinds, mut at, mut begun) = (Vec::new(), Vec::new(), 0, 0);
    while let Ok(Some(frame)) = whole(&bytes[at..], TARGET_MESSAGE_BYTES) {
        let body = &bytes[at + HEADER_BYTES..at + frame.bytes];
        drop((read::field(body, b'M'), columns(body)));
        let before = places.len();
        let finder = Finder { places: &mut places, at: at - begun };
        if talk.answered(frame.kind, body, finder) != Ok(Passed::On) {
            // The connection is over, or the message is left out: what came before passes.
            places.truncate(before);
            break;
        }
        kinds.push(frame.kind);
        at += frame.bytes;
        talk.take_over();
        if at - begun >= BATCH_BYTES {
            pass(&mut masker, &bytes[begun..at], &places, &kinds);
            (begun, places, kinds) = (at, Vec::new(), Vec::new());
        }
    }
    pass(&mut masker, &bytes[begun..at], &places, &kinds);
    assert!(talk.statement(b"nobody made this").is_none());
}

/// What is let through is as many messages of the same kinds, whole.
fn pass(
    masker: &mut ValueMasker,
    batch: &[u8],
    places: &[node_enforce::mask::Place],
    kinds: &[u8],
) {
    let masked = masker.mask(Bytes::copy_from_slice(batch), places);
    let (masked, _) = masked.expect("places lie within their batch");
    let (mut at, mut found) = (0, Vec::new());
    let out = masked.bytes();
    while at < out.len() {
        let frame = whole(&out[at..], usize::MAX).expect("a length that may be");
        let frame = frame.expect("messages stay whole");
        found.push(frame.kind);
        at += frame.bytes;
    }
    assert_eq!(found, kinds, "messages stay what they are");
}
