//! How large a journal may be, and for whom. Checked once, when it is opened.

use proto::event::EVENT_LIMIT;

use crate::error::OpenError;
use crate::format::{HEADER_BYTES, record_bytes};

const MIB: u64 = 1024 * 1024;

/// The most that waits to be written, in records.
pub const QUEUE_RECORDS: usize = 16 * 1024;
/// The most that waits to be written, in bytes; a small segment bounds it further.
pub const QUEUE_BYTES: u64 = 64 * MIB;
/// The most that one sync makes durable, in bytes.
pub const BATCH_BYTES: u64 = 8 * MIB;

/// How long the writer waits for more when nobody waits for what there is: syncing twice as often
/// costs twice as much.
pub(crate) const GATHER: std::time::Duration = std::time::Duration::from_millis(1);
/// So many records are written without waiting for more.
pub(crate) const GATHERED_RECORDS: usize = 512;

/// How a journal is kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// What its metrics and log lines call it.
    pub name: &'static str,
    /// The size of a segment in bytes; two spare ones are always kept allocated.
    pub segment_bytes: u64,
    /// The most that live records may take, in bytes.
    pub quota_bytes: u64,
    /// One person's part of the quota, in percent.
    pub share_percent: u8,
    /// The part of everybody who has not proved who they are, in percent.
    pub strangers_percent: u8,
    /// Room beyond the quota that only last words may use, in bytes.
    pub last_words_bytes: u64,
    /// Whether sealed segments move to `archive/` once live records take half of the quota, or
    /// somebody's take half of their part. Then a part must hold two segments, because the segment
    /// that is written to cannot move.
    pub archive: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: "record",
            segment_bytes: 64 * MIB,
            quota_bytes: 8 * 1024 * MIB,
            share_percent: 25,
            strangers_percent: 5,
            last_words_bytes: 64 * MIB,
            archive: true,
        }
    }
}

impl Options {
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let smallest = HEADER_BYTES + record_bytes(1);
        let wrong = |what: String| Err(OpenError::Options(what));
        if self.segment_bytes < smallest || !self.segment_bytes.is_multiple_of(8) {
            return wrong(format!("segment_bytes is a multiple of 8, at least {smallest}"));
        }
        if self.segment_bytes > u64::from(u32::MAX) {
            return wrong("segment_bytes is below 4 GiB".to_owned());
        }
        if self.share_percent > 100 || self.strangers_percent > 100 {
            return wrong("a share is at most 100 percent".to_owned());
        }
        let smallest = u128::from(self.share_percent.min(self.strangers_percent));
        let part = u128::from(self.quota_bytes) * smallest / 100;
        if self.archive && part < 2 * u128::from(self.segment_bytes) {
            return wrong(format!("the smallest share is {part} bytes, less than two segments"));
        }
        Ok(())
    }

    /// The largest record that fits a segment, in bytes of content.
    pub(crate) fn largest(&self) -> usize {
        let room = self.segment_bytes - HEADER_BYTES - record_bytes(0);
        usize::try_from(room).unwrap_or(EVENT_LIMIT).min(EVENT_LIMIT)
    }

    pub(crate) fn queue_bytes(&self) -> u64 {
        QUEUE_BYTES.min(self.segment_bytes)
    }
}
