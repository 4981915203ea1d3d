//! What the masker gives back: the two masked outputs of a window, and what was found in it.
//!
//! Nothing here may carry a found value.

use std::sync::Arc;

use super::action;
use super::compile::{MaskPlan, Treatment};
use super::detector::Confidence;
use super::masked::Masked;

/// A range of bytes within one window: `[start, start + length)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First byte, relative to the window.
    pub start: u64,
    /// Number of bytes.
    pub length: u64,
}

/// What one turn of the masker releases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The bytes for the client.
    pub client: Masked,
    /// The bytes for the record: as long as the client's, and masked at least as much.
    pub record: Masked,
    /// Where the record is masked and the client's bytes are not.
    pub record_masked: Vec<Span>,
    /// What was found; each finding once, in the window in which its last byte left.
    pub findings: Findings,
}

impl Window {
    /// A window whose record is what the client gets.
    pub(super) fn of(bytes: bytes::Bytes, findings: Findings) -> Self {
        let client = Masked::new(bytes);
        Self { record: client.clone(), client, record_masked: Vec::new(), findings }
    }
}

/// The places of a window that were masked. A text may be full of them, so they are kept as numbers
/// and get their names when they are asked for.
#[derive(Clone, Default)]
pub struct Findings {
    /// Only known when there is any.
    plan: Option<Arc<MaskPlan>>,
    places: Vec<Masking>,
}

/// A place that was masked, as a finding has it.
#[derive(Clone, Copy)]
pub(super) struct Masking {
    pub offset: u64,
    pub length: u64,
    pub treatment: u16,
    /// Whatever its action, stars stand for each byte.
    pub by_byte: bool,
}

impl Findings {
    /// Makes room for so many more.
    pub(super) fn reserve(&mut self, more: usize) {
        self.places.reserve(more);
    }

    #[inline]
    pub(super) fn push(&mut self, place: Masking) {
        self.places.push(place);
    }

    /// Says what the names of those are that were pushed.
    pub(super) fn named_by(&mut self, plan: &Arc<MaskPlan>) {
        if self.plan.is_none() && !self.places.is_empty() {
            self.plan = Some(Arc::clone(plan));
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Each of them, in the order of the stream.
    pub fn iter(&self) -> impl Iterator<Item = Finding> + '_ {
        self.places().map(|(treatment, place)| Finding {
            detector: Arc::clone(&treatment.detector),
            rule: Arc::clone(&treatment.rule),
            action: if place.by_byte { "redact" } else { action::name(&treatment.action) },
            offset: place.offset,
            length: place.length,
            confidence: treatment.confidence,
        })
    }

    /// The detector of each of them.
    pub fn detectors(&self) -> impl Iterator<Item = &str> {
        self.places().map(|(treatment, _)| &*treatment.detector)
    }

    fn places(&self) -> impl Iterator<Item = (&Treatment, &Masking)> {
        self.plan.iter().flat_map(|plan| {
            self.places.iter().map(|one| (&plan.treatments[usize::from(one.treatment)], one))
        })
    }
}

impl std::fmt::Debug for Findings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Findings {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Findings {}

/// One place that was masked: overlapping matches are one finding, under the strongest action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The detector's stable name.
    pub detector: Arc<str>,
    /// The rule that asked for it: its name in the policy, `default`, or a known value's label.
    pub rule: Arc<str>,
    /// What was done: `redact`, `keep_last`, `keep_first`, `hash`, `token`, `constant` or `null`.
    pub action: &'static str,
    /// First byte in the client's masked stream, counted from the stream's start.
    pub offset: u64,
    /// Number of bytes in the client's masked stream, after masking.
    pub length: u64,
    /// How sure it is.
    pub confidence: Confidence,
}
