//! The system's clocks: the only place of a node where time is read.

use std::time::Duration;

use proto::time::{Moment, Utc};

use crate::ports::Clock;

/// The clocks of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        let utc = jiff::Timestamp::now();
        let offset = jiff::tz::TimeZone::system().to_offset(utc);
        Moment {
            utc: Utc(utc.as_microsecond()),
            offset_minutes: i16::try_from(offset.seconds() / 60).unwrap_or(0),
            elapsed: self.elapsed(),
        }
    }

    fn elapsed(&self) -> Duration {
        // CLOCK_BOOTTIME counts suspend: a laptop lid or a paused machine ages every permit.
        let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(boot.tv_sec).unwrap_or(0);
        let nanos = u32::try_from(boot.tv_nsec).unwrap_or(0);
        Duration::new(seconds, nanos)
    }
}
