//! What the masker gives back: the two masked outputs of a window, and what was found in it.
//!
//! Nothing here may carry a found value.

use std::sync::Arc;

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
    pub findings: Vec<Finding>,
}

impl Window {
    /// A window whose record is what the client gets.
    pub(super) fn of(bytes: bytes::Bytes, findings: Vec<Finding>) -> Self {
        let client = Masked::new(bytes);
        Self { record: client.clone(), client, record_masked: Vec::new(), findings }
    }
}

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
