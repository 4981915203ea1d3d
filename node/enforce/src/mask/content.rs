//! Content that may not be changed, such as that of a file: it passes as it is, or not at all.
//!
//! A piece is looked through together with what lies around it, so it does not matter where pieces
//! are cut, nor in which order they are asked for. Nothing is held back.

use std::sync::Arc;

use bytes::Bytes;

use super::compile::MaskPlan;
use super::engine::scanners;
use super::masked::Masked;
use super::scan::Then;
use super::text::Text;

/// How much around a piece is to be looked at with it, on either side, in bytes: as much as the
/// longest form of a known value, and as a pattern of a policy sees. Of blocks of lines the first
/// tells; of longer web tokens what lies further behind their beginning is not found by itself.
pub const AROUND_BYTES: usize = 4096;

/// A detector that finds something by chance in what is no text: about once in 2 GB.
const BY_CHANCE: &str = "key-value";

/// A piece with what is around it.
#[derive(Clone, Debug)]
pub struct Piece<'a> {
    /// The message that carries it.
    pub message: Bytes,
    /// Where it begins in the message; it goes to its end. Before it is structure alone.
    pub from: usize,
    /// What lies before it.
    pub before: &'a [u8],
    /// What lies behind it.
    pub after: &'a [u8],
}

/// Looks through a piece. Gives its message when nothing is found that would be masked.
///
/// # Errors
/// The detectors that found something.
pub fn content(plan: &Arc<MaskPlan>, piece: &Piece<'_>) -> Result<Masked, Vec<Arc<str>>> {
    let within = piece.message.get(piece.from..).unwrap_or_default();
    let mut text = Text::new();
    text.push(piece.before);
    text.push(within);
    text.push(piece.after);
    let mut found = Vec::new();
    for scanner in &mut scanners(plan) {
        scanner.scan(&text, Then::Ended, &mut found);
    }
    let begins = piece.before.len() as u64;
    let ends = begins + within.len() as u64;
    // What is cut off by an edge of what is seen is looked at with its neighbours.
    found.retain(|found| found.start < ends && found.end > begins);
    let is_text = || !text.rest(0).contains(&0);
    let named = |treatment: u16| plan.treatments[usize::from(treatment)].detector.clone();
    let mut names: Vec<_> = found.iter().map(|found| named(found.treatment)).collect();
    names.sort_unstable();
    names.dedup();
    if names.iter().any(|name| **name == *BY_CHANCE) && !is_text() {
        names.retain(|name| **name != *BY_CHANCE);
    }
    if names.is_empty() { Ok(Masked::new(piece.message.clone())) } else { Err(names) }
}
