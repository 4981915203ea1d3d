//! Gaps of the control chain that a node has stated in its own chain, and jumps that the control
//! chain states itself. What nobody stated is a fault.

use proto::event::{ControlResumed, Event, Kind};
use proto::ids::{Chain, Digest};

/// How many stated gaps are remembered; of further ones it is said that something is missing.
const GAPS_LIMIT: usize = 4096;

/// Gaps that nodes have stated.
#[derive(Debug, Default)]
pub(crate) struct Gaps(Vec<ControlResumed>);

impl Gaps {
    /// Remembers what a node states.
    pub(crate) fn on(&mut self, event: &Event) {
        if event.id.chain != Chain::Control
            && let Some(Kind::ControlResumed(stated)) = event.kind
            && self.0.len() < GAPS_LIMIT
        {
            self.0.push(stated);
        }
    }

    /// Whether a gap was stated: from a place, or from one before it, to a place whose event points
    /// back to `prev`.
    pub(crate) fn covers(&self, from: u64, to: u64, prev: Digest) -> bool {
        let is = |stated: &ControlResumed| {
            stated.after <= from && (stated.first, stated.follows) == (to, prev)
        };
        self.0.iter().any(is)
    }
}

/// The place that an event says it follows, when it says so: behind a restored backup places jump.
pub(crate) fn jumps_from(event: &Event) -> Option<u64> {
    match &event.kind {
        Some(Kind::BackupRestored(restored)) if event.id.chain == Chain::Control => restored.after,
        _ => None,
    }
}
