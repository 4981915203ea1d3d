//! The system's clocks: the only place of a node where time is read.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use proto::time::{Moment, Utc};

use crate::ports::Clock;

/// The clocks of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        let utc = jiff::Timestamp::now();
        let (utc_microseconds, offset_minutes) = (utc.as_microsecond(), offset_minutes(utc));
        Moment { utc: Utc(utc_microseconds), offset_minutes, elapsed: self.elapsed() }
    }

    fn elapsed(&self) -> Duration {
        // CLOCK_BOOTTIME counts suspend: a laptop lid or a paused machine ages every permit.
        let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(boot.tv_sec).unwrap_or(0);
        let nanos = u32::try_from(boot.tv_nsec).unwrap_or(0);
        Duration::new(seconds, nanos)
    }
}

/// Minutes that local time is ahead. The zone is asked once a second: a clock is read several times
/// for each statement, and zones change between seconds.
fn offset_minutes(utc: jiff::Timestamp) -> i16 {
    /// The second that it was asked about last, above the minutes that it said.
    static LAST: AtomicI64 = AtomicI64::new(i64::MIN);
    const MINUTES_BITS: u32 = 16;
    let last = LAST.load(Ordering::Relaxed);
    if last >> MINUTES_BITS == utc.as_second() {
        return last as i16;
    }
    let offset = jiff::tz::TimeZone::system().to_offset(utc);
    let minutes = i16::try_from(offset.seconds() / 60).unwrap_or(0);
    let asked = utc.as_second() << MINUTES_BITS | i64::from(minutes as u16);
    LAST.store(asked, Ordering::Relaxed);
    minutes
}
