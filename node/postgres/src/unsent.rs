//! What was permitted and waits to be written: without contact, or without room, nothing is
//! written, and a permit is good for a while only. What began in time may be written whole.

use std::collections::VecDeque;
use std::time::Duration;

/// Where in the line what was permitted begins, and until when it may be written, on the elapsed
/// clock. It is no longer than the line, which is bounded.
#[derive(Debug, Default)]
pub(crate) struct Unsent(VecDeque<(u64, Duration)>);

impl Unsent {
    /// What is put behind so many bytes must begin to be written by then.
    pub(crate) fn permitted(&mut self, behind: u64, until: Duration) {
        self.0.push_back((behind, until));
    }

    /// Whether something must not be written any more of which nothing is written.
    pub(crate) fn is_late(&mut self, written: u64, now: Duration) -> bool {
        while self.0.front().is_some_and(|(behind, _)| written > *behind) {
            self.0.pop_front();
        }
        self.0.front().is_some_and(|(_, until)| now > *until)
    }
}
