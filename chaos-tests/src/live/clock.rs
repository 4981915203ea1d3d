//! The one clock that all observations of a run are compared on: it counts from the machine's boot
//! and never goes back, whatever a test does to the clock of a gateway.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Now, since the machine's boot.
#[must_use]
pub fn since_boot() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// A time as `/proc/uptime` writes it, in seconds and hundredths.
pub(super) fn read_uptime(text: &str) -> Option<Duration> {
    let (seconds, hundredths) = text.trim().split_once('.')?;
    let hundredths: u64 = hundredths.parse().ok()?;
    Some(Duration::from_secs(seconds.parse().ok()?) + Duration::from_millis(hundredths * 10))
}
